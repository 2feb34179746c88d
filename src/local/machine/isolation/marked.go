package isolation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// killMarked kills every process whose marker matches, and waits for their ends, until there is none.
// A process that it may not look at is not its own.
func killMarked(ctx context.Context, match func(value string) bool) error {
	for {
		processes, err := findMarked(match)
		if err != nil || len(processes) == 0 {
			return err
		}
		for _, p := range processes {
			err = errors.Join(err, p.kill(ctx))
		}
		if err != nil {
			return err
		}
	}
}

// process is a handle of a process: a process id may be somebody else's by the time it is used.
type process struct{ pid, fd int }

// findMarked opens a handle of each process whose marker matches.
func findMarked(match func(value string) bool) ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	found := []process{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() || !matches(pid, match) {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("open process %d: %w", pid, err)
		}
		if !matches(pid, match) { // the number was given to another one meanwhile
			_ = unix.Close(fd)
			continue
		}
		found = append(found, process{pid, fd})
	}
	return found, nil
}

// kill ends the process, waits and closes the handle.
func (p process) kill(ctx context.Context) error {
	defer func() { _ = unix.Close(p.fd) }()
	if err := unix.PidfdSendSignal(p.fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill process %d: %w", p.pid, err)
	}
	const look = 100 * time.Millisecond // how often ctx is looked at
	for {
		ended, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, int(look.Milliseconds()))
		switch {
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("wait for process %d: %w", p.pid, err)
		case ended > 0:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("wait for process %d: %w", p.pid, ctx.Err())
		}
	}
}

// matches reads a process's marker. A process that has ended but was not waited for has none.
func matches(pid int, match func(value string) bool) bool {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return false
	}
	for variable := range bytes.SplitSeq(data, []byte{0}) {
		if value, found := bytes.CutPrefix(variable, []byte(marker+"=")); found {
			return match(string(value))
		}
	}
	return false
}
