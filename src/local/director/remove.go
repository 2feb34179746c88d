package director

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/state"
	"github.com/pks-community/pks-release/src/local/machine"
)

// deletion says how instances are deleted.
type deletion struct {
	stopping
	// force goes on when an agent or the driver fails.
	force bool
}

// deleteInstances deletes instances, at most limit at a time.
func (d *Director) deleteInstances(ctx context.Context, t *task, deleting *stage, instances []*state.Instance, limit int, how deletion) error {
	var work errgroup.Group
	work.SetLimit(limit)
	var stop failure
	for _, i := range instances {
		work.Go(func() error {
			if stop.happened() {
				return nil
			}
			return stop.note(deleting.run(ctx, instanceStep(i), func(*step) error { return d.deleteInstance(ctx, t, i, how) }))
		})
	}
	return work.Wait()
}

// deleteInstance stops an instance, removes its machine and forgets it. Its disk becomes an orphan.
func (d *Director) deleteInstance(ctx context.Context, t *task, i *state.Instance, how deletion) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	audit := t.audit(ctx, "delete", "instance", i.Slug(), i.Deployment, i.Slug())
	defer func() { audit.end(ctx, err, nil) }()
	if i.VMCID != "" {
		if i.State == state.Started && i.Digest != "" {
			if err := d.stop(ctx, t, i, how.stopping, func(int, string) {}); err != nil && !how.force {
				return err
			}
		}
		if err := d.deleteMachine(ctx, t, i); err != nil && !how.force {
			return err
		}
	}
	if err := d.state.DeleteInstance(ctx, i, time.Now().Unix()); err != nil {
		return err
	}
	if i.DiskCID != "" {
		t.audit(ctx, "orphan", "disk", i.DiskCID, i.Deployment, i.Slug())
	}
	for _, a := range i.Addresses {
		d.addresses.free(a.IP, i.ID)
	}
	return nil
}

// deletePayload is what a task that deletes a deployment is to do.
type deletePayload struct {
	Name  string `json:"name"`
	Force bool   `json:"force,omitempty"`
}

// deleteDeployment removes a deployment (reference/director-api.md §20.7).
func (d *Director) deleteDeployment(ctx context.Context, t *task, payload deletePayload) (result string, err error) {
	release, err := d.lockDeployment(ctx, t, payload.Name)
	if err != nil {
		return "", err
	}
	defer release()
	if _, err := d.state.Deployment(ctx, payload.Name); err != nil {
		if errors.Is(err, state.ErrNotFound) && t.resumed {
			return "/deployments/" + payload.Name, nil // the interrupted run came that far
		}
		return "", vanished(payload.Name, err)
	}
	audit := t.audit(ctx, "delete", "deployment", payload.Name, payload.Name, "")
	defer func() { audit.end(ctx, err, nil) }()
	instances, err := d.state.Instances(ctx, payload.Name)
	if err != nil {
		return "", err
	}
	for _, i := range instances {
		if i.Ignored {
			return "", fault.New(fault.IgnoredDelete, "You are trying to delete deployment '%s', which contains ignored instance(s). Operation not allowed.", payload.Name)
		}
	}
	deleting := t.stage("Deleting instances", nil, len(instances))
	if err := d.deleteInstances(ctx, t, deleting, instances, maxThreads, deletion{stopping: stopping{next: machine.DeleteDeployment}, force: payload.Force}); err != nil {
		return "", err
	}
	artifacts := t.stage("Removing deployment artifacts", nil, 3)
	for _, name := range []string{"Detaching stemcells", "Detaching releases"} {
		if err := artifacts.note(ctx, name); err != nil {
			return "", err
		}
	}
	properties := t.stage("Deleting properties", nil, 0)
	if err := properties.note(ctx, "Deleting dynamic disks"); err != nil {
		return "", err
	}
	err = properties.run(ctx, "Destroying deployment", func(*step) error {
		if err := d.machines.DeleteDeployment(ctx, payload.Name); err != nil && !payload.Force {
			return err
		}
		return d.state.DeleteDeployment(ctx, payload.Name)
	})
	return "/deployments/" + payload.Name, err
}
