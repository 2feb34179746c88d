//go:build !windows

package cli_test

import (
	"errors"
	"os"
	"syscall"
)

// nobody is a user without rights.
const nobody = 65534

// restrict takes from the process what a test wants it to do without:
// PKS_TEST_NOBODY the rights of root, PKS_TEST_NO_FILES every further file and
// socket.
func restrict() error {
	if os.Getenv("PKS_TEST_NOBODY") != "" {
		if err := errors.Join(syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
			return err
		}
	}
	if os.Getenv("PKS_TEST_NO_FILES") == "" {
		return nil
	}
	// The runtime's poller and its timers are files themselves: have them first.
	in, out, err := os.Pipe()
	if err != nil {
		return err
	}
	return errors.Join(in.Close(), out.Close(), syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{}))
}
