package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/pks-community/pks-release/src/local/cfcr/jobs"
	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/agent"
	"github.com/pks-community/pks-release/src/local/machine/isolation"
)

// Patience with an agent and with the end of everything.
const (
	agentPatience = 5 * time.Second
	statePatience = 2 * time.Second
	closePatience = 12 * time.Second
)

// vm is one machine.
type vm struct {
	driver *Driver
	cid    string
	logger *slog.Logger

	mu      sync.Mutex // one operation at a time
	spec    machine.Spec
	plan    *agent.Plan // nil until applied
	started bool
	box     box // guarded by its own lock, for State does not wait for an operation
}

// box holds the running machine.
type box struct {
	mu      sync.Mutex
	running *isolation.Machine // nil: it does not run
	segment *segment
	address netip.Addr // in the manifest
	master  bool
	booting bool
	forward *balancer // of a master, from the host's address into the machine
	health  context.CancelFunc
}

func (b *box) machine() (*isolation.Machine, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.running, b.booting
}

func (d *Driver) machineDir(cid string) string { return filepath.Join(d.options.Dir, "machines", cid) }

func (v *vm) dir() string { return v.driver.machineDir(v.cid) }

// diskDir is where a persistent disk lies. The name comes from outside, so it is looked at.
func (d *Driver) diskDir(cid string) (string, error) {
	if cid == "" || filepath.Base(cid) != cid || cid == "." || cid == ".." {
		return "", fmt.Errorf("%q is not the id of a disk", cid)
	}
	return filepath.Join(d.options.Dir, "disks", cid), nil
}

// master tells whether the machine serves the Kubernetes API.
func (v *vm) master() bool {
	_, ok := v.spec.Job(machine.KubernetesAPIJob)
	return ok
}

// address is the machine's address in the manifest, which is one of this host.
func (v *vm) address() (netip.Addr, error) {
	if len(v.spec.IPs) == 0 {
		return netip.Addr{}, fmt.Errorf("instance %s/%s has no address: its group needs a network", v.spec.Group, v.spec.ID)
	}
	return v.spec.IPs[0], nil
}

// packages are what a machine finds under /var/vcap/packages. Every version of Kubernetes is there, for
// a release can change under a machine that stays.
func (d *Driver) packages() map[string]string {
	all := map[string]string{ownPackage: d.own}
	for name, dir := range d.options.Binaries.Packages {
		all[name] = dir
	}
	for _, r := range d.options.Binaries.Kubernetes {
		all["kubernetes-"+r.Version] = r.Dir
	}
	return all
}

// boot brings the machine up with nothing but its agent. The machine's lock is held.
func (v *vm) boot(ctx context.Context) error {
	address, err := v.address()
	if err != nil {
		return err
	}
	s, err := sizeOf(v.spec)
	if err != nil {
		return err
	}
	segment, err := v.driver.segmentOf(ctx, v.spec.Deployment)
	if err != nil {
		return err
	}
	o := isolation.MachineOptions{
		Name: v.spec.ID, Dir: v.dir(), Address: v.driver.inside(address),
		MemoryMB: s.memoryMB, CPUs: s.cpus, Packages: v.driver.packages(),
	}
	if v.spec.DiskCID != "" {
		if o.PersistentDisk, err = v.driver.diskDir(v.spec.DiskCID); err != nil {
			return err
		}
		if err := os.MkdirAll(o.PersistentDisk, 0o700); err != nil {
			return fmt.Errorf("make the persistent disk: %w", err)
		}
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("make the machine's folder: %w", err)
	}
	if err := v.writeInstance(); err != nil {
		return err
	}
	running, err := segment.isolated.StartMachine(ctx, o)
	if err != nil {
		return fmt.Errorf("start machine %s: %w", v.cid, err)
	}
	v.box.mu.Lock()
	v.box.running, v.box.segment, v.box.address = running, segment, address
	v.box.mu.Unlock()
	v.driver.group.Go(func() { v.driver.mourn(v, running) })
	return nil
}

// mourn waits for the end of a machine and tells of it, unless the driver ended it.
func (d *Driver) mourn(v *vm, m *isolation.Machine) {
	select {
	case <-m.Done():
	case <-d.ctx.Done():
		return
	}
	v.box.mu.Lock()
	expected := v.box.running != m
	v.box.mu.Unlock()
	if expected {
		return
	}
	v.logger.Warn("machine died", "machine", v.cid)
	v.leaveService()
	d.tellDeath(v.cid)
}

// halt ends the machine at once. Its files stay.
func (v *vm) halt(ctx context.Context) error {
	v.leaveService()
	v.box.mu.Lock()
	running, forward := v.box.running, v.box.forward
	v.box.running, v.box.forward = nil, nil
	segment := v.box.segment
	v.box.mu.Unlock()
	var problems []error
	if segment != nil {
		segment.balancer.remove(v.cid)
	}
	if forward != nil {
		problems = append(problems, forward.close())
	}
	if running != nil {
		problems = append(problems, running.Kill(ctx))
	}
	return errors.Join(problems...)
}

// shutDown ends the machine with its processes stopped in order.
func (v *vm) shutDown(ctx context.Context) error {
	if running, _ := v.box.machine(); running != nil && v.started {
		v.leaveService()
		if err := running.Agent().Stop(ctx); err != nil {
			v.logger.Debug("processes did not stop in time", "machine", v.cid, "error", err)
		}
	}
	return v.halt(context.WithoutCancel(ctx))
}

// agent returns the way to the machine's agent.
func (v *vm) agent() (*agent.Client, *isolation.Machine, error) {
	running, _ := v.box.machine()
	if running == nil {
		return nil, nil, fmt.Errorf("machine %s does not run: %w", v.cid, machine.ErrUnresponsive)
	}
	select {
	case <-running.Done():
		return nil, nil, fmt.Errorf("machine %s is dead: %w", v.cid, machine.ErrUnresponsive)
	default:
		return running.Agent(), running, nil
	}
}

// environment is what rendering needs to know of the machine.
func (v *vm) environment(m *isolation.Machine) (jobs.Environment, error) {
	address, err := v.address()
	if err != nil {
		return jobs.Environment{}, err
	}
	release, err := v.driver.kubernetesOf(v.spec)
	if err != nil {
		return jobs.Environment{}, err
	}
	e := jobs.Environment{
		Simulated: v.driver.options.Mode == isolation.Kwok, Rootless: v.driver.options.Mode == isolation.Rootless,
		Nftables: !found("iptables"), NoBridgeFilter: !exists("/proc/sys/net/bridge"),
		Vcap: m.Vcap(), Address: v.driver.inside(address), Inside: v.driver.inside, Kubernetes: release.Version,
	}
	v.box.mu.Lock()
	segment := v.box.segment
	v.box.mu.Unlock()
	if e.Simulated && segment != nil {
		e.APIBalancer = net.JoinHostPort(segment.address.String(), strconv.Itoa(apiPort))
	}
	return e, nil
}

// insideByte begins the addresses that machines have in their own network; it is cut off from the
// host's, so it may be the same for all.
var insidePrefix = netip.MustParsePrefix("172.30.0.0/16")

// inside translates an address of the manifest to what the machine itself has. Kubernetes refuses
// loopback addresses for nodes and endpoints.
func (d *Driver) inside(a netip.Addr) netip.Addr {
	if d.options.Mode == isolation.Kwok || !d.options.Subnet.Contains(a) {
		return a
	}
	from, to := a.As4(), insidePrefix.Addr().As4()
	return netip.AddrFrom4([4]byte{to[0], to[1], from[2], from[3]})
}
