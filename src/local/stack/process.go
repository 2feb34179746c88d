package stack

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	firstRestart = time.Second
	lastRestart  = 30 * time.Second
	stopPatience = 20 * time.Second
)

// childProcess keeps one child program running until its context ends: a child that
// dies is started again, after a pause that grows while it keeps dying.
type childProcess struct {
	name    string
	path    string
	args    []string
	env     []string
	logFile string
	log     *slog.Logger
	pause   time.Duration // before the first restart; firstRestart if 0
	ended   chan<- error  // told why the child has ended, if there is room

	mu       sync.Mutex
	pid      int // 0 while not running
	restarts int
	end      context.CancelFunc // of the running child
	renewal  *renewal           // nil unless the running child is to make place for another
}

// renewal is a wish for another child.
type renewal struct {
	gone  chan struct{} // closed when the old child is
	ended chan error    // told why the new one has ended
}

// PID is the running child's process id, 0 while there is none; restarts counts
// how often it had to be started again.
func (p *childProcess) status() (pid, restarts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pid, p.restarts
}

// run blocks until ctx ends and the child is gone.
func (p *childProcess) run(ctx context.Context) error {
	// The kernel kills the child when the thread that started it ends
	// (PR_SET_PDEATHSIG), so that a killed stack leaves nobody behind who holds
	// ports and databases that the next start needs. This goroutine therefore
	// keeps its thread for as long as it runs.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	first := cmp.Or(p.pause, firstRestart)
	pause := first
	for {
		began := time.Now()
		err := p.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if p.renewed(err) {
			p.log.Info("program is started anew", "program", p.name)
			continue
		}
		if time.Since(began) > lastRestart {
			pause = first
		}
		p.log.Warn("program ended, starting it again", "program", p.name, "cause", err, "pause", pause, "log", p.logFile)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, lastRestart)
		p.mu.Lock()
		p.restarts++
		p.mu.Unlock()
	}
}

func (p *childProcess) once(ctx context.Context) error {
	out, err := openLog(p.logFile)
	if err != nil {
		return err
	}
	defer out.Close()
	before, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("find the end of the log: %w", err)
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	cmd := exec.CommandContext(ctx, p.path, p.args...)
	cmd.Env = p.env
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopPatience
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.set(cmd.Process.Pid, end)
	defer p.set(0, nil)
	p.log.Info("program started", "program", p.name, "pid", cmd.Process.Pid)
	err = cmd.Wait()
	if err == nil {
		err = errors.New("it ended by itself")
	}
	if words := lastLine(out, before); words != "" {
		return fmt.Errorf("%w, its last words: %s", err, words)
	}
	return err
}

func (p *childProcess) set(pid int, end context.CancelFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pid, p.end = pid, end
}

// restart ends the child and returns when it is gone and another one is being
// started. The channel is told why that one has ended, if it does.
func (p *childProcess) restart(ctx context.Context) (ended <-chan error, err error) {
	r := &renewal{gone: make(chan struct{}), ended: make(chan error, 1)}
	p.mu.Lock()
	end := p.end
	if end == nil { // another one is being started already
		p.ended = r.ended
		close(r.gone)
	} else {
		p.renewal = r
	}
	p.mu.Unlock()
	if end != nil {
		end()
	}
	select {
	case <-r.gone:
		return r.ended, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("end %s: %w", p.name, ctx.Err())
	}
}

// renewed notes that a child has ended, and tells whether that was wished for.
func (p *childProcess) renewed(why error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.renewal; r != nil {
		p.renewal, p.ended = nil, r.ended
		close(r.gone)
		return true
	}
	select {
	case p.ended <- why:
	default:
	}
	return false
}

const maxLogSize = 20 << 20

// openLog appends to the file; one that has grown large is moved aside first.
func openLog(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxLogSize {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("set the old log aside: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return f, nil
}

const lastWords = 500 // bytes of a log line that an error quotes

// lastLine is the end of the last line that was added to the file since it had
// the given size; empty if none was.
func lastLine(f *os.File, since int64) string {
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	from := max(since, info.Size()-2*lastWords)
	raw, err := io.ReadAll(io.NewSectionReader(f, from, info.Size()-from))
	if err != nil {
		return ""
	}
	raw = bytes.TrimSpace(raw)
	line := raw[bytes.LastIndexByte(raw, '\n')+1:]
	return strings.ToValidUTF8(string(line[max(0, len(line)-lastWords):]), "")
}
