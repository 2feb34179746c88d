package director

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/state"
	"github.com/pks-community/pks-release/src/local/machine"
)

func problemRoutes() []route {
	return []route{
		{method: "POST", path: "/deployments/{name}/scans", handle: (*call).scan},
		{method: "GET", path: "/deployments/{name}/problems", handle: (*call).problems},
		{method: "PUT", path: "/deployments/{name}/problems", media: mediaJSON, handle: (*call).resolveProblems},
		{method: "PUT", path: "/deployments/{name}/scan_and_fix", media: mediaJSON, handle: (*call).scanAndFix},
		{method: "GET", path: "/deployments/{name}/snapshots", handle: (*call).snapshots},
		{method: "POST", path: "/deployments/{name}/snapshots", handle: (*call).takeSnapshot},
	}
}

// Kinds of problems (reference/director-api.md §12).
const (
	problemSilent  = "unresponsive_agent"
	problemMissing = "missing_vm"
)

// resolution is one way out of a problem.
type resolution struct {
	Name string `json:"name"`
	Plan string `json:"plan"`
}

func resolutions(kind string) []resolution {
	ways := []resolution{{"ignore", "Skip for now"}}
	if kind == problemSilent {
		ways = append(ways, resolution{"reboot_vm", "Reboot VM"})
	}
	ways = append(ways,
		resolution{"recreate_vm_without_wait", "Recreate VM without waiting for processes to start"},
		resolution{"recreate_vm", "Recreate VM and wait for processes to start"},
	)
	if kind == problemSilent {
		ways = append(ways, resolution{"delete_vm", "Delete VM"})
	}
	return append(ways, resolution{"delete_vm_reference", "Delete VM reference (forceful; may need to manually delete VM from the Cloud to avoid IP conflicts)"})
}

func describeProblem(p state.Problem, i *state.Instance) string {
	if p.Type == problemSilent {
		return fmt.Sprintf("VM for '%s' with cloud ID '%s' is not responding.", instanceStep(i), i.VMCID)
	}
	return fmt.Sprintf("VM for '%s' with cloud ID '%s' missing.", instanceStep(i), i.VMCID)
}

func (c *call) scan() error {
	d, err := c.named(c.changeDeployment)
	if err != nil {
		return err
	}
	return c.task(typeScan, "scan cloud", d.Name, objectPayload{Object: d.Name})
}

func (c *call) problems() error {
	d, err := c.named(c.changeDeployment)
	if err != nil {
		return err
	}
	found, err := c.d.state.Problems(c.r.Context(), d.Name)
	if err != nil {
		return err
	}
	type document struct {
		ID          int64          `json:"id"`
		Type        string         `json:"type"`
		Data        map[string]any `json:"data"`
		Description string         `json:"description"`
		Resolutions []resolution   `json:"resolutions"`
		Group       string         `json:"instance_group"`
	}
	documents := []document{}
	for _, p := range found {
		i, err := c.d.state.Instance(c.r.Context(), p.Instance)
		if errors.Is(err, state.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		documents = append(documents, document{
			ID: p.ID, Type: p.Type, Data: map[string]any{}, Description: describeProblem(p, i), Resolutions: resolutions(p.Type), Group: i.Group,
		})
	}
	return c.html(http.StatusOK, documents)
}

// scanCloud looks for machines that do not answer or are gone.
func (d *Director) scanCloud(ctx context.Context, t *task, payload objectPayload) (string, error) {
	release, err := d.lockAtOnce(ctx, t, payload.Object)
	if err != nil {
		return "", err
	}
	defer release()
	return "scan complete", d.findProblems(ctx, t, payload.Object)
}

// lockAtOnce takes a deployment's lock if it is free this moment.
func (d *Director) lockAtOnce(ctx context.Context, t *task, name string) (func(), error) {
	return d.locks.acquire(ctx, "deployment", name, t.row.ID, t.row.Description, 0)
}

func (d *Director) findProblems(ctx context.Context, t *task, deployment string) error {
	instances, err := d.state.Instances(ctx, deployment)
	if err != nil {
		return err
	}
	disks := 0
	for _, i := range instances {
		if i.DiskCID != "" {
			disks++
		}
	}
	var found []*state.Problem
	silent, missing := 0, 0
	for _, i := range instances {
		if !i.Ignored && lacksMachine(i) {
			missing++
			found = append(found, &state.Problem{Deployment: deployment, Type: problemMissing, Instance: i.ID})
		}
	}
	instances = slices.DeleteFunc(instances, func(i *state.Instance) bool { return i.VMCID == "" || i.Ignored })
	healthy := len(instances)
	scanning := t.stage(fmt.Sprintf("Scanning %d VMs", len(instances)), nil, 2)
	err = scanning.run(ctx, "Checking VM states", func(*step) error {
		for _, i := range instances {
			_, err := d.machines.State(ctx, i.VMCID)
			switch {
			case err == nil:
			case errors.Is(err, machine.ErrNotFound):
				missing++
				healthy--
				found = append(found, &state.Problem{Deployment: deployment, Type: problemMissing, Instance: i.ID})
			case errors.Is(err, machine.ErrUnresponsive):
				silent++
				healthy--
				found = append(found, &state.Problem{Deployment: deployment, Type: problemSilent, Instance: i.ID})
			default:
				return err
			}
		}
		if silent > 0 {
			if err := pause(ctx, d.config.Timing.Agent/4); err != nil {
				return err
			}
		}
		return d.state.ReplaceProblems(ctx, deployment, found)
	})
	if err != nil {
		return err
	}
	err = scanning.note(ctx, fmt.Sprintf("%d OK, %d unresponsive, %d missing, 0 unbound", healthy, silent, missing))
	if err != nil {
		return err
	}
	scanning = t.stage(fmt.Sprintf("Scanning %d persistent disks", disks), nil, 2)
	if err := scanning.note(ctx, "Looking for inactive disks"); err != nil {
		return err
	}
	return scanning.note(ctx, fmt.Sprintf("%d OK, 0 missing, 0 inactive, 0 mount-info mismatch", disks))
}

// resolvePayload says what to do about problems.
type resolvePayload struct {
	Deployment  string            `json:"deployment"`
	Resolutions map[string]string `json:"resolutions"`
}

func (c *call) resolveProblems() error {
	d, err := c.named(c.changeDeployment)
	if err != nil {
		return err
	}
	var wish struct {
		Resolutions map[string]string `json:"resolutions"`
	}
	if err := c.decode(&wish); err != nil {
		return err
	}
	return c.task(typeResolve, "apply resolutions", d.Name, resolvePayload{Deployment: d.Name, Resolutions: wish.Resolutions})
}

func (d *Director) applyResolutions(ctx context.Context, t *task, payload resolvePayload) (string, error) {
	release, err := d.lockDeployment(ctx, t, payload.Deployment)
	if err != nil {
		return "", err
	}
	defer release()
	found, err := d.state.Problems(ctx, payload.Deployment)
	if err != nil {
		return "", err
	}
	chosen := map[int64]resolution{}
	for _, p := range found {
		name, ok := payload.Resolutions[strconv.FormatInt(p.ID, 10)]
		if !ok {
			continue
		}
		at := slices.IndexFunc(resolutions(p.Type), func(r resolution) bool { return r.Name == name })
		if at < 0 {
			return "", fault.New(fault.General, "Problem %d has no resolution '%s'", p.ID, name)
		}
		chosen[p.ID] = resolutions(p.Type)[at]
	}
	return d.resolveAll(ctx, t, found, chosen)
}

// resolveAll does what was chosen about each problem: at the same time, for dead machines may wait for
// each other to come up, and all of it, even if some fails.
func (d *Director) resolveAll(ctx context.Context, t *task, found []state.Problem, chosen map[int64]resolution) (string, error) {
	applying := t.stage("Applying problem resolutions", nil, len(chosen))
	failures := make([]error, len(found))
	var resolved atomic.Int64
	var work errgroup.Group
	work.SetLimit(maxThreads)
	for n, p := range found {
		way, ok := chosen[p.ID]
		if !ok {
			continue
		}
		work.Go(func() error {
			if failures[n] = d.resolve(ctx, t, applying, p, way); failures[n] == nil {
				resolved.Add(1)
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return "", err
	}
	for _, err := range failures {
		if err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d resolved", resolved.Load()), nil
}

func (d *Director) resolve(ctx context.Context, t *task, applying *stage, p state.Problem, way resolution) error {
	i, err := d.state.Instance(ctx, p.Instance)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s (%s %d): %s", describeProblem(p, i), p.Type, p.ID, way.Plan)
	if err := applying.run(ctx, name, func(*step) error { return d.resolveOne(ctx, t, i, way.Name) }); err != nil {
		return err
	}
	return d.state.DeleteProblem(ctx, p.ID)
}

func (d *Director) resolveOne(ctx context.Context, t *task, i *state.Instance, way string) error {
	switch way {
	case "ignore":
		return nil
	case "reboot_vm":
		if i.State != state.Started {
			return nil
		}
		return d.restartJobs(ctx, t, i)
	}
	if err := d.deleteMachine(ctx, t, i); err != nil {
		return err
	}
	if way == "delete_vm" || way == "delete_vm_reference" {
		return nil
	}
	if err := d.remake(ctx, t, i); err != nil {
		return err
	}
	if i.State == state.Started {
		if err := d.restartJobs(ctx, t, i); err != nil {
			return err
		}
	}
	return d.state.SaveInstance(ctx, i)
}

// fixPayload names instances that are to be replaced if something is wrong with them.
type fixPayload struct {
	Deployment string              `json:"deployment"`
	Jobs       map[string][]string `json:"jobs"`
}

func (c *call) scanAndFix() error {
	d, err := c.named(c.changeDeployment)
	if err != nil {
		return err
	}
	payload := fixPayload{Deployment: d.Name}
	if err := c.decode(&payload); err != nil {
		return err
	}
	payload.Deployment = d.Name
	paused, err := c.d.state.Setting(c.r.Context(), settingPaused, "false")
	if err != nil {
		return err
	}
	if paused == "true" {
		return fault.New(fault.ResurrectorPaused, "Resurrector is paused")
	}
	return c.task(typeScanAndFix, "scan and fix", d.Name, payload)
}

// scanAndFixTask replaces the machines of instances that do not answer.
func (d *Director) scanAndFixTask(ctx context.Context, t *task, payload fixPayload) (string, error) {
	release, err := d.lockAtOnce(ctx, t, payload.Deployment)
	if err != nil {
		return "", err
	}
	defer release()
	instances, err := d.state.Instances(ctx, payload.Deployment)
	if err != nil {
		return "", err
	}
	wanted := map[string]bool{}
	for group, which := range payload.Jobs {
		for _, w := range which {
			at := slices.IndexFunc(instances, func(i *state.Instance) bool {
				return i.Group == group && (i.ID == w || strconv.Itoa(i.Index) == w)
			})
			if at < 0 {
				return "", fault.New(fault.InstanceNotFound, "'%s/%s/%s' doesn't exist", payload.Deployment, group, w)
			}
			wanted[instances[at].ID] = true
		}
	}
	if err := d.findProblems(ctx, t, payload.Deployment); err != nil {
		return "", err
	}
	found, err := d.state.Problems(ctx, payload.Deployment)
	if err != nil {
		return "", err
	}
	chosen := map[int64]resolution{}
	for _, p := range found {
		if wanted[p.Instance] {
			ways := resolutions(p.Type)
			chosen[p.ID] = ways[slices.IndexFunc(ways, func(r resolution) bool { return r.Name == "recreate_vm" })]
		}
	}
	if _, err := d.resolveAll(ctx, t, found, chosen); err != nil {
		return "", err
	}
	return "scan and fix complete", nil
}

func (c *call) snapshots() error {
	if _, err := c.named(c.changeDeployment); err != nil {
		return err
	}
	return c.html(http.StatusOK, []string{})
}

// takeSnapshot makes a task that does nothing: snapshots are switched off, as on most Directors.
func (c *call) takeSnapshot() error {
	d, err := c.named(c.changeDeployment)
	if err != nil {
		return err
	}
	return c.task(typeSnapshot, "snapshot deployment", d.Name, objectPayload{Object: d.Name})
}

func (d *Director) snapshot(_ context.Context, _ *task, payload objectPayload) (string, error) {
	return fmt.Sprintf("snapshots of deployment '%s' created", payload.Object), nil
}
