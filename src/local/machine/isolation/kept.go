package isolation

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
)

// kept is a child process that dies with this program.
type kept struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has been waited for
}

// keep starts cmd so that it dies with this program, however that ends.
func keep(cmd *exec.Cmd) (*kept, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	k := &kept{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The signal comes when the thread ends that started the child (prctl(2), PR_SET_PDEATHSIG):
		// this one stays until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(k.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended says nothing that its caller could use
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return k, nil
}

// kill ends it and waits. For the first process of a PID namespace that is the end of all in it.
func (k *kept) kill() {
	_ = k.cmd.Process.Kill() // fails when it has ended already
	<-k.done
}
