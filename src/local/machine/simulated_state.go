package machine

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"
	"time"
)

// State implements Driver.
func (s *Simulated) State(ctx context.Context, cid string) (State, error) {
	m, err := s.machine(cid)
	if err != nil {
		return State{}, err
	}
	if s.options.Fault != nil {
		if err := s.options.Fault(ctx, StepState, m.known()); err != nil {
			return State{}, err
		}
	}
	_, spec, err := s.specOf(ctx, cid)
	if err != nil {
		return State{}, errors.Join(ErrUnresponsive, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return State{
		Job:       m.jobState(),
		Processes: m.processes(spec),
		Vitals:    vitals(cid, spec, time.Since(m.created)),
	}, nil
}

func (m *simulation) jobState() string {
	switch {
	case m.started.IsZero():
		return JobStopped
	case m.failed != nil:
		return JobFailing
	default:
		return JobRunning
	}
}

// processes lists the monitored processes. When only the Kubernetes API could not be started, the
// others run.
func (m *simulation) processes(spec Spec) []Process {
	processes := []Process{}
	real, runsReal := spec.kubernetesJob()
	for _, job := range spec.Jobs {
		for _, name := range job.Processes {
			p := Process{Name: name, State: "running"}
			switch {
			case m.started.IsZero():
				p.State = "unknown"
			case m.failed != nil && (!runsReal || job.Name == real):
				p.State = "failing"
			default:
				p.Uptime = time.Since(m.started)
				p.MemKB = 4096 + int64(spread(name, 60000))
			}
			processes = append(processes, p)
		}
	}
	return processes
}

// vitals makes up figures that look like those of a small idle machine, the same ones each time.
func vitals(cid string, spec Spec, uptime time.Duration) Vitals {
	v := Vitals{
		CPUUser: 2 + float64(spread(cid+"user", 60))/10, CPUSys: 1 + float64(spread(cid+"sys", 30))/10, CPUWait: 0.1,
		Load:          [3]float64{0.05 + float64(spread(cid, 40))/100, 0.1, 0.1},
		MemKB:         400000 + int64(spread(cid+"mem", 900000)),
		MemPercent:    10 + spread(cid+"mem", 30),
		SystemDisk:    38,
		EphemeralDisk: 5 + spread(cid+"disk", 15),
		Uptime:        uptime,
	}
	v.PersistentDisk = -1
	if spec.PersistentDiskMB > 0 {
		v.PersistentDisk = 2 + spread(spec.DiskCID, 10)
	}
	return v
}

func spread(text string, n uint32) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text))
	return int(h.Sum32() % n)
}

// Recover implements Driver. Specifications are read only for machines that serve something.
func (s *Simulated) Recover(ctx context.Context, placements []Placement) error {
	now := time.Now()
	s.mu.Lock()
	for _, p := range placements {
		m := &simulation{
			spec:    Spec{Deployment: p.Deployment, Group: p.Group, ID: p.ID, Index: p.Index},
			load:    p.Spec,
			created: now,
		}
		if p.Started {
			m.started = now
			// A node is stored with its cluster, so it is there already.
			m.serving = s.options.KubernetesAPI != nil && slices.Contains(p.Jobs, KubeletJob)
		}
		s.machines[p.CID] = m
	}
	s.mu.Unlock()
	if s.options.KubernetesAPI == nil {
		return nil
	}
	for _, p := range placements {
		if !p.Started || !slices.Contains(p.Jobs, KubernetesAPIJob) {
			continue
		}
		m, spec, err := s.specOf(ctx, p.CID)
		if err == nil {
			err = s.serve(ctx, m, spec, nil)
		}
		if err != nil {
			s.logger.LogAttrs(ctx, slog.LevelWarn, "simulated machine is not recovered", slog.String("deployment", p.Deployment),
				slog.String("instance", p.Group+"/"+p.ID), slog.Any("error", err))
		}
	}
	return nil
}

// Close implements Driver: it ends what the machines serve. Nodes stay stored with their cluster.
func (s *Simulated) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for cid, m := range s.machines {
		m.mu.Lock()
		_, api := m.spec.Job(KubernetesAPIJob)
		serving := m.serving
		m.serving = false
		m.mu.Unlock()
		if serving && api {
			if err := s.options.KubernetesAPI.Stop(context.Background(), m.spec.Deployment, m.spec.ID); err != nil {
				errs = append(errs, fmt.Errorf("stop the Kubernetes API of machine %s: %w", cid, err))
			}
		}
	}
	clear(s.machines)
	return errors.Join(errs...)
}
