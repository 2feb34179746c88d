//go:build unix

package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stopWait is how long an interrupted build has to remove its temporary files.
const stopWait = 10 * time.Second

// runGroup runs command in a process group of its own, at low priority, and ends the whole group with ctx:
// interrupted first, killed when that takes longer than stopWait. Nothing of the group outlives the call.
func runGroup(ctx context.Context, command *exec.Cmd) error {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.WaitDelay = time.Second
	if err := command.Start(); err != nil {
		return err
	}
	group := -command.Process.Pid
	lowerPriority(command.Process.Pid)
	done := make(chan error, 1)
	go func() { done <- command.Wait() }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = endGroup(group, done)
		err = errors.Join(context.Cause(ctx), err)
	}
	if killErr := syscall.Kill(group, syscall.SIGKILL); killErr != nil && !errors.Is(killErr, syscall.ESRCH) && !errors.Is(killErr, syscall.EPERM) {
		err = errors.Join(err, fmt.Errorf("end the processes of %s: %w", command.Path, killErr))
	}
	return err
}

func endGroup(group int, done <-chan error) error {
	if err := syscall.Kill(group, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return errors.Join(err, <-done)
	}
	select {
	case <-done:
		return nil
	case <-time.After(stopWait):
	}
	if err := syscall.Kill(group, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return errors.Join(err, <-done)
	}
	<-done
	return nil
}

// lowerPriority lets everything else go first; a build at the usual priority is no reason to fail.
func lowerPriority(pid int) {
	_ = unix.Setpriority(unix.PRIO_PGRP, pid, 10)
}

// freeSpace returns the bytes that a user may still write to the file system of path, and a number that tells
// file systems apart.
func freeSpace(path string) (free uint64, device uint64, err error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return 0, 0, fmt.Errorf("ask for free space of %s: %w", path, err)
	}
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return 0, 0, fmt.Errorf("ask for the file system of %s: %w", path, err)
	}
	return fs.Bavail * uint64(fs.Bsize), uint64(stat.Dev), nil
}
