package runner

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
	"golang.org/x/sync/semaphore"
)

const (
	maxStdout = 16 << 20 // a manifest; one of 250 workers has some 100 kB
	maxStderr = 64 << 10
	// waitAfterKill is how long the pipes may stay open once the adapter is dead:
	// a child of its own may hold them.
	waitAfterKill = 2 * time.Second
)

// Config is how the adapter is run.
type Config struct {
	Path string
	// Stdin: input is one JSON document on standard input. Otherwise it goes on the
	// command line, the older form, which has no secrets, configs or DNS names.
	Stdin       bool
	Timeout     time.Duration // of one run
	MaxInFlight int           // runs at once; 0: twice the number of processors
	Logger      *slog.Logger
	// Observe, if set, is told of every run, for metrics. The exit code is -1 for an
	// adapter that did not end by itself.
	Observe func(subcommand string, exitCode int, d time.Duration)
}

// Runner is safe for concurrent use.
type Runner struct {
	config Config
	limit  *semaphore.Weighted
}

// New makes a runner.
func New(c Config) *Runner {
	places := cmp.Or(c.MaxInFlight, 2*runtime.NumCPU())
	return &Runner{config: c, limit: semaphore.NewWeighted(int64(places))}
}

// Exit codes with a meaning of their own, as errors (§3.1).
var (
	ErrNotImplemented       = errors.New("the service adapter does not implement this")
	ErrBindingNotFound      = errors.New("binding not found")
	ErrAppGUIDNotProvided   = errors.New("app GUID not provided")
	ErrBindingAlreadyExists = errors.New("binding already exists")
)

// Error is a run that failed in another way.
type Error struct {
	// User is what the adapter wrote for the end user: its standard output. Empty
	// when it had nothing to say to users.
	User string
	// Operator says what happened, with what the adapter wrote on standard error.
	Operator string
	err      error
}

func (e *Error) Error() string { return e.Operator }
func (e *Error) Unwrap() error { return e.err }

// run asks one question. args are for the older form only.
func (r *Runner) run(ctx context.Context, subcommand string, input serviceadapter.InputParams, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, r.config.Timeout)
	defer cancel()
	if err := r.limit.Acquire(ctx, 1); err != nil {
		return nil, r.failed(subcommand, fmt.Errorf("wait for a running adapter to end: %w", err))
	}
	defer r.limit.Release(1)

	var stdout, stderr bounded
	stdout.limit, stderr.limit = maxStdout, maxStderr
	cmd, err := r.command(ctx, subcommand, input, args)
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr

	started := time.Now()
	err = cmd.Run()
	if r.config.Observe != nil {
		r.config.Observe(subcommand, exitCode(cmd), time.Since(started))
	}
	if err == nil && stdout.overflowed {
		return nil, r.failed(subcommand, fmt.Errorf("it wrote more than %d bytes", maxStdout))
	}
	if err != nil {
		return nil, r.judge(ctx, subcommand, err, &stdout, &stderr)
	}
	r.config.Logger.InfoContext(ctx, "service adapter ran", "subcommand", subcommand, "stderr", stderr.String())
	return stdout.Bytes(), nil
}

func (r *Runner) command(ctx context.Context, subcommand string, input serviceadapter.InputParams, args []string) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, r.config.Path, subcommand)
	if r.config.Stdin {
		document, err := json.Marshal(input)
		if err != nil {
			return nil, r.failed(subcommand, fmt.Errorf("encode its input: %w", err))
		}
		cmd.Stdin = bytes.NewReader(document)
	} else {
		cmd.Args = append(cmd.Args, args...)
	}
	// A group of its own, so that a deadline ends its children as well.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = waitAfterKill
	return cmd, nil
}

func (r *Runner) judge(ctx context.Context, subcommand string, err error, stdout, stderr *bounded) error {
	if ctx.Err() != nil {
		return r.failed(subcommand, fmt.Errorf("it was ended after %s: %w", r.config.Timeout, ctx.Err()))
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() < 0 {
		return r.failed(subcommand, fmt.Errorf("'%w'. stdout: '', stderr: '%s'", err, stderr))
	}
	switch exit.ExitCode() {
	case serviceadapter.NotImplementedExitCode:
		return ErrNotImplemented
	case serviceadapter.BindingNotFoundErrorExitCode:
		return ErrBindingNotFound
	case serviceadapter.AppGuidNotProvidedErrorExitCode:
		return ErrAppGUIDNotProvided
	case serviceadapter.BindingAlreadyExistsErrorExitCode:
		return ErrBindingAlreadyExists
	}
	r.config.Logger.WarnContext(ctx, "service adapter failed",
		"subcommand", subcommand, "exit_code", exit.ExitCode(), "stderr", stderr.String())
	return &Error{
		User: string(bytes.TrimSpace(stdout.Bytes())),
		Operator: fmt.Sprintf("external service adapter exited with %d at %s: stdout: '%s', stderr: '%s'",
			exit.ExitCode(), r.config.Path, stdout, stderr),
		err: err,
	}
}

// failed is a run that gave no answer at all, or one that cannot be read.
func (r *Runner) failed(subcommand string, err error) error {
	return &Error{
		Operator: fmt.Sprintf("an error occurred running external service adapter at %s: %s: %s", r.config.Path, subcommand, err),
		err:      err,
	}
}

func exitCode(cmd *exec.Cmd) int {
	if cmd.ProcessState == nil {
		return -1
	}
	return cmd.ProcessState.ExitCode()
}

// bounded keeps the first limit bytes and swallows the rest, so that an adapter
// that talks too much neither fills the memory nor blocks. The buffer is not
// embedded: its ReadFrom would pass the bound by.
type bounded struct {
	kept       bytes.Buffer
	limit      int
	overflowed bool
}

func (b *bounded) Write(p []byte) (int, error) {
	kept := p[:min(len(p), b.limit-b.kept.Len())]
	b.overflowed = b.overflowed || len(kept) < len(p)
	b.kept.Write(kept)
	return len(p), nil
}

func (b *bounded) Bytes() []byte  { return b.kept.Bytes() }
func (b *bounded) String() string { return b.kept.String() }
