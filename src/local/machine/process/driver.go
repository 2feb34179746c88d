package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/local/kubernetes"
	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/isolation"
)

// Options say where and of what machines are made.
type Options struct {
	// Dir keeps machines and disks.
	Dir string
	// Stack is a short name of this stack ([a-z0-9]{6}); what machines leave in the kernel carries it.
	Stack string
	// Program is pks-local, which machines run as their agent.
	Program string
	Mode    isolation.Mode
	// Binaries are the parts of Kubernetes that have been built.
	Binaries kubernetes.Binaries
	// Subnet holds the machines' addresses as the manifest has them: a /16 of 127.0.0.0/8.
	Subnet netip.Prefix
	Logger *slog.Logger
}

// Driver runs process machines.
type Driver struct {
	options Options
	logger  *slog.Logger
	own     string // package with this program

	making sync.Mutex // of a segment

	mu       sync.Mutex
	machines map[string]*vm
	segments map[string]*segment // by deployment
	died     func(cid string)
	closed   bool

	group sync.WaitGroup // recoveries and watches
	ctx   context.Context
	stop  context.CancelFunc
}

var _ machine.Driver = (*Driver)(nil)

// New returns a driver. What a killed one has left in the kernel is removed; its machines' files stay
// for Recover.
func New(ctx context.Context, o Options) (*Driver, error) {
	for _, dir := range []string{"machines", "segments", "disks"} {
		if err := os.MkdirAll(filepath.Join(o.Dir, dir), 0o700); err != nil {
			return nil, fmt.Errorf("make the machines' folder: %w", err)
		}
	}
	if err := isolation.Sweep(ctx, o.Stack, filepath.Join(o.Dir, "segments")); err != nil {
		return nil, fmt.Errorf("remove what an earlier run has left: %w", err)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	own, err := placeProgram(o.Program, o.Dir)
	if err != nil {
		return nil, err
	}
	d := &Driver{own: own, options: o, logger: o.Logger, machines: map[string]*vm{}, segments: map[string]*segment{}}
	d.ctx, d.stop = context.WithCancel(context.WithoutCancel(ctx))
	return d, nil
}

// Create implements machine.Driver.
func (d *Driver) Create(ctx context.Context, spec machine.Spec) (string, error) {
	if err := d.capable(spec); err != nil {
		return "", err
	}
	v := &vm{driver: d, cid: "vm-" + uuid.NewString(), spec: spec, logger: d.logger.With("deployment", spec.Deployment, "instance", spec.Group+"/"+spec.ID)}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := d.add(v); err != nil {
		return "", err
	}
	if err := v.boot(ctx); err != nil {
		return "", errors.Join(err, d.forget(context.WithoutCancel(ctx), v))
	}
	v.logger.Debug("machine created", "machine", v.cid)
	return v.cid, nil
}

// capable refuses what this host cannot run.
func (d *Driver) capable(spec machine.Spec) error {
	s, err := sizeOf(spec)
	if err != nil {
		return err
	}
	if _, err := d.kubernetesOf(spec); err != nil {
		return err
	}
	h, err := lookAtHost(d.options.Dir)
	if err != nil {
		return err
	}
	return h.fits(spec, s, d.options.Dir)
}

// kuboRelease names the release whose version is that of Kubernetes.
const kuboRelease = "kubo"

// kubernetesOf finds the build of Kubernetes that a machine's release wants.
func (d *Driver) kubernetesOf(spec machine.Spec) (kubernetes.Release, error) {
	want := spec.Releases[kuboRelease]
	var have []string
	for _, r := range d.options.Binaries.Kubernetes {
		if r.Version == want {
			return r, nil
		}
		have = append(have, r.Version)
	}
	return kubernetes.Release{}, fmt.Errorf("release %s/%s has not been built for process machines, only %q: choose one of these with 'pks-local bump --kubernetes'", kuboRelease, want, have)
}

func (d *Driver) add(v *vm) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errors.New("the machines are being closed")
	}
	d.machines[v.cid] = v
	return nil
}

// find returns a machine with its lock held.
func (d *Driver) find(cid string) (*vm, error) {
	d.mu.Lock()
	v, ok := d.machines[cid]
	d.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("machine %s: %w", cid, machine.ErrNotFound)
	}
	v.mu.Lock()
	return v, nil
}

// forget ends a machine and removes all of it but its persistent disk. Its lock is held.
func (d *Driver) forget(ctx context.Context, v *vm) error {
	problems := []error{v.halt(ctx), machine.RemoveTree(v.dir())}
	d.mu.Lock()
	delete(d.machines, v.cid)
	d.mu.Unlock()
	return errors.Join(problems...)
}

// Delete implements machine.Driver.
func (d *Driver) Delete(ctx context.Context, cid string) error {
	v, err := d.find(cid)
	if errors.Is(err, machine.ErrNotFound) {
		if filepath.Base(cid) != cid || cid == "." || cid == ".." {
			return nil // ids come from outside, too; this is not one of a machine
		}
		return machine.RemoveTree(d.machineDir(cid))
	}
	defer v.mu.Unlock()
	if err := d.forget(ctx, v); err != nil {
		return fmt.Errorf("delete machine %s: %w", cid, err)
	}
	v.logger.Debug("machine deleted", "machine", cid)
	return nil
}

// DeleteDisk implements machine.Driver.
func (d *Driver) DeleteDisk(_ context.Context, diskCID string) error {
	dir, err := d.diskDir(diskCID)
	if err != nil {
		return err
	}
	return machine.RemoveTree(dir)
}

// DeleteDeployment implements machine.Driver.
func (d *Driver) DeleteDeployment(ctx context.Context, deployment string) error {
	d.mu.Lock()
	s := d.segments[deployment]
	delete(d.segments, deployment)
	d.mu.Unlock()
	if s == nil {
		return nil
	}
	return errors.Join(s.close(ctx), machine.RemoveTree(s.dir), d.publish())
}

// Close implements machine.Driver: all machines are shut down as far as a few seconds allow and keep
// their files.
func (d *Driver) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	var machines []*vm
	for _, v := range d.machines {
		machines = append(machines, v)
	}
	var segments []*segment
	for _, s := range d.segments {
		segments = append(segments, s)
	}
	d.mu.Unlock()
	d.stop()
	d.group.Wait()

	// Workers first: a master that waits for their watches would wait in vain.
	slices.SortFunc(machines, func(a, b *vm) int { return boolCompare(a.master(), b.master()) })
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	var wait sync.WaitGroup
	var mu sync.Mutex
	var problems []error
	for _, v := range machines {
		wait.Go(func() {
			v.mu.Lock()
			defer v.mu.Unlock()
			err := v.shutDown(ctx)
			mu.Lock()
			defer mu.Unlock()
			problems = append(problems, err)
		})
	}
	wait.Wait()
	for _, s := range segments {
		problems = append(problems, s.close(context.WithoutCancel(ctx)))
	}
	return errors.Join(problems...)
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}
