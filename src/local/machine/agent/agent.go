package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/pks-community/pks-release/src/local/machine"
)

// Agent runs one machine.
type Agent struct {
	config   Config
	launcher launcher
	logs     *logFiles
	log      *slog.Logger
	began    time.Time

	// change is held by what changes the plan or what runs: Apply, Start and Stop.
	change   sync.Mutex
	starter  sync.WaitGroup
	cancel   context.CancelFunc // ends the starter; nil while stopped
	lifetime context.Context    // of the agent

	mu        sync.Mutex
	plan      Plan
	processes []*monitored
	started   bool
	gauge     gauge
	errands   map[string]context.CancelFunc
	aborted   map[string]bool // cancelled before they came
}

// errStarted refuses a new plan for a machine that runs.
var errStarted = errors.New("processes are running: stop them first")

// Serve runs the agent of a machine and answers on listener until ctx ends; then it stops the
// processes. It collects every ended child of this program, so the program must do nothing else.
func Serve(ctx context.Context, c Config, listener net.Listener) error {
	c = c.withDefaults()
	logs := newLogFiles(c.LogLimit)
	own, err := logs.open(c.ownLog())
	if err != nil {
		return err
	}
	defer own.Close()
	log := slog.New(slog.NewTextHandler(own, nil))

	// What serves the processes outlives ctx until they are stopped.
	lifetime, end := context.WithCancel(context.WithoutCancel(ctx))
	var workers sync.WaitGroup
	defer workers.Wait()
	defer end()
	s := newSpawner()
	workers.Go(func() { s.run(lifetime) })
	workers.Go(func() { logs.run(lifetime, log) })

	now := time.Now()
	a := &Agent{
		config: c, launcher: launcher{config: c, spawner: s}, logs: logs, log: log, began: now, lifetime: lifetime,
		gauge: gauge{config: c, started: now}, errands: make(map[string]context.CancelFunc), aborted: make(map[string]bool),
	}
	if err := writeFile(c.HostsFile, []byte(c.hostsFile(nil)), 0o644); err != nil {
		return err
	}
	log.LogAttrs(ctx, slog.LevelInfo, "agent started", slog.String("machine", c.Name), slog.Int("pid", os.Getpid()))
	err = a.serveHTTP(ctx, listener)
	a.stop()
	log.LogAttrs(ctx, slog.LevelInfo, "agent ended", slog.Any("cause", err))
	return err
}

// apply takes over a plan. Applying the same plan again restores its files.
func (a *Agent) apply(plan Plan) error {
	a.change.Lock()
	defer a.change.Unlock()
	if err := plan.check(); err != nil {
		return err
	}
	if a.cancel != nil {
		return errStarted
	}
	if err := a.config.layOut(plan); err != nil {
		return err
	}
	processes := []*monitored{}
	for _, job := range plan.Jobs {
		for _, p := range job.Processes {
			processes = append(processes, newMonitored(job.Name, p, a.launcher, a.logs, a.log))
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.plan, a.processes = plan, processes
	return nil
}

// check finds what would only be noticed when the plan runs.
func (p Plan) check() error {
	names := make(map[string]bool)
	jobs := make(map[string]bool)
	for _, job := range p.Jobs {
		if job.Name == "" || jobs[job.Name] {
			return fmt.Errorf("job %q: its name is empty or there twice", job.Name)
		}
		jobs[job.Name] = true
		for _, process := range job.Processes {
			if process.Name == "" || names[process.Name] {
				return fmt.Errorf("job %s: the name of process %q is empty or there twice", job.Name, process.Name)
			}
			names[process.Name] = true
			if len(process.Command.Args) == 0 {
				return fmt.Errorf("job %s: process %s has no command", job.Name, process.Name)
			}
			if err := process.Ready.check(); err != nil {
				return fmt.Errorf("job %s: process %s: %w", job.Name, process.Name, err)
			}
		}
	}
	return nil
}

// start starts the processes one after the other in its own time. Started again, it does nothing.
func (a *Agent) start() {
	a.change.Lock()
	defer a.change.Unlock()
	if a.cancel != nil {
		return
	}
	var ctx context.Context
	ctx, a.cancel = context.WithCancel(a.lifetime)
	processes := a.current()
	for _, p := range processes {
		p.initialize()
	}
	a.mu.Lock()
	a.started = true
	a.mu.Unlock()
	a.starter.Go(func() {
		for _, p := range processes {
			p.start(a.lifetime)
			select {
			case <-p.ready:
			case <-ctx.Done():
				return
			}
		}
	})
}

// stop ends the processes in reverse order. It does not heed a caller who has gone: half-stopped is
// no state to be in.
func (a *Agent) stop() {
	a.change.Lock()
	defer a.change.Unlock()
	if a.cancel == nil {
		return
	}
	a.cancel()
	a.starter.Wait()
	processes := a.current()
	for i := len(processes) - 1; i >= 0; i-- {
		processes[i].stop()
	}
	a.cancel = nil
	a.mu.Lock()
	defer a.mu.Unlock()
	a.started = false
}

func (a *Agent) current() []*monitored {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.processes
}

func (a *Agent) state() machine.State {
	stats := readStats(os.Getpid(), a.config.Shared)
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	s := machine.State{Processes: []machine.Process{}, Vitals: a.gauge.vitals(now, stats)}
	for _, p := range a.processes {
		s.Processes = append(s.Processes, p.status(now, stats))
	}
	s.Job = jobState(a.started, s.Processes)
	return s
}

// jobState sums up: one that fails outweighs one that starts.
func jobState(started bool, processes []machine.Process) string {
	if !started {
		return machine.JobStopped
	}
	state := machine.JobRunning
	for _, p := range processes {
		switch p.State {
		case monitRunning:
		case monitFailing:
			return machine.JobFailing
		default:
			state = machine.JobStarting
		}
	}
	return state
}
