package isolation

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const groupRoot = "/sys/fs/cgroup"

// makeSys shows the devices of the machine's network, and its control groups as if they were all.
func (c bootConfig) makeSys() error {
	if err := os.MkdirAll("/sys", 0o555); err != nil {
		return fmt.Errorf("make /sys: %w", err)
	}
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := mount("sysfs", "/sys", "sysfs", flags, ""); err != nil {
		// A host that hides parts of its own refuses a fresh one.
		return bindReadOnly(oldRoot+"/sys", "/sys")
	}
	if err := setReadOnly("/sys", false); err != nil {
		return err
	}
	hierarchies, err := readHierarchies(oldRoot)
	if err != nil {
		return err
	}
	if len(hierarchies) == 1 && hierarchies[0].Version == 2 && hierarchies[0].Mount == groupRoot {
		if err := mount("cgroup2", groupRoot, "cgroup2", flags, ""); err != nil {
			return bindReadOnly(oldRoot+groupRoot, groupRoot)
		}
		return c.enterLeaf(groupRoot)
	}
	if err := mount("tmpfs", groupRoot, "tmpfs", flags, "mode=755"); err != nil {
		return err
	}
	for _, h := range hierarchies {
		place := filepath.Join(groupRoot, filepath.Base(h.Mount))
		if err := os.Mkdir(place, 0o755); err != nil {
			return fmt.Errorf("make %s: %w", place, err)
		}
		kind := "cgroup"
		if h.Version == 2 {
			kind = "cgroup2"
		}
		if err := mount(kind, place, kind, flags, h.Options); err != nil {
			if c.Mode == Root {
				return err
			}
			if err := bindReadOnly(oldRoot+h.Mount, place); err != nil {
				return err
			}
		}
	}
	if err := linkControllers(oldRoot + groupRoot); err != nil {
		return err
	}
	return setReadOnly(groupRoot, false)
}

// linkControllers repeats the links that name one controller of several that share a hierarchy.
func linkControllers(old string) error {
	entries, err := os.ReadDir(old)
	if err != nil {
		return fmt.Errorf("read the host's control groups: %w", err)
	}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(old, e.Name()))
		if err != nil {
			continue // not a link
		}
		if err := os.Symlink(target, filepath.Join(groupRoot, e.Name())); err != nil {
			return fmt.Errorf("make a link in %s: %w", groupRoot, err)
		}
	}
	return nil
}

// enterLeaf prepares a version 2 root for the kubelet: a group that passes controllers on may have no
// process of its own, so what runs already moves one down.
func (c bootConfig) enterLeaf(root string) error {
	if c.Mode != Root {
		return nil
	}
	leaf := filepath.Join(root, "init")
	if err := os.MkdirAll(leaf, 0o755); err != nil {
		return fmt.Errorf("make the first control group: %w", err)
	}
	if err := os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte("0"), 0); err != nil {
		return fmt.Errorf("enter the first control group: %w", err)
	}
	return passControllers(root)
}
