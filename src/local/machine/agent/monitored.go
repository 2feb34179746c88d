package agent

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/pks-community/pks-release/src/local/machine"
)

// Words that monit has for a process, as BOSH shows them.
const (
	monitRunning     = "running"
	monitStarting    = "starting"
	monitFailing     = "failing"
	monitInitialized = "initialized"
	monitUnknown     = "unknown"
)

// monitored is one process that is kept running.
type monitored struct {
	job      string
	process  Process
	launcher launcher
	logs     *logFiles
	log      *slog.Logger

	cancel context.CancelFunc
	done   chan struct{} // closed when run has returned
	ready  chan struct{} // closed when it serves for the first time

	mu      sync.Mutex
	state   string
	pid     int // 0 while not running
	started time.Time
	load    cpuSample
}

func newMonitored(job string, p Process, l launcher, logs *logFiles, log *slog.Logger) *monitored {
	if p.Log == "" {
		p.Log = filepath.Join(l.config.jobLog(job), p.Name+".log")
	}
	if p.StopTimeout <= 0 {
		p.StopTimeout = l.config.Patience
	}
	return &monitored{
		job: job, process: p, launcher: l, logs: logs, log: log.With("job", job, "process", p.Name),
		state: monitUnknown,
	}
}

// initialize says that it is going to be started.
func (m *monitored) initialize() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state = monitInitialized
}

// start begins to keep it running; ready is closed when it serves.
func (m *monitored) start(ctx context.Context) {
	ctx, m.cancel = context.WithCancel(ctx)
	m.done, m.ready = make(chan struct{}), make(chan struct{})
	m.set(monitStarting, 0)
	go func() {
		defer close(m.done)
		m.run(ctx)
	}()
}

// stop ends it and waits.
func (m *monitored) stop() {
	if m.cancel != nil {
		m.cancel()
		<-m.done
		m.cancel = nil
	}
	m.set(monitUnknown, 0)
}

func (m *monitored) set(state string, pid int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state = state
	if m.pid != pid {
		m.pid, m.started, m.load = pid, time.Now(), cpuSample{}
	}
}

func (m *monitored) run(ctx context.Context) {
	pause := m.launcher.config.FirstPause
	for {
		began := time.Now()
		cause := m.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > m.launcher.config.LastPause {
			pause = m.launcher.config.FirstPause
		}
		m.set(monitFailing, 0)
		m.log.LogAttrs(ctx, slog.LevelWarn, "process ended and will be started again",
			slog.Any("cause", cause), slog.Duration("pause", pause), slog.String("log", m.process.Log))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, m.launcher.config.LastPause)
	}
}

// once runs the process until it ends by itself or ctx does.
func (m *monitored) once(ctx context.Context) error {
	out, err := m.logs.open(m.process.Log)
	if err != nil {
		return err
	}
	child, err := m.launcher.launch(m.process.Command, out, out)
	_ = out.Close()
	if err != nil {
		return err
	}
	m.set(monitStarting, child.pid)
	m.log.LogAttrs(ctx, slog.LevelInfo, "process started", slog.Int("pid", child.pid))

	probing, stopProbing := context.WithCancel(ctx)
	var prober sync.WaitGroup
	prober.Go(func() {
		if m.process.Ready.wait(probing) == nil && probing.Err() == nil {
			m.serves(child.pid)
		}
	})
	defer prober.Wait()
	defer stopProbing()

	select {
	case <-child.done:
		return fmt.Errorf("exit code %d", exitCode(child.status))
	case <-ctx.Done():
		stopProbing()
		m.launcher.end(child, m.process.StopTimeout)
		m.log.LogAttrs(ctx, slog.LevelInfo, "process stopped", slog.Int("exit_code", exitCode(child.status)))
		return ctx.Err()
	}
}

// serves notes that the process answered its probe.
func (m *monitored) serves(pid int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pid != pid {
		return
	}
	m.state = monitRunning
	select {
	case <-m.ready:
	default:
		close(m.ready)
	}
}

// status reports; stats are looked up by process id.
func (m *monitored) status(now time.Time, stats statTable) machine.Process {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := machine.Process{Name: m.process.Name, State: m.state}
	if m.pid == 0 {
		return p
	}
	p.Uptime = now.Sub(m.started)
	if s, found := stats[m.pid]; found {
		p.MemKB = s.residentKB
		p.CPUPercent = m.load.percent(now, m.started, s.user+s.system)
	}
	return p
}
