package process

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"strings"

	"github.com/pks-community/pks-release/src/local/cfcr/jobs"
	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/agent"
)

// Prepare implements machine.Driver. What jobs need is on the machine already; what this host does not
// have is told while the old jobs still run.
func (d *Driver) Prepare(_ context.Context, cid string, spec machine.Spec) error {
	v, err := d.find(cid)
	if err != nil {
		return err
	}
	defer v.mu.Unlock()
	_, err = d.kubernetesOf(spec)
	return err
}

// Apply implements machine.Driver.
func (d *Driver) Apply(ctx context.Context, cid string, spec machine.Spec) ([]string, error) {
	v, err := d.find(cid)
	if err != nil {
		return nil, err
	}
	defer v.mu.Unlock()
	v.spec = spec
	return v.apply(ctx)
}

func (v *vm) apply(ctx context.Context) ([]string, error) {
	client, running, err := v.agent()
	if err != nil {
		return nil, err
	}
	if err := separate(v.spec); err != nil {
		return nil, err
	}
	e, err := v.environment(running)
	if err != nil {
		return nil, err
	}
	plan, warnings, err := jobs.Render(v.spec, e)
	if err != nil {
		return nil, fmt.Errorf("render the jobs of %s/%s: %w", v.spec.Group, v.spec.ID, err)
	}
	link := path.Join(running.Vcap(), "packages", "kubernetes")
	if err := succeed(ctx, client, "ln", "-sfn", "kubernetes-"+e.Kubernetes, link); err != nil {
		return nil, fmt.Errorf("choose Kubernetes %s: %w", e.Kubernetes, err)
	}
	v.box.mu.Lock()
	v.box.master = v.master()
	v.box.mu.Unlock()
	shared, err := v.driver.share(ctx, v)
	warnings = append(warnings, shared...)
	if err != nil {
		return warnings, err
	}
	if err := client.Apply(ctx, plan); err != nil {
		return warnings, silent(v.cid, err)
	}
	v.plan = &plan
	return warnings, nil
}

// succeed runs a command on a machine that has to exit with 0.
func succeed(ctx context.Context, client *agent.Client, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, agentPatience)
	defer cancel()
	result, err := client.Run(ctx, agent.Command{Args: args})
	if err != nil {
		return err
	}
	if result.ExitCode != 0 {
		return fmt.Errorf("%s exits with %d: %s", args[0], result.ExitCode, strings.TrimSpace(result.Stderr))
	}
	return nil
}

// silent wraps the error of an agent that did not answer, other than one that ended with the caller's
// patience.
func silent(cid string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("machine %s: %w", cid, err)
}

// RunScript implements machine.Driver: the hooks of all jobs, in their order.
func (d *Driver) RunScript(ctx context.Context, cid string, script machine.Script, next machine.Next) error {
	v, err := d.find(cid)
	if err != nil {
		return err
	}
	defer v.mu.Unlock()
	client, _, err := v.agent()
	if err != nil {
		return err
	}
	if script == machine.Drain {
		// Nobody is sent to a master that is about to stop.
		v.leaveService()
	}
	if v.plan == nil { // nothing was applied
		return nil
	}
	for _, job := range v.plan.Jobs {
		hook, ok := job.Hooks[script]
		if !ok {
			continue
		}
		env := maps.Clone(next.Environment())
		maps.Copy(env, hook.Env)
		hook.Env = env
		result, err := client.Run(ctx, hook)
		if err != nil {
			return silent(cid, err)
		}
		if result.ExitCode != 0 {
			return fmt.Errorf("%s of job %s exits with %d: %s", script, job.Name, result.ExitCode, lastLines(result.Stderr+result.Stdout))
		}
	}
	return nil
}

// lastLines is the end of an output, for an error.
func lastLines(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "; ")
}

func silentOrNil(cid string, err error) error {
	if err == nil {
		return nil
	}
	return silent(cid, err)
}

// Start implements machine.Driver.
func (d *Driver) Start(ctx context.Context, cid string) error {
	v, err := d.find(cid)
	if err != nil {
		return err
	}
	defer v.mu.Unlock()
	return v.start(ctx)
}

func (v *vm) start(ctx context.Context) error {
	client, _, err := v.agent()
	if err != nil {
		return err
	}
	if err := client.Start(ctx); err != nil {
		return silent(v.cid, err)
	}
	v.started = true
	return v.enterService(ctx)
}

// Stop implements machine.Driver.
func (d *Driver) Stop(ctx context.Context, cid string) error {
	v, err := d.find(cid)
	if err != nil {
		return err
	}
	defer v.mu.Unlock()
	client, _, err := v.agent()
	if err != nil {
		return err
	}
	v.leaveService()
	v.started = false
	return silentOrNil(cid, client.Stop(ctx))
}

// State implements machine.Driver. It does not wait for an operation on the machine.
func (d *Driver) State(ctx context.Context, cid string) (machine.State, error) {
	d.mu.Lock()
	v, ok := d.machines[cid]
	d.mu.Unlock()
	if !ok {
		return machine.State{}, fmt.Errorf("machine %s: %w", cid, machine.ErrNotFound)
	}
	running, booting := v.box.machine()
	if running == nil && booting {
		return machine.State{Job: machine.JobStarting}, nil
	}
	client, _, err := v.agent()
	if err != nil {
		return machine.State{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, statePatience)
	defer cancel()
	s, err := client.State(ctx)
	if err != nil {
		return machine.State{}, fmt.Errorf("machine %s: %w: %w", cid, machine.ErrUnresponsive, err)
	}
	return s, nil
}

// RunErrand implements machine.Driver.
func (d *Driver) RunErrand(ctx context.Context, cid, job string) (machine.ErrandResult, error) {
	v, err := d.find(cid)
	if err != nil {
		return machine.ErrandResult{}, err
	}
	defer v.mu.Unlock()
	client, _, err := v.agent()
	if err != nil {
		return machine.ErrandResult{}, err
	}
	result, err := client.RunErrand(ctx, job)
	if err != nil {
		return machine.ErrandResult{}, silent(cid, err)
	}
	return result, nil
}
