package kubeapi

import (
	"context"
	"slices"
	"sync"

	"github.com/pks-community/pks-release/src/local/machine"
)

// jobKubelet makes a machine a node.
const jobKubelet = "kubelet"

// WithNodes returns driver, whose machines with a kubelet become nodes of their
// cluster when they start and vanish from it when they stop.
func WithNodes(driver machine.Driver, s *Service) machine.Driver {
	return &nodeDriver{Driver: driver, service: s, workers: map[string]worker{}}
}

type nodeDriver struct {
	machine.Driver
	service *Service

	mu      sync.Mutex
	workers map[string]worker // by the machine's id
}

// worker is how a machine is found as a node. Its specification is not kept: most
// machines are started once.
type worker struct {
	deployment, id string
	spec           func(context.Context) (machine.Spec, error)
}

// Apply remembers the workers.
func (d *nodeDriver) Apply(ctx context.Context, cid string, spec machine.Spec) error {
	if err := d.Driver.Apply(ctx, cid, spec); err != nil {
		return err
	}
	if job, ok := spec.Job(jobKubelet); ok {
		small := machine.Spec{Deployment: spec.Deployment, Group: spec.Group, ID: spec.ID, AZ: spec.AZ, IPs: spec.IPs}
		small.Jobs = []machine.Job{{Name: jobKubelet, Properties: map[string]any{
			"k8s-args": map[string]any{"node-labels": text(job.Properties, "k8s-args", "node-labels")},
		}}}
		d.remember(cid, worker{spec.Deployment, spec.ID, func(context.Context) (machine.Spec, error) { return small, nil }})
	}
	return nil
}

// Start registers the node once the machine's processes run.
func (d *nodeDriver) Start(ctx context.Context, cid string) error {
	if err := d.Driver.Start(ctx, cid); err != nil {
		return err
	}
	w, ok := d.worker(cid)
	if !ok {
		return nil
	}
	spec, err := w.spec(ctx)
	if err != nil {
		return err
	}
	return d.service.Start(ctx, spec)
}

// Stop takes the node away first, as kubelet's drain does.
func (d *nodeDriver) Stop(ctx context.Context, cid string) error {
	if w, ok := d.worker(cid); ok {
		if err := d.service.Stop(ctx, w.deployment, w.id); err != nil {
			return err
		}
	}
	return d.Driver.Stop(ctx, cid)
}

// Delete forgets the machine.
func (d *nodeDriver) Delete(ctx context.Context, cid string) error {
	if w, ok := d.worker(cid); ok {
		if err := d.service.Stop(ctx, w.deployment, w.id); err != nil {
			return err
		}
		d.mu.Lock()
		delete(d.workers, cid)
		d.mu.Unlock()
	}
	return d.Driver.Delete(ctx, cid)
}

// Recover learns again which machines are workers. Their nodes are in the
// cluster's file.
func (d *nodeDriver) Recover(ctx context.Context, placements []machine.Placement) error {
	for _, p := range placements {
		if slices.Contains(p.Jobs, jobKubelet) {
			d.remember(p.CID, worker{p.Deployment, p.ID, p.Spec})
		}
	}
	return d.Driver.Recover(ctx, placements)
}

func (d *nodeDriver) remember(cid string, w worker) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.workers[cid] = w
}

func (d *nodeDriver) worker(cid string) (worker, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w, ok := d.workers[cid]
	return w, ok
}
