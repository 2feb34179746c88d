package isolation

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// tryNode does, in a machine that is only there to find out, what a Kubernetes node will do.
func (c bootConfig) tryNode() error {
	if c.Mode == Root {
		if err := tryControllers(groupRoot); err != nil {
			return err
		}
	}
	if err := tryOverlay("/var/lib/probe", c.Mode); err != nil {
		return err
	}
	if err := tryPacketFilter(); err != nil {
		return err
	}
	return tryBridge()
}

// tryControllers looks for the controllers without which neither machines nor pods have limits.
func tryControllers(root string) error {
	for controller, files := range map[string][2]string{
		"memory": {"memory/memory.limit_in_bytes", "memory.max"},
		"cpu":    {"cpu/cpu.shares", "cpu.weight"},
	} {
		_, first := os.Stat(filepath.Join(root, files[0]))
		_, second := os.Stat(filepath.Join(root, files[1]))
		if first != nil && second != nil {
			return fmt.Errorf("the kernel has no control groups for %s: switch them on when it is booted (cgroup_enable=%s)", controller, controller)
		}
	}
	return nil
}

// tryOverlay mounts images as containerd does.
func tryOverlay(dir string, mode Mode) error {
	options := []string{}
	for _, name := range []string{"lower", "upper", "work"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(path, 0o755); err != nil {
			return fmt.Errorf("make %s: %w", path, err)
		}
		options = append(options, name+"dir="+path)
	}
	if mode == Rootless {
		options = append(options, "userxattr")
	}
	merged := filepath.Join(dir, "merged")
	if err := os.MkdirAll(merged, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", merged, err)
	}
	if err := unix.Mount("overlay", merged, "overlay", 0, strings.Join(options, ",")); err != nil {
		return fmt.Errorf("the file system of the data folder cannot carry overlays, which container images need: %w", err)
	}
	if err := unix.Unmount(merged, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount an overlay: %w", err)
	}
	return nil
}

// tryPacketFilter runs nft as kube-proxy does.
func tryPacketFilter() error {
	path, err := exec.LookPath("nft")
	if err != nil {
		return errors.New("program nft is missing: install nftables")
	}
	rules := "add table ip pks_probe; " +
		"add chain ip pks_probe nat { type nat hook postrouting priority 100 ; }; " +
		"add rule ip pks_probe nat ip saddr 10.0.0.0/8 masquerade; " +
		"delete table ip pks_probe"
	if output, err := exec.Command(path, rules).CombinedOutput(); err != nil {
		return fmt.Errorf("program nft cannot set rules: %s", firstLine(output, err))
	}
	return nil
}

func firstLine(output []byte, err error) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
	if line == "" {
		return err.Error()
	}
	return line
}

// tryBridge makes what the pods' network is made of.
func tryBridge() error {
	if err := addProbeBridge(); err != nil {
		return fmt.Errorf("make a bridge in a machine: %w", err)
	}
	return nil
}
