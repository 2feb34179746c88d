package isolation

import (
	"encoding/json"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// boot turns the calling process, the first in fresh namespaces, into a machine and starts the
// program again as its agent. It returns only when that fails. The calling goroutine is bound to its
// thread.
func (c bootConfig) boot() error {
	if err := c.joinGroups(); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("make a control group namespace: %w", err)
	}
	if err := unix.Sethostname([]byte(c.Agent.Name)); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	fd, err := listen(c.Socket)
	if err != nil {
		return err
	}
	if err := connectInside(c.Address, c.Gateway); err != nil {
		return err
	}
	if err := c.makeRoot(); err != nil {
		return err
	}
	if c.Probe {
		if err := c.tryNode(); err != nil {
			return err
		}
	}
	c.ListenerFD = fd
	return c.serve()
}

// serve starts the program again in this process, with the descriptors it needs.
func (c bootConfig) serve() error {
	memory, err := unix.MemfdCreate("config", unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("hand the configuration on: %w", err)
	}
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("hand the configuration on: %w", err)
	}
	f := os.NewFile(uintptr(memory), "config")
	_, err = f.Write(data)
	if err == nil {
		_, err = f.Seek(0, 0)
	}
	if err != nil {
		return fmt.Errorf("hand the configuration on: %w", err)
	}
	// The pipe that was there has been read and closed; its number may have been given to this one.
	if memory != configFD {
		if err := unix.Dup3(memory, configFD, 0); err != nil {
			return fmt.Errorf("hand the configuration on: %w", err)
		}
	}
	for _, fd := range []int{configFD, reportFD, c.ListenerFD} {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return fmt.Errorf("hand a descriptor on: %w", err)
		}
	}
	// The link leads to the open file of this program, wherever that lies.
	if err := syscall.Exec("/proc/self/exe", os.Args, os.Environ()); err != nil {
		return fmt.Errorf("start the agent: %w", err)
	}
	return nil
}
