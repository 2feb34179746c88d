package isolation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/local/machine/agent"
)

// MachineOptions describe a machine.
type MachineOptions struct {
	// Name is its host name, unique in the segment.
	Name string
	// Dir is its folder on the host, made when missing: it holds all the machine writes but what is on
	// the persistent disk, and outlives it.
	Dir string
	// Address is its own, as it sees it.
	Address netip.Addr
	// MemoryMB and CPUs are its size; 0 is the host's. Only mode Root can hold it to that.
	MemoryMB, CPUs int
	// PersistentDisk is the folder that is its persistent disk; empty: it has none.
	PersistentDisk string
	// Packages are host folders by the name under which /var/vcap/packages has them.
	Packages map[string]string
}

// Machine is a running machine.
type Machine struct {
	segment *Segment
	options MachineOptions
	key     string
	agent   *agent.Client
	vcap    string
	groups  []group
	done    chan struct{}
	// process is the agent in mode Kwok.
	process *kept

	// killing is held while it starts and while it is killed.
	killing sync.Mutex
	removed bool
}

// StartMachine makes a machine and returns when its agent answers. The agent has no plan yet.
func (s *Segment) StartMachine(ctx context.Context, o MachineOptions) (*Machine, error) {
	return s.startMachine(ctx, o, false)
}

func (s *Segment) startMachine(ctx context.Context, o MachineOptions, probe bool) (*Machine, error) {
	m, err := s.admit(o)
	if err != nil {
		return nil, err
	}
	if err := m.startAlone(ctx, probe); err != nil {
		return nil, fmt.Errorf("start machine %s: %w", o.Name, errors.Join(err, m.Kill(context.WithoutCancel(ctx))))
	}
	s.log.LogAttrs(ctx, slog.LevelDebug, "machine started", slog.String("machine", o.Name))
	return m, nil
}

// admit checks the options and takes the machine's name.
func (s *Segment) admit(o MachineOptions) (*Machine, error) {
	if err := checkName("machine", o.Name); err != nil {
		return nil, err
	}
	if !o.Address.Is4() {
		return nil, fmt.Errorf("machine %s: address %s: an IPv4 address is needed", o.Name, o.Address)
	}
	for name := range o.Packages {
		if err := checkName("package", name); err != nil {
			return nil, err
		}
	}
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, fmt.Errorf("machine %s: %w", o.Name, err)
	}
	if o.PersistentDisk != "" {
		if o.PersistentDisk, err = filepath.Abs(o.PersistentDisk); err != nil {
			return nil, fmt.Errorf("machine %s: %w", o.Name, err)
		}
	}
	m := &Machine{
		segment: s, options: o, key: uuid.NewString(), vcap: vcap, done: make(chan struct{}),
		agent: agent.NewClient(Socket(o.Dir)),
	}
	if s.options.Mode == Kwok {
		m.vcap = filepath.Join(o.Dir, "vcap")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if _, exists := s.machines[o.Name]; exists {
		return nil, fmt.Errorf("machine %s runs already", o.Name)
	}
	s.machines[o.Name] = m
	return m, nil
}

// startAlone starts the machine; a Kill meanwhile has to wait for that.
func (m *Machine) startAlone(ctx context.Context, probe bool) error {
	m.killing.Lock()
	defer m.killing.Unlock()
	return m.start(ctx, probe)
}

func (m *Machine) start(ctx context.Context, probe bool) error {
	if err := ctx.Err(); err != nil {
		close(m.done)
		return err
	}
	if m.segment.options.Mode == Kwok {
		return m.startPlain(ctx)
	}
	err := m.prepare(ctx)
	if err != nil {
		close(m.done)
		return err
	}
	args := StartArgs{Key: m.key, Log: logPath(m.options.Dir), Boot: m.bootConfig()}
	args.Boot.Probe = probe
	// When ctx ends, killing the machine ends the call that starts it.
	unbounded := context.WithoutCancel(ctx)
	kill := func() { _ = m.segment.call(unbounded, "Holder.Kill", m.key) }
	err = within(ctx, func() error { return m.segment.call(unbounded, "Holder.Start", args) }, kill)
	if err != nil {
		kill()
		close(m.done)
		return err
	}
	go func() {
		defer close(m.done)
		if m.segment.call(unbounded, "Holder.Wait", m.key) != nil {
			// The connection broke: the holder is ending, and everything with it.
			<-m.segment.gone
		}
	}()
	return nil
}

// prepare makes the folders and control groups.
func (m *Machine) prepare(ctx context.Context) error {
	for _, dir := range []string{rootDir, varDir, cniDir + "/net.d"} {
		if err := os.MkdirAll(filepath.Join(m.options.Dir, dir), 0o755); err != nil {
			return fmt.Errorf("make the machine's folder: %w", err)
		}
	}
	if err := os.Chmod(m.options.Dir, 0o700); err != nil {
		return fmt.Errorf("make the machine's folder: %w", err)
	}
	if m.options.PersistentDisk != "" {
		if err := os.MkdirAll(m.options.PersistentDisk, 0o755); err != nil {
			return fmt.Errorf("make the persistent disk: %w", err)
		}
	}
	s := m.segment
	var err error
	m.groups, err = makeGroups(ctx, s.hierarchies, s.options.Stack, s.options.Deployment, m.options.Name,
		limits{MemoryMB: m.options.MemoryMB, CPUs: m.options.CPUs})
	return err
}

func (m *Machine) bootConfig() bootConfig {
	o := m.options
	gateway := m.segment.options.Gateway
	return bootConfig{
		Mode:   m.segment.options.Mode,
		Socket: Socket(o.Dir),
		Dir:    o.Dir, PersistentDisk: o.PersistentDisk, Packages: o.Packages,
		Address: netip.PrefixFrom(o.Address, gateway.Bits()), Gateway: gateway.Addr(),
		Groups: m.groups,
		Agent: agent.Config{
			Name: o.Name, Address: o.Address, Vcap: vcap, HostsFile: "/etc/hosts",
			Environment: map[string]string{
				"PATH": searchPath, "HOME": "/root", "LANG": "C.UTF-8", "HOSTNAME": o.Name,
			},
			MemoryMB: o.MemoryMB, PersistentDisk: o.PersistentDisk != "", OwnGroups: len(m.groups) > 0,
		},
	}
}

// Agent talks to the machine's agent.
func (m *Machine) Agent() *agent.Client { return m.agent }

// Vcap is what stands for /var/vcap for the machine's processes.
func (m *Machine) Vcap() string { return m.vcap }

// Done is closed when the machine's agent has ended, however it did.
func (m *Machine) Done() <-chan struct{} { return m.done }

// Kill ends the machine at once with everything in it and removes what the kernel keeps for it. Its
// folder and its disk stay. A machine that has ended is no error.
func (m *Machine) Kill(ctx context.Context) error {
	m.killing.Lock()
	defer m.killing.Unlock()
	if m.removed {
		return nil
	}
	var err error
	if m.segment.options.Mode == Kwok {
		err = m.killPlain(ctx)
	} else {
		err = m.segment.call(ctx, "Holder.Kill", m.key)
		if errors.Is(err, errGone) {
			err = nil // and so is the machine
		}
	}
	if err == nil {
		select {
		case <-m.done:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		return fmt.Errorf("kill machine %s: %w", m.options.Name, err)
	}
	if err := removeGroups(ctx, m.groups); err != nil {
		return fmt.Errorf("kill machine %s: %w", m.options.Name, err)
	}
	m.removed = true
	s := m.segment
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.machines[m.options.Name] == m {
		delete(s.machines, m.options.Name)
	}
	s.log.LogAttrs(ctx, slog.LevelDebug, "machine ended", slog.String("machine", m.options.Name))
	return nil
}

// mark is the machine's value of the marker.
func (m *Machine) mark() string {
	o := m.segment.options
	return strings.Join([]string{o.Stack, o.Deployment, m.options.Name}, "/")
}
