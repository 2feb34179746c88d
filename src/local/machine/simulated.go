package machine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Jobs in whose place a simulated machine uses Options.KubernetesAPI: the one is served, the other
// makes the machine a node of its cluster.
const (
	KubernetesAPIJob = "kube-apiserver"
	KubeletJob       = "kubelet"
)

// kubernetesJob finds out which of the two a machine runs.
func (s Spec) kubernetesJob() (name string, found bool) {
	for _, name := range []string{KubernetesAPIJob, KubeletJob} {
		if _, ok := s.Job(name); ok {
			return name, true
		}
	}
	return "", false
}

// Delays is how long each step of a simulated machine takes.
type Delays struct {
	Create, Delete, Prepare, Apply, Script, Drain, Start, Stop, Errand time.Duration
}

// DefaultDelays make a machine that takes about one second from nothing to running.
func DefaultDelays() Delays {
	return Delays{
		Create:  450 * time.Millisecond,
		Delete:  150 * time.Millisecond,
		Prepare: 80 * time.Millisecond,
		Apply:   40 * time.Millisecond,
		Script:  30 * time.Millisecond,
		Drain:   80 * time.Millisecond,
		Start:   200 * time.Millisecond,
		Stop:    80 * time.Millisecond,
		Errand:  300 * time.Millisecond,
	}
}

// Step names what a simulated machine is about to do, for Options.Fault.
type Step string

// Steps other than the scripts, which are Step(script).
const (
	StepCreate  Step = "create"
	StepDelete  Step = "delete"
	StepPrepare Step = "prepare"
	StepApply   Step = "apply"
	StepStart   Step = "start"
	StepStop    Step = "stop"
	StepState   Step = "state"
	StepErrand  Step = "errand"
)

// Options configure simulated machines. The zero value is a machine that takes no time.
type Options struct {
	// Delays is how long things take.
	Delays Delays
	// KubernetesAPI runs in place of the processes of jobs kube-apiserver and kubelet. Nil: only
	// simulated.
	KubernetesAPI Service
	// Errand runs an errand. Nil, or when it answers with ErrNoErrand: the errand succeeds and says so.
	Errand func(ctx context.Context, spec Spec, job string) (ErrandResult, error)
	// Fault is asked before each step and makes it fail by returning an error; for StepStart the
	// processes fail to come up instead. It may wait. Nil: nothing fails.
	Fault func(ctx context.Context, step Step, spec Spec) error
	// Warn is what Apply warns of. Nil: nothing.
	Warn func(spec Spec) []string
	// Script is told of each hook. Nil: nobody is.
	Script func(spec Spec, script Script, next Next)
	// Logger says which machines come and go. Nil: nothing is logged.
	Logger *slog.Logger
}

// ErrNoErrand: there is nothing real to run for an errand.
var ErrNoErrand = errors.New("the errand is only simulated")

// Simulated is a Driver whose machines are records: they take time, have addresses, processes and
// vitals, and run nothing. A waiting machine costs one goroutine, an idle one none.
type Simulated struct {
	options Options
	logger  *slog.Logger

	mu       sync.Mutex
	machines map[string]*simulation
	died     func(cid string)
}

var _ Driver = (*Simulated)(nil)

// simulation is one machine.
type simulation struct {
	mu      sync.Mutex
	spec    Spec
	load    func(context.Context) (Spec, error) // spec is not here yet
	created time.Time
	started time.Time // zero: stopped
	failed  error     // why the processes do not run
	serving bool      // Options.KubernetesAPI has been started for it
	dead    bool      // Kill
}

// NewSimulated returns a driver without machines.
func NewSimulated(options Options) *Simulated {
	logger := options.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Simulated{options: options, logger: logger, machines: map[string]*simulation{}, died: func(string) {}}
}

// Create implements Driver.
func (s *Simulated) Create(ctx context.Context, spec Spec) (string, error) {
	if err := s.step(ctx, StepCreate, spec, s.options.Delays.Create); err != nil {
		return "", err
	}
	cid := "vm-" + uuid.NewString()
	s.mu.Lock()
	defer s.mu.Unlock()
	blank := spec
	blank.Jobs = nil // until they are applied
	s.machines[cid] = &simulation{spec: blank, created: time.Now()}
	s.logger.LogAttrs(ctx, slog.LevelDebug, "simulated machine created", slog.String("deployment", spec.Deployment),
		slog.String("instance", spec.Group+"/"+spec.ID), slog.String("machine", cid))
	return cid, nil
}

// Prepare implements Driver.
func (s *Simulated) Prepare(ctx context.Context, cid string, spec Spec) error {
	if _, err := s.machine(cid); err != nil {
		return err
	}
	return s.step(ctx, StepPrepare, spec, s.options.Delays.Prepare)
}

// Apply implements Driver.
func (s *Simulated) Apply(ctx context.Context, cid string, spec Spec) ([]string, error) {
	m, err := s.machine(cid)
	if err != nil {
		return nil, err
	}
	if err := s.step(ctx, StepApply, spec, s.options.Delays.Apply); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spec, m.load = spec, nil
	if s.options.Warn == nil {
		return nil, nil
	}
	return s.options.Warn(spec), nil
}

// RunScript implements Driver.
func (s *Simulated) RunScript(ctx context.Context, cid string, script Script, next Next) error {
	_, spec, err := s.specOf(ctx, cid)
	if err != nil {
		return err
	}
	if s.options.Script != nil {
		s.options.Script(spec, script, next)
	}
	delay := s.options.Delays.Script
	if script == Drain {
		delay = s.options.Delays.Drain
	}
	return s.step(ctx, Step(script), spec, delay)
}

// Start implements Driver.
func (s *Simulated) Start(ctx context.Context, cid string) error {
	m, spec, err := s.specOf(ctx, cid)
	if err != nil {
		return err
	}
	failed := s.step(ctx, StepStart, spec, s.options.Delays.Start)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("start machine %s: %w", cid, err)
	}
	return s.serve(ctx, m, spec, failed)
}

// serve marks the machine started and brings up the service that belongs to it.
func (s *Simulated) serve(ctx context.Context, m *simulation, spec Spec, failed error) error {
	serving := false
	if _, real := spec.kubernetesJob(); real && failed == nil && s.options.KubernetesAPI != nil {
		if failed = s.options.KubernetesAPI.Start(ctx, spec); failed != nil {
			s.logger.LogAttrs(ctx, slog.LevelWarn, "kubernetes api does not start", slog.String("deployment", spec.Deployment),
				slog.String("instance", spec.Group+"/"+spec.ID), slog.Any("error", failed))
		}
		serving = failed == nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.started, m.failed, m.serving = time.Now(), failed, serving
	return nil
}

// Stop implements Driver.
func (s *Simulated) Stop(ctx context.Context, cid string) error {
	m, spec, err := s.specOf(ctx, cid)
	if err != nil {
		return err
	}
	if err := s.step(ctx, StepStop, spec, s.options.Delays.Stop); err != nil {
		return err
	}
	return s.halt(ctx, m)
}

func (s *Simulated) halt(ctx context.Context, m *simulation) error {
	m.mu.Lock()
	spec, serving := m.spec, m.serving
	m.started, m.failed, m.serving = time.Time{}, nil, false
	m.mu.Unlock()
	if !serving {
		return nil
	}
	if err := s.options.KubernetesAPI.Stop(ctx, spec.Deployment, spec.ID); err != nil {
		return fmt.Errorf("stop the Kubernetes API of %s/%s: %w", spec.Group, spec.ID, err)
	}
	return nil
}

// RunErrand implements Driver.
func (s *Simulated) RunErrand(ctx context.Context, cid, job string) (ErrandResult, error) {
	_, spec, err := s.specOf(ctx, cid)
	if err != nil {
		return ErrandResult{}, err
	}
	if j, ok := spec.Job(job); !ok || !j.Errand {
		return ErrandResult{}, fmt.Errorf("job %s of machine %s is no errand", job, cid)
	}
	if s.options.Errand != nil {
		if result, err := s.options.Errand(ctx, spec, job); !errors.Is(err, ErrNoErrand) {
			return result, err
		}
	}
	if err := s.step(ctx, StepErrand, spec, s.options.Delays.Errand); err != nil {
		if ctx.Err() != nil {
			return ErrandResult{ExitCode: 143}, nil
		}
		return ErrandResult{ExitCode: 1, Stderr: err.Error() + "\n"}, nil
	}
	return ErrandResult{Stdout: fmt.Sprintf("errand %s has nothing to do on a simulated machine\n", job)}, nil
}

// Delete implements Driver.
func (s *Simulated) Delete(ctx context.Context, cid string) error {
	s.mu.Lock()
	m, ok := s.machines[cid]
	s.mu.Unlock()
	if !ok {
		return nil
	}
	if err := s.step(ctx, StepDelete, m.known(), s.options.Delays.Delete); err != nil {
		return err
	}
	if err := s.halt(ctx, m); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.machines, cid)
	s.logger.LogAttrs(ctx, slog.LevelDebug, "simulated machine deleted", slog.String("machine", cid))
	return nil
}

// DeleteDisk implements Driver. Simulated disks are only names.
func (s *Simulated) DeleteDisk(context.Context, string) error { return nil }

// DeleteDeployment implements Driver.
func (s *Simulated) DeleteDeployment(_ context.Context, deployment string) error {
	if s.options.KubernetesAPI == nil {
		return nil
	}
	if err := s.options.KubernetesAPI.DeleteDeployment(deployment); err != nil {
		return fmt.Errorf("delete the Kubernetes API of %s: %w", deployment, err)
	}
	return nil
}

// Watch implements Driver.
func (s *Simulated) Watch(died func(cid string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.died = died
}

// Kill makes a machine die: its agent answers nothing more until the machine is deleted, and what it
// serves ends.
func (s *Simulated) Kill(ctx context.Context, cid string) error {
	m, err := s.machine(cid)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.dead = true
	m.mu.Unlock()
	if err := s.halt(ctx, m); err != nil {
		return err
	}
	s.mu.Lock()
	died := s.died
	s.mu.Unlock()
	died(cid)
	return nil
}

// machine returns the machine called cid, which must be alive.
func (s *Simulated) machine(cid string) (*simulation, error) {
	s.mu.Lock()
	m, ok := s.machines[cid]
	s.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("machine %s: %w", cid, ErrNotFound)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return nil, fmt.Errorf("machine %s: %w", cid, ErrUnresponsive)
	}
	return m, nil
}

// specOf returns a machine and its specification, which after a restart may have to be read.
func (s *Simulated) specOf(ctx context.Context, cid string) (*simulation, Spec, error) {
	m, err := s.machine(cid)
	if err != nil {
		return nil, Spec{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.load != nil {
		spec, err := m.load(ctx)
		if err != nil {
			return nil, Spec{}, fmt.Errorf("read the specification of machine %s: %w", cid, err)
		}
		m.spec, m.load = spec, nil
	}
	return m, m.spec, nil
}

// step waits for delay, unless the step is to fail.
func (s *Simulated) step(ctx context.Context, step Step, spec Spec, delay time.Duration) error {
	if s.options.Fault != nil {
		if err := s.options.Fault(ctx, step, spec); err != nil {
			return err
		}
	}
	if err := wait(ctx, delay); err != nil {
		return fmt.Errorf("%s of %s/%s: %w", step, spec.Group, spec.ID, err)
	}
	return nil
}

func wait(ctx context.Context, delay time.Duration) error {
	if delay <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// known returns what is known of the specification without reading it.
func (m *simulation) known() Spec {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.spec
}
