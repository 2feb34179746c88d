package stack

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options say how to run a stack.
type Options struct {
	Ports   Ports
	Version string

	// ProgramDir holds pks-api, pks-broker and pks-service-adapter.
	ProgramDir string

	// Program is this program, which process machines run as their agent.
	Program string

	// Machines, Isolation and Kubernetes are the kind of machines, the mode of
	// process machines and the version of Kubernetes that were asked for. What is
	// empty stays as it was, or is the best that can be had.
	Machines              Machines
	Isolation, Kubernetes string

	// VMTime is how long a simulated VM takes to come up.
	VMTime time.Duration
	// PollInterval is how often pks-api looks at a running operation.
	PollInterval time.Duration

	// Reload asks for settings that another process has written.
	Reload <-chan os.Signal

	Log *slog.Logger
	// Progress takes one line for each step of the start.
	Progress func(line string)
}

const (
	startPatience    = time.Minute
	shutdownPatience = 10 * time.Second
)

// Stack is a stack that is being served.
type Stack struct {
	layout  Layout
	options Options
	ports   Ports
	secrets Secrets
	subnet  netip.Prefix // of the machines
	log     *slog.Logger
	began   time.Time
	real    *miniature // nil without process machines
	offered Offered

	mu       sync.Mutex
	settings Settings
	children []*childProcess
}

// current returns the settings that hold.
func (s *Stack) current() Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings
}

// Serve runs the stack that keeps its data in the folder, until ctx ends. It
// calls ready once, when every part answers. Everything that it started is gone
// when it returns.
func Serve(ctx context.Context, l Layout, o Options, ready func(Instance)) (err error) {
	if err := l.Make(); err != nil {
		return err
	}
	lock, err := takeLock(ctx, l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	// What a killed stack has left would tell of processes that are gone.
	if err := removeState(l); err != nil {
		return err
	}
	s := &Stack{layout: l, options: o, ports: o.Ports, log: o.Log, began: time.Now()}
	if err := s.programsExist(); err != nil {
		return err
	}
	if err := o.Ports.Free(); err != nil {
		return err
	}
	pair, err := ensureCertificates(l, s.began)
	if err != nil {
		return err
	}
	if s.secrets, err = ensureSecrets(l); err != nil {
		return err
	}
	subnet, claim, err := claimSubnet(ctx, l)
	if err != nil {
		return err
	}
	s.subnet = subnet
	defer func() { err = errors.Join(err, claim.Close()) }()
	if err := s.settle(ctx); err != nil {
		if ctx.Err() != nil {
			return ErrInterrupted
		}
		return err
	}
	isReady := false
	err = s.serve(ctx, pair, func(i Instance) { isReady = true; ready(i) })
	if ctx.Err() != nil && !isReady {
		return ErrInterrupted
	}
	return err
}

// ErrInterrupted says that a start was ended before the stack was ready.
var ErrInterrupted = errors.New("the stack was stopped while it started")

// serve starts the parts in the order in which they need each other. The end
// comes the other way round: first the child programs, then the listeners that
// they call, then what is behind those.
func (s *Stack) serve(ctx context.Context, pair tls.Certificate, ready func(Instance)) (err error) {
	parts, err := s.openParts()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, parts.close()) }()

	listeners, listenCtx := errgroup.WithContext(context.WithoutCancel(ctx))
	listenCtx, stopListeners := context.WithCancel(listenCtx)
	defer func() { stopListeners(); err = errors.Join(err, listeners.Wait()) }()
	if err := s.listenAll(listenCtx, listeners, pair, parts); err != nil {
		return err
	}

	// A listener that fails ends the stack as a signal does.
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(listenCtx, stop)()

	var children errgroup.Group
	childCtx, stopChildren := context.WithCancel(ctx)
	defer func() { stopChildren(); err = errors.Join(err, children.Wait()) }()
	if err := s.startChildren(childCtx, &children); err != nil {
		return err
	}

	// The state file is there as long as the stack is ready.
	if err := s.instance().write(s.layout); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeState(s.layout)) }()
	ready(s.instance())
	parts.secrets.MakeKeysAhead()
	s.keepState(ctx)
	return nil
}

// keepState writes the state file anew whenever a child has been started again or
// the settings have changed.
func (s *Stack) keepState(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	last := s.instance()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.options.Reload:
			if err := s.reload(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("new settings do not work", "error", err)
			}
		case <-ticker.C:
		}
		now := s.instance()
		if fmt.Sprint(now) == fmt.Sprint(last) {
			continue
		}
		if err := now.write(s.layout); err != nil {
			s.log.Error("state not written", "error", err)
			continue
		}
		last = now
	}
}

func (s *Stack) instance() Instance {
	i := Instance{
		PID:       os.Getpid(),
		Version:   s.options.Version,
		Offered:   s.offered,
		Refused:   s.real.refused(),
		Ports:     s.ports,
		StartedAt: s.began,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i.Settings = s.settings
	for _, p := range s.children {
		pid, restarts := p.status()
		i.Children = append(i.Children, Child{Name: p.name, PID: pid, Restarts: restarts})
	}
	return i
}

func (s *Stack) program(name string) string { return filepath.Join(s.options.ProgramDir, name) }

func (s *Stack) programsExist() error {
	for _, name := range []string{"pks-api", "pks-broker", "pks-service-adapter"} {
		switch _, err := exec.LookPath(s.program(name)); {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("program %s is missing beside pks-local in %s: build it with 'make build'", name, s.options.ProgramDir)
		case err != nil:
			return fmt.Errorf("program %s beside pks-local cannot be run: %w: build it anew with 'make build'", name, err)
		}
	}
	return nil
}

// startChildren starts pks-broker and then pks-api, each when the one before
// answers.
func (s *Stack) startChildren(ctx context.Context, group *errgroup.Group) error {
	if err := s.writeBrokerConfig(); err != nil {
		return err
	}
	if err := s.writeAPIConfig(); err != nil {
		return err
	}
	client, err := httpClient(s.layout)
	if err != nil {
		return err
	}
	for _, c := range s.programs() {
		s.options.Progress("Starting " + c.name + " on " + c.url + " …")
		ended := make(chan error, 1)
		p := &childProcess{
			name: c.name, path: s.program(c.name), args: c.args,
			env:     []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.layout.Dir, "TMPDIR=" + os.TempDir()},
			logFile: s.layout.Log(c.name), log: s.log, ended: ended,
		}
		s.mu.Lock()
		s.children = append(s.children, p)
		s.mu.Unlock()
		group.Go(func() error { return p.run(ctx) })
		if err := awaitAnswer(ctx, client, c.url+c.probe, ended); err != nil {
			return fmt.Errorf("%s did not come up: %w: see %s", c.name, err, p.logFile)
		}
	}
	return nil
}

// childProgram is a program that runs beside this one.
type childProgram struct {
	name, url, probe string
	args             []string
}

// programs are the child programs in the order in which they need each other.
func (s *Stack) programs() []childProgram {
	return []childProgram{
		{"pks-broker", s.ports.BrokerURL(), "/v2/catalog", []string{"-configFilePath", s.layout.BrokerConfig()}},
		{"pks-api", s.ports.APIURL(), "/actuator/health", []string{"-config", s.layout.APIConfig()}},
	}
}

// awaitAnswer waits until the program behind url answers. One that ends before
// is not waited for: what stopped it would stop it again.
func awaitAnswer(ctx context.Context, client *http.Client, url string, ended <-chan error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, fmt.Errorf("no answer within %s", startPatience))
	defer cancel()
	for {
		state, healthy := answer(ctx, client, url)
		if healthy {
			return nil
		}
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return fmt.Errorf("%w; at last it %s", context.Cause(ctx), state)
		case <-time.After(lookAgain):
		}
	}
}

// listen serves handler over TLS on a loopback port until ctx ends.
func (s *Stack) listen(ctx context.Context, group *errgroup.Group, name string, port int, pair tls.Certificate, handler http.Handler) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address(port))
	if err != nil {
		return fmt.Errorf("listen for %s: %w", name, err)
	}
	s.options.Progress("Starting " + name + " on " + url(port) + " …")
	server := &http.Server{
		Handler:           handler,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(s.log.With("listener", name).Handler(), slog.LevelDebug),
	}
	group.Go(func() error {
		err := server.ServeTLS(listener, "", "")
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return fmt.Errorf("serve %s: %w", name, err)
	})
	group.Go(func() error {
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
		defer cancel()
		if err := server.Shutdown(patience); err != nil {
			return errors.Join(fmt.Errorf("shut %s down: %w", name, err), server.Close())
		}
		return nil
	})
	return nil
}
