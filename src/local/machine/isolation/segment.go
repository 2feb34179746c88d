package isolation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/rpc"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
)

// SegmentOptions describe the segment of one deployment.
type SegmentOptions struct {
	Mode Mode
	// Program is the path of a program that calls Main when its first argument is Command.
	Program string
	// Dir is the segment's folder on the host; it is made.
	Dir string
	// Stack is a short name of the running stack, Deployment the deployment's name: together they name
	// what the kernel keeps for the segment.
	Stack, Deployment string
	// Gateway is the address of the segment's bridge with the length of the network's prefix. Kwok has
	// no need for it.
	Gateway netip.Prefix
	// Logger is told what comes and goes; nil: nobody is.
	Logger *slog.Logger
}

// holderLog is the file in a segment's folder that takes what its holder has to say.
const holderLog = "holder.log"

// Segment is a network of machines.
type Segment struct {
	options SegmentOptions
	log     *slog.Logger
	// holder and calls are nil in mode Kwok.
	holder      *kept
	calls       *rpc.Client
	hierarchies []hierarchy
	gone        chan struct{}

	mu       sync.Mutex
	closed   bool
	machines map[string]*Machine
}

// StartSegment makes a segment without machines. It lives until Close or the end of this program.
func StartSegment(ctx context.Context, o SegmentOptions) (*Segment, error) {
	if !slices.Contains(modes(), o.Mode) {
		return nil, fmt.Errorf("mode %q of machines is not known", o.Mode)
	}
	if err := errors.Join(checkName("stack", o.Stack), checkName("deployment", o.Deployment)); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the segment's folder: %w", err)
	}
	s := &Segment{options: o, log: o.Logger, machines: make(map[string]*Machine), gone: make(chan struct{})}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.log = s.log.With(slog.String("deployment", o.Deployment))
	if o.Mode == Kwok {
		return s, nil
	}
	if !o.Gateway.Addr().Is4() {
		return nil, fmt.Errorf("gateway %s: an IPv4 address is needed", o.Gateway)
	}
	if o.Mode == Root {
		var err error
		if s.hierarchies, err = readHierarchies("/"); err != nil {
			return nil, err
		}
		if err := s.record(); err != nil {
			return nil, err
		}
	}
	if err := s.startHolder(ctx); err != nil {
		return nil, fmt.Errorf("start the segment of %s: %w", o.Deployment, err)
	}
	s.log.LogAttrs(ctx, slog.LevelDebug, "segment started", slog.String("mode", string(o.Mode)), slog.Int("pid", s.holder.cmd.Process.Pid))
	return s, nil
}

func (s *Segment) startHolder(ctx context.Context) error {
	owner, theirs, err := socketPair()
	if err != nil {
		return err
	}
	defer theirs.Close() // again, on the way out of an error
	log, err := os.OpenFile(filepath.Join(s.options.Dir, holderLog), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		_ = owner.Close()
		return fmt.Errorf("open the holder's log: %w", err)
	}
	defer log.Close()
	cmd := part(s.options.Program, roleHolder, s.options.Deployment)
	cmd.Env = []string{"PATH=" + searchPath, marker + "=" + s.options.Stack + "/" + s.options.Deployment}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = s.options.Mode.holderNamespaces()
	s.holder, err = keep(cmd)
	// Open here too, it would hide the holder's death from the call below.
	_ = theirs.Close()
	if err != nil {
		_ = owner.Close()
		return err
	}
	_ = theirs.Close() // only then does the end of the holder end calls to it
	s.calls = rpc.NewClient(owner)
	err = s.call(ctx, "Holder.Prepare", PrepareArgs{Mode: s.options.Mode, Gateway: s.options.Gateway})
	if err != nil {
		_ = s.calls.Close()
		s.holder.kill()
		return err
	}
	go func() {
		<-s.holder.done
		_ = s.calls.Close()
		close(s.gone)
	}()
	return nil
}

// holderNamespaces are the namespaces a segment has for itself.
func (m Mode) holderNamespaces() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{
		Setsid: true, // no signals from the terminal
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET |
			syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
	if m == Rootless {
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return a
}

// call calls the holder and returns at the latest when ctx ends; the holder goes on then.
func (s *Segment) call(ctx context.Context, method string, args any) error {
	call := s.calls.Go(method, args, &Nothing{}, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if call.Error != nil && !isServerError(call.Error) {
		return s.obituary(ctx, call.Error)
	}
	return call.Error
}

// obituary says how the holder ended, after the connection to it has.
func (s *Segment) obituary(ctx context.Context, cause error) error {
	_ = s.calls.Close() // a holder that is still there ends now
	select {
	case <-s.holder.done:
		return fmt.Errorf("%w (%s): see %s", errGone, s.holder.cmd.ProcessState, filepath.Join(s.options.Dir, holderLog))
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errGone, cause)
	}
}

func isServerError(err error) bool {
	var e rpc.ServerError
	return errors.As(err, &e)
}

// Done is closed when the segment's holder has ended, and with it every machine. In mode Kwok that is
// when the segment is closed.
func (s *Segment) Done() <-chan struct{} { return s.gone }

// Close kills all machines and takes the segment down. Their folders stay.
func (s *Segment) Close(ctx context.Context) error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	machines := make([]*Machine, 0, len(s.machines))
	for _, m := range s.machines {
		machines = append(machines, m)
	}
	s.mu.Unlock()
	if s.holder != nil {
		s.holder.kill()
		<-s.gone
	}
	var errs []error
	for _, m := range machines {
		errs = append(errs, m.Kill(ctx))
	}
	if s.holder == nil && !closed {
		close(s.gone)
	}
	s.forget()
	return errors.Join(errs...)
}
