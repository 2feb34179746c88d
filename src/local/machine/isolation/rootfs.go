package isolation

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Folders of a machine's folder on the host.
const (
	rootDir = "root" // where its root is mounted, empty for everybody else
	varDir  = "var"  // its /var
	cniDir  = "cni"  // its /etc/cni
)

// oldRoot is where the host's root is until the machine has taken from it what it needs.
const oldRoot = "/.old"

// ownDir holds files that are mounted over others.
const ownDir = "/.machine"

// searchPath is where programs are.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// systemDirs are the parts of the host's root with its programs, on all distributions together.
func systemDirs() []string {
	return []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix", "/gnu"}
}

// makeRoot gives the machine a root file system of its own: a temporary one with the host's programs,
// read-only, and the machine's folders.
func (c bootConfig) makeRoot() error {
	if err := isolateMounts(); err != nil {
		return err
	}
	root := filepath.Join(c.Dir, rootDir)
	if err := mount("tmpfs", root, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(root, oldRoot), 0o700); err != nil {
		return fmt.Errorf("make a place for the old root: %w", err)
	}
	if err := os.Chdir(root); err != nil {
		return fmt.Errorf("enter the new root: %w", err)
	}
	if err := unix.PivotRoot(".", "."+oldRoot); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return fmt.Errorf("enter the new root: %w", err)
	}
	steps := []func() error{
		showSystem, c.makeEtc, c.makeProc, c.makeSys, c.makeDev, c.makeVar,
		func() error { return temporary("/run", "mode=755") },
		func() error { return temporary("/tmp", "mode=1777") },
		func() error { return os.MkdirAll("/run/lock", 0o755) },
		func() error { return os.MkdirAll("/root", 0o700) },
		func() error { return os.MkdirAll("/opt", 0o755) },
		func() error { return os.MkdirAll("/mnt", 0o755) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	if err := unix.Unmount(oldRoot, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("let go of the host's files: %w", err)
	}
	if err := os.Remove(oldRoot); err != nil {
		return fmt.Errorf("let go of the host's files: %w", err)
	}
	// The kubelet wants mounts made in a container to be seen outside of it.
	return mount("none", "/", "", unix.MS_REC|unix.MS_SHARED, "")
}

func temporary(path, options string) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	return mount("tmpfs", path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options)
}

// showSystem shows the host's programs, links as links.
func showSystem() error {
	for _, dir := range systemDirs() {
		old := oldRoot + dir
		info, err := os.Lstat(old)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return fmt.Errorf("show %s: %w", dir, err)
		case info.Mode().Type() == fs.ModeSymlink:
			target, err := os.Readlink(old)
			if err == nil {
				err = os.Symlink(target, dir)
			}
			if err != nil {
				return fmt.Errorf("show %s: %w", dir, err)
			}
		default:
			if err := bindReadOnly(old, dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeVar shows the machine's ephemeral disk, the packages and the persistent disk.
func (c bootConfig) makeVar() error {
	if err := bind(filepath.Join(oldRoot, c.Dir, varDir), "/var"); err != nil {
		return err
	}
	for _, dir := range []string{
		"/var/lib/containerd", "/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/var/log/containers",
		vcap + "/jobs", vcap + "/packages", vcap + "/data", vcap + "/store", vcap + "/sys/log", vcap + "/sys/run",
	} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make %s: %w", dir, err)
		}
	}
	for link, target := range map[string]string{"/var/run": "/run", "/var/lock": "/run/lock"} {
		if err := os.Symlink(target, link); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("make %s: %w", link, err)
		}
	}
	if err := os.MkdirAll("/var/tmp", 0o755); err != nil {
		return fmt.Errorf("make /var/tmp: %w", err)
	}
	if err := os.Chmod("/var/tmp", fs.ModeSticky|0o777); err != nil {
		return fmt.Errorf("make /var/tmp: %w", err)
	}
	if c.PersistentDisk != "" {
		if err := bind(filepath.Join(oldRoot, c.PersistentDisk), vcap+"/store"); err != nil {
			return err
		}
	}
	for name, dir := range c.Packages {
		if err := bindReadOnly(filepath.Join(oldRoot, dir), filepath.Join(vcap, "packages", name)); err != nil {
			return err
		}
	}
	return nil
}
