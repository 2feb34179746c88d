package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
)

// spawner starts processes and collects every process that ends, its own and those left to it by
// parents that died: the agent is the first process of its machine. Because it waits for any child,
// nothing else in the program may wait for one, so package os/exec cannot be used beside it.
type spawner struct {
	forks chan func()
	// stopped is closed when run has returned.
	stopped chan struct{}

	// mu is held while a process is started or collected, so that none is collected before it is known.
	mu       sync.Mutex
	children map[int]*child
}

// child is a process that was started and is the leader of its own process group.
type child struct {
	pid int
	// done is closed when it has ended; status may be read then.
	done   chan struct{}
	status syscall.WaitStatus
}

var errSpawnerStopped = errors.New("the agent is ending")

func newSpawner() *spawner {
	return &spawner{forks: make(chan func()), stopped: make(chan struct{}), children: make(map[int]*child)}
}

// run serves until ctx ends.
func (s *spawner) run(ctx context.Context) {
	defer close(s.stopped)
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)

	var forker sync.WaitGroup
	forker.Go(func() { s.fork(ctx) })
	defer forker.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ended:
			s.collect()
		}
	}
}

// fork starts processes on one thread that lives as long as the agent: the kernel ends a process with
// a parent-death signal when the thread that started it ends.
func (s *spawner) fork(ctx context.Context) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-s.forks:
			f()
		}
	}
}

// start starts path. The process leads a new process group and dies with the agent.
func (s *spawner) start(path string, args []string, attributes os.ProcAttr) (*child, error) {
	attributes.Sys = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	var c *child
	var err error
	started := make(chan struct{})
	work := func() {
		defer close(started)
		s.mu.Lock()
		defer s.mu.Unlock()
		var p *os.Process
		p, err = os.StartProcess(path, args, &attributes)
		if err != nil {
			return
		}
		c = &child{pid: p.Pid, done: make(chan struct{})}
		s.children[c.pid] = c
		_ = p.Release() // only drops the handle; collect waits for it
	}
	select {
	case s.forks <- work:
		<-started
	case <-s.stopped:
		err = errSpawnerStopped
	}
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return c, nil
}

// collect waits for every child that has ended. What a process left behind in its group ends with it.
func (s *spawner) collect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil || pid <= 0:
			return // no children, or none that has ended
		}
		c, ours := s.children[pid]
		if !ours {
			continue
		}
		_ = syscall.Kill(-pid, syscall.SIGKILL) // ESRCH: nothing left
		delete(s.children, pid)
		c.status = status
		close(c.done)
	}
}

// signal sends to the whole group of a child that has not been collected yet.
func (s *spawner) signal(c *child, sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.children[c.pid] == c {
		_ = syscall.Kill(-c.pid, sig) // ESRCH: it is ending
	}
}

// exitCode is what a shell would call the end of a process: its exit status, or 128 and the signal.
func exitCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
