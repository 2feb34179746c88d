package director

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/local/credhub"
	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/state"
	"github.com/pks-community/pks-release/src/local/machine"
)

// deployPayload is what a deploy task is to do.
type deployPayload struct {
	// Manifest is the text that was posted; empty means the stored one.
	Manifest string        `json:"manifest"`
	Name     string        `json:"name"`
	Options  deployOptions `json:"options"`
}

// deploy makes a deployment what its manifest says (reference/director-api.md §20).
func (d *Director) deploy(ctx context.Context, t *task, payload deployPayload) (string, error) {
	release, err := d.lockDeployment(ctx, t, payload.Name)
	if err != nil {
		return "", err
	}
	defer release()
	row, err := d.state.Deployment(ctx, payload.Name)
	if err != nil {
		return "", vanished(payload.Name, err)
	}
	text := payload.Manifest
	if text == "" {
		if row.Manifest == nil {
			return "", fault.New(fault.DeploymentNotFound, "Deployment '%s' was never deployed", payload.Name)
		}
		text = *row.Manifest
	}
	action := "update"
	if row.Manifest == nil {
		action = "create"
	}
	audit := t.audit(ctx, action, "deployment", payload.Name, payload.Name, "")
	before := usage(row)
	p, err := d.converge(ctx, t, text, payload.Options)
	if err != nil {
		audit.end(ctx, err, nil)
		return "", err
	}
	audit.end(ctx, nil, map[string]any{"before": before, "after": usage(p.row)})
	return "/deployments/" + payload.Name, nil
}

// usage is what audit events tell of a deployment.
func usage(row state.Deployment) map[string]any {
	list := func(versions []state.Version) []string {
		out := []string{}
		for _, v := range versions {
			out = append(out, v.Name+"/"+v.Version)
		}
		return out
	}
	return map[string]any{"releases": list(row.Releases), "stemcells": list(row.Stemcells)}
}

// vanished is the error of a task whose deployment is gone meanwhile.
func vanished(name string, err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return fault.New(fault.DeploymentNotFound, "Deployment '%s' doesn't exist", name)
	}
	return err
}

// lockDeployment takes the deployment's lock for the task.
func (d *Director) lockDeployment(ctx context.Context, t *task, name string) (release func(), err error) {
	free, err := d.locks.acquire(ctx, "deployment", name, t.row.ID, t.row.Description, d.config.Timing.Lock)
	if err != nil {
		return nil, err
	}
	t.audit(ctx, "acquire", "lock", "lock:deployment:"+name, name, "")
	return func() {
		free()
		t.audit(context.WithoutCancel(ctx), "release", "lock", "lock:deployment:"+name, name, "")
	}, nil
}

// converge plans and does a deploy.
func (d *Director) converge(ctx context.Context, t *task, text string, options deployOptions) (*plan, error) {
	p, err := d.read(ctx, text, options)
	if err != nil {
		return nil, err
	}
	if p.manifest.GlobalProperties {
		t.deprecated("Global 'properties' are deprecated. Please define 'properties' at the job level.")
	}
	if err := p.prepare(ctx, t); err != nil {
		return nil, err
	}
	if options.DryRun {
		return p, nil
	}
	if err := findPackages(ctx, t); err != nil {
		return nil, err
	}
	if err := p.apply(ctx, t); err != nil {
		return nil, err
	}
	p.row.Manifest = &text
	p.row.AppliedVariables = p.row.Variables
	return p, d.state.SaveDeployment(ctx, p.row)
}

// prepare does the second part of planning, in the task's first stage, and stores what it found.
func (p *plan) prepare(ctx context.Context, t *task) error {
	preparing := t.stage("Preparing deployment", nil, 1)
	if err := preparing.run(ctx, "Preparing deployment", func(*step) error { return p.bind(ctx, t) }); err != nil {
		return err
	}
	err := preparing.run(ctx, "Rendering templates", func(*step) error {
		if err := p.render(ctx, t); err != nil {
			return err
		}
		return p.checkTemplates(ctx, t)
	})
	if err != nil {
		return err
	}
	var fresh []*state.Instance
	for _, g := range p.groups {
		for _, i := range g.instances {
			if i.fresh || i.group.MigratedFrom != nil {
				fresh = append(fresh, i.Instance)
			}
		}
	}
	if err := p.d.state.SaveInstances(ctx, fresh); err != nil {
		return err
	}
	manifest, applied := p.row.Manifest, p.row.AppliedVariables
	if err := p.d.state.SaveDeployment(ctx, p.row); err != nil {
		return err
	}
	p.row.Manifest, p.row.AppliedVariables = manifest, applied
	return p.saveLinks(ctx)
}

// bind matches the plan with what exists.
func (p *plan) bind(ctx context.Context, t *task) error {
	if err := p.findStemcells(ctx); err != nil {
		return err
	}
	existing, err := p.d.state.Instances(ctx, p.manifest.Name)
	if err != nil {
		return err
	}
	if err := p.callAgents(ctx, existing); err != nil {
		return err
	}
	if slices.ContainsFunc(existing, func(i *state.Instance) bool { return i.Ignored }) {
		t.warn("You have ignored instances. They will not be changed.")
	}
	if err := p.place(existing); err != nil {
		p.unreserve()
		return err
	}
	return p.changeStates()
}

// callAgents asks every machine for its state. One that stays silent fails the deploy, unless it is
// to be repaired: then it gets another machine.
func (p *plan) callAgents(ctx context.Context, existing []*state.Instance) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxThreads)
	silent := make([]bool, len(existing))
	for n, i := range existing {
		if i.VMCID == "" || i.Ignored {
			continue
		}
		g.Go(func() error {
			answers, err := p.d.reach(ctx, i)
			if err != nil || answers {
				return err
			}
			if !p.options.Fix {
				return p.d.silent(i, "get_state")
			}
			silent[n] = true
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	p.dead = map[string]bool{}
	for n, i := range existing {
		if silent[n] {
			p.dead[i.ID] = true
			i.VMDigest = "" // no machine is like this
		}
	}
	return nil
}

// agentTries is how often a deploy tries to reach an agent.
const agentTries = 3

// reach asks an agent until it answers, or has had its time.
func (d *Director) reach(ctx context.Context, i *state.Instance) (answers bool, err error) {
	for range agentTries {
		_, err := d.machines.State(ctx, i.VMCID)
		if err == nil {
			return true, nil
		}
		if !isSilent(err) {
			return false, fmt.Errorf("ask %s for its state: %w", i.Slug(), err)
		}
		if err := pause(ctx, d.config.Timing.Agent); err != nil {
			return false, err
		}
	}
	return false, nil
}

// isSilent tells whether a driver's error means that the agent does not answer.
func isSilent(err error) bool {
	return errors.Is(err, machine.ErrUnresponsive) || errors.Is(err, machine.ErrNotFound)
}

// silent is the Director's error for an agent that does not answer.
func (d *Director) silent(i *state.Instance, method string) error {
	return fault.New(fault.AgentSilent, "%s: Timed out sending '%s' to instance: '%s', agent-id: '%s' after %d seconds",
		i.Slug(), method, i.Slug(), i.AgentID, int(d.config.Timing.Agent.Seconds()))
}

// pause waits for a while.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// changeStates applies what the request says about the state of instances.
func (p *plan) changeStates() error {
	change := p.options.Change
	for _, g := range p.groups {
		for _, i := range g.instances {
			old := p.options.CreatedBefore == 0 || i.VMCreatedAt < p.options.CreatedBefore
			if p.options.Recreate && !g.Errand && old {
				i.recreate = true
			}
			if change == nil || g.Errand || change.Group != "*" && change.Group != g.Name || change.Instance != "" && change.Instance != i.ID {
				continue
			}
			if i.Ignored {
				if change.Instance == "" {
					continue
				}
				return fault.New(fault.IgnoredInstanceState, "You are trying to change the state of the ignored instance '%s'. This operation is not allowed. You need to unignore it first.", i.Slug())
			}
			switch change.State {
			case state.Started, state.Stopped, state.Detached:
				i.wanted = change.State
			case "restart":
				i.wanted, i.restart = state.Started, true
			case "recreate":
				i.wanted, i.recreate = state.Started, old
			default:
				return fault.New(fault.InvalidJobState, "Invalid state '%s' for '%s', valid states are: started, stopped, detached, recreate, restart", change.State, g.Name)
			}
		}
	}
	return nil
}

// render makes the variables that do not exist and works out what every machine is to be.
func (p *plan) render(ctx context.Context, t *task) error {
	versions := map[string]string{}
	if p.options.Pinned {
		versions = p.row.AppliedVariables
	}
	p.vars = p.d.resolver(ctx, p.manifest.Name, versions)
	if !p.options.Pinned {
		err := p.vars.generate(p.links.named(p.manifest.Variables), p.manifest.Features.ConvergeVariables, func(c credhub.Credential) {
			t.auditDetails(ctx, "create", "variable", c.Name, p.manifest.Name,
				map[string]any{"update_strategy": "on-deploy", "latest_version": true, "name": c.Name, "id": c.ID})
		})
		if err != nil {
			return err
		}
	}
	for _, g := range p.groups {
		for _, i := range g.instances {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := p.describe(g, i); err != nil {
				return err
			}
		}
	}
	p.row.Variables = p.vars.versions
	return nil
}

// findPackages is the stage in which nothing is found: releases here come compiled.
func findPackages(ctx context.Context, t *task) error {
	return t.stage("Preparing package compilation", nil, 1).note(ctx, "Finding packages to compile")
}

// apply changes machines until they are what the plan says.
func (p *plan) apply(ctx context.Context, t *task) error {
	if err := p.d.deleteInstances(ctx, t, t.stage("Deleting unneeded instances", nil, len(p.gone)), p.gone, maxThreads, p.deletion("*")); err != nil {
		return err
	}
	if err := p.createMissing(ctx, t); err != nil {
		return err
	}
	for _, together := range p.batches() {
		if err := p.updateTogether(ctx, t, together); err != nil {
			return err
		}
	}
	return nil
}

// batches splits the groups into those that are updated at the same time: a serial group alone,
// neighbouring others together.
func (p *plan) batches() [][]*groupPlan {
	var batches [][]*groupPlan
	open := false
	for _, g := range p.groups {
		if g.Errand {
			continue
		}
		if !g.Update.Serial && open {
			batches[len(batches)-1] = append(batches[len(batches)-1], g)
			continue
		}
		batches = append(batches, []*groupPlan{g})
		open = !g.Update.Serial
	}
	return batches
}

func (p *plan) updateTogether(ctx context.Context, t *task, groups []*groupPlan) error {
	if len(groups) == 1 {
		return p.updateGroup(ctx, t, groups[0])
	}
	var work errgroup.Group
	for _, g := range groups {
		work.Go(func() error { return p.updateGroup(ctx, t, g) })
	}
	return work.Wait()
}

// createMissing makes the machines that are missing, of all groups at once.
func (p *plan) createMissing(ctx context.Context, t *task) error {
	var missing []*instancePlan
	for _, g := range p.groups {
		for _, i := range g.instances {
			if i.needsMachine() && !i.Ignored {
				missing = append(missing, i)
			}
		}
	}
	return p.createMachines(ctx, t, missing)
}

func (p *plan) createMachines(ctx context.Context, t *task, missing []*instancePlan) error {
	if len(missing) == 0 {
		return nil
	}
	creating := t.stage("Creating missing vms", nil, len(missing))
	var work errgroup.Group
	work.SetLimit(maxThreads)
	for _, i := range missing {
		work.Go(func() error {
			return creating.run(ctx, instanceStep(i.Instance), func(*step) error { return p.createMachine(ctx, t, i) })
		})
	}
	return work.Wait()
}

// scriptFailed is the Director's error for what a driver reports.
func scriptFailed(i *state.Instance, err error) error {
	return fault.New(fault.AgentFailed, "Action Failed get_task: Task %s result: %s", i.AgentID, strings.TrimSuffix(err.Error(), "\n"))
}

// notRunning is the Director's error for jobs that did not come up in time.
func notRunning(i *state.Instance, s machine.State) error {
	var failed []string
	for _, process := range s.Processes {
		if process.State != "running" {
			failed = append(failed, process.Name)
		}
	}
	text := fmt.Sprintf("'%s' is not running after update. Review logs for failed jobs: %s", instanceStep(i), strings.Join(failed, ", "))
	return &fault.Error{Code: fault.NotRunning, Message: text}
}
