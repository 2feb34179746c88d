package isolation

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Socket is where the agent of the machine with its files in dir listens (MachineOptions.Dir).
func Socket(dir string) string { return filepath.Join(dir, "agent.sock") }

// listen makes a listening unix socket at path, of any length, for its owner alone, and returns its
// descriptor. What was left there is removed.
func listen(path string) (fd int, err error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("remove the old socket: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return 0, fmt.Errorf("open the folder of the socket: %w", err)
	}
	defer dir.Close()
	fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("make a socket: %w", err)
	}
	// A socket's address holds 107 bytes; the way through the descriptor is short.
	short := fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	err = unix.Bind(fd, &unix.SockaddrUnix{Name: short})
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err == nil {
		err = unix.Listen(fd, unix.SOMAXCONN)
	}
	if err != nil {
		_ = unix.Close(fd)
		return 0, fmt.Errorf("listen at %s: %w", path, err)
	}
	return fd, nil
}
