package isolation_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/agent"
	"github.com/pks-community/pks-release/src/local/machine/isolation"
)

// standInCommand makes the test program something else that a test needs in a process of its own.
const standInCommand = "stand-in"

func standIn(args []string) int {
	var err error
	switch {
	case len(args) == 3 && args[0] == "echo":
		err = echo(args[1], args[2])
	case len(args) == 4 && args[0] == "drive":
		err = drive(isolation.Mode(args[1]), args[2], args[3])
	case len(args) == 4 && args[0] == "cycle":
		err = cycle(isolation.Mode(args[1]), args[2], args[3])
	default:
		err = fmt.Errorf("stand-in %v", args)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// echo answers every connection with a greeting.
func echo(address, greeting string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		_, _ = io.WriteString(conn, greeting)
		_ = conn.Close()
	}
}

func startDriven(ctx context.Context, mode isolation.Mode, dir, stack string) (*isolation.Segment, *isolation.Machine, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	s, err := isolation.StartSegment(ctx, isolation.SegmentOptions{
		Mode: mode, Program: path, Dir: filepath.Join(dir, "segment"), Stack: stack, Deployment: "driven",
		Gateway: netip.MustParsePrefix("10.77.0.1/16"),
	})
	if err != nil {
		return nil, nil, err
	}
	address := netip.MustParseAddr("10.77.0.2")
	if mode == isolation.Kwok {
		address = netip.MustParseAddr("127.77.0.2")
	}
	m, err := s.StartMachine(ctx, isolation.MachineOptions{
		Name: "machine", Dir: filepath.Join(dir, "machine"), Address: address, MemoryMB: 512, CPUs: 1,
	})
	return s, m, err
}

// drive is a program with a machine, in which processes run, until it is killed. The one that leaves
// its session is not a child of the agent any more.
func drive(mode isolation.Mode, dir, stack string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, m, err := startDriven(ctx, mode, dir, stack)
	if err != nil {
		return err
	}
	_, err = m.Agent().Run(ctx, agent.Command{Args: []string{"sh", "-c",
		"setsid sh -c 'touch $0/away; exec sleep 4242' " + m.Vcap() + " & until [ -e " + m.Vcap() + "/away ]; do sleep 0.01; done"}})
	if err != nil {
		return err
	}
	err = m.Agent().Apply(ctx, agent.Plan{Jobs: []agent.Job{{Name: "j", Processes: []agent.Process{
		{Name: "p", Command: agent.Command{Args: []string{"sleep", "4242"}}},
	}}}})
	if err == nil {
		err = m.Agent().Start(ctx)
	}
	for err == nil {
		var state machine.State
		if state, err = m.Agent().State(ctx); state.Job == machine.JobRunning {
			break
		}
	}
	if err != nil {
		return err
	}
	fmt.Println("up")
	_, err = io.Copy(io.Discard, os.Stdin) // the test kills it or lets go
	return err
}

// cycle starts and ends machines and finds out whether this program keeps anything of them.
func cycle(mode isolation.Mode, dir, stack string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	once := func() error {
		s, m, err := startDriven(ctx, mode, dir, stack)
		if err != nil {
			return err
		}
		if _, err := m.Agent().State(ctx); err != nil {
			return err
		}
		return errors.Join(m.Kill(ctx), s.Close(ctx))
	}
	if err := once(); err != nil { // the first opens what stays open: the poller, its own handles
		return err
	}
	files, routines := openFiles(), runtime.NumGoroutine()
	var errs [3]error
	for i := range errs {
		errs[i] = once()
	}
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	var last error
	var ended sync.WaitGroup
	ended.Go(func() {
		deadline := time.After(patience)
		for {
			last = nil
			if now := openFiles(); now > files {
				last = fmt.Errorf("%d open files, %d before", now, files)
			} else if now := runtime.NumGoroutine(); now > routines+1 {
				last = fmt.Errorf("%d goroutines, %d before", now, routines)
			}
			if last == nil {
				return
			}
			select {
			case <-deadline:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	ended.Wait()
	return last
}

func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(entries)
}
