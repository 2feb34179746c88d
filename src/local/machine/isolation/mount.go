package isolation

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// mount is mount(2) with an error that says what it was about.
func mount(source, target, kind string, flags uintptr, options string) error {
	if err := unix.Mount(source, target, kind, flags, options); err != nil {
		if kind == "" {
			kind = source
		}
		return fmt.Errorf("mount %s on %s: %w", kind, target, err)
	}
	return nil
}

// isolateMounts lets mounts come in from the host, so that what is unmounted there is gone here too,
// and none go out.
func isolateMounts() error {
	return mount("none", "/", "", unix.MS_REC|unix.MS_SLAVE, "")
}

// mountProc shows the processes of this PID namespace.
func mountProc() error {
	return mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
}

// bind shows source, a file or a folder with all that is mounted in it, at target, which is made.
func bind(source, target string) error {
	info, err := os.Stat(source)
	if err != nil {
		return fmt.Errorf("show %s: %w", target, err)
	}
	if info.IsDir() {
		err = os.MkdirAll(target, 0o755)
	} else {
		err = touch(target)
	}
	if err != nil {
		return fmt.Errorf("make the place of %s: %w", target, err)
	}
	return mount(source, target, "", unix.MS_BIND|unix.MS_REC, "")
}

// bindReadOnly is bind for what the machine must not change.
func bindReadOnly(source, target string) error {
	if err := bind(source, target); err != nil {
		return err
	}
	return setReadOnly(target, true)
}

// setReadOnly makes a mount, and with all those in it too, unwritable.
func setReadOnly(target string, all bool) error {
	flags := uint(0)
	if all {
		flags = unix.AT_RECURSIVE
	}
	if err := unix.MountSetattr(-1, target, flags, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return fmt.Errorf("make %s read-only (needs Linux 5.12): %w", target, err)
	}
	return nil
}

// touch makes a file for something to be mounted on.
func touch(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}
