package isolation

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pks-community/pks-release/src/local/machine/agent"
)

// Main is the whole of a program that was started as `PROGRAM Command ROLE NAME`; args are those after
// Command, and NAME is only there for whoever lists processes. It returns the exit code. People have no use for it: it wants descriptors that only this
// package hands out.
func Main(args []string) int {
	if len(args) != 2 {
		return usage()
	}
	var err error
	switch args[0] {
	case roleHolder:
		err = runHolder()
	case roleMachine:
		err = runMachine()
	default:
		return usage()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s %s: %v\n", Command, args[0], err)
		return 1
	}
	return 0
}

func usage() int {
	fmt.Fprintf(os.Stderr, "%s is started by the machines of this program itself, not by people.\n", Command)
	return 2
}

// runMachine is the first process of a machine. In namespaces it comes here twice: to make the
// machine, and then, started anew so that all its threads are in the machine, to be its agent.
func runMachine() error {
	syscall.CloseOnExec(configFD)
	syscall.CloseOnExec(reportFD)
	reports := os.NewFile(reportFD, "report")
	config, err := readConfig()
	if err != nil {
		return err
	}
	if config.Mode != Kwok && config.ListenerFD == 0 {
		// Control group namespaces belong to threads: the one that enters it must be the one that goes on.
		runtime.LockOSThread()
		err := config.boot()
		_ = json.NewEncoder(reports).Encode(report{Error: err.Error()})
		return err
	}
	listener, err := config.listener()
	if err == nil {
		err = raiseLimits(config.Mode)
	}
	if err != nil {
		_ = json.NewEncoder(reports).Encode(report{Error: err.Error()})
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := json.NewEncoder(reports).Encode(report{}); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_ = reports.Close()
	return agent.Serve(ctx, config.Agent, listener)
}

func readConfig() (bootConfig, error) {
	f := os.NewFile(configFD, "config")
	defer f.Close()
	var config bootConfig
	if err := json.NewDecoder(f).Decode(&config); err != nil {
		return bootConfig{}, fmt.Errorf("read the configuration: %w", err)
	}
	return config, nil
}

// listener is what the agent listens on.
func (c bootConfig) listener() (net.Listener, error) {
	fd := c.ListenerFD
	if fd == 0 {
		var err error
		if fd, err = listen(c.Socket); err != nil {
			return nil, err
		}
	}
	syscall.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "agent")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("listen on descriptor %s: %w", strconv.Itoa(fd), err)
	}
	return l, nil
}

// raiseLimits lets the machine's processes have as many files as the host allows, and makes orphans
// the agent's where it is not the first process.
func raiseLimits(mode Mode) error {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	files.Cur = files.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("raise the limit of open files: %w", err)
	}
	if mode != Kwok {
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("take over orphans: %w", err)
	}
	return nil
}
