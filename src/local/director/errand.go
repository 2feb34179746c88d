package director

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/manifest"
	"github.com/pks-community/pks-release/src/local/director/state"
	"github.com/pks-community/pks-release/src/local/machine"
)

// errandPayload is what an errand task is to do.
type errandPayload struct {
	Deployment  string         `json:"deployment"`
	Errand      string         `json:"errand"`
	KeepAlive   bool           `json:"keep_alive,omitempty"`
	WhenChanged bool           `json:"when_changed,omitempty"`
	Instances   []errandTarget `json:"instances,omitempty"`
}

// errandTarget selects instances: a group, or one instance of it by id or index, or the word first.
type errandTarget struct {
	Group string `json:"group"`
	ID    string `json:"id,omitempty"`
}

func (e errandTarget) inspect() string {
	if e.ID == "" {
		return fmt.Sprintf(`{"group"=>%q}`, e.Group)
	}
	return fmt.Sprintf(`{"group"=>%q, "id"=>%q}`, e.Group, e.ID)
}

// matches tells whether an instance is meant; first is its group's lowest id among those that there are.
func (e errandTarget) matches(i *state.Instance, first string) bool {
	return e.Group == i.Group && (e.ID == "" || e.ID == i.ID || e.ID == strconv.Itoa(i.Index) || e.ID == "first" && i.ID == first)
}

// errandRun is one job to be run on one instance.
type errandRun struct {
	instance *instancePlan
	job      string
	// name is the errand's: the group's for an errand group that was named.
	name string
}

// errandOutput is a line of an errand's result.
type errandOutput struct {
	Instance errandInstance `json:"instance"`
	Errand   string         `json:"errand_name"`
	ExitCode int            `json:"exit_code"`
	Stdout   string         `json:"stdout"`
	Stderr   string         `json:"stderr"`
	Logs     errandLogs     `json:"logs"`
}

type errandInstance struct {
	Group string `json:"group"`
	ID    string `json:"id"`
}

type errandLogs struct {
	BlobID string `json:"blobstore_id"`
	SHA1   string `json:"sha1"`
}

// runErrand runs an errand (reference/director-api.md §10).
func (d *Director) runErrand(ctx context.Context, t *task, payload errandPayload) (result string, err error) {
	release, err := d.lockDeployment(ctx, t, payload.Deployment)
	if err != nil {
		return "", err
	}
	defer release()
	row, err := d.state.Deployment(ctx, payload.Deployment)
	if err != nil {
		return "", vanished(payload.Deployment, err)
	}
	if row.Manifest == nil {
		return "", fault.New(fault.DeploymentNotFound, "Deployment '%s' was never deployed", payload.Deployment)
	}
	audit := t.audit(ctx, "run", "errand", payload.Errand, payload.Deployment, "")
	defer func() { audit.end(ctx, err, nil) }()
	p, err := d.read(ctx, *row.Manifest, deployOptions{Pinned: true})
	if err != nil {
		return "", err
	}
	var runs []errandRun
	err = t.stage("Preparing deployment", nil, 1).run(ctx, "Preparing deployment", func(*step) error {
		if err := p.bind(ctx, t); err != nil {
			return err
		}
		if err := p.render(ctx, t); err != nil {
			return err
		}
		candidates, err := p.errandRuns(payload.Errand)
		if err != nil {
			return err
		}
		if err := findPackages(ctx, t); err != nil {
			return err
		}
		runs, err = selectRuns(candidates, payload.Instances)
		return err
	})
	if err != nil {
		return "", err
	}
	if payload.WhenChanged {
		if runs = slices.DeleteFunc(runs, func(r errandRun) bool { return p.row.ErrandRuns[r.key()] == r.instance.digest }); len(runs) == 0 {
			return "skipped - no changes detected", nil
		}
	}
	return p.runErrands(ctx, t, runs, payload.KeepAlive)
}

func (r errandRun) key() string { return r.name + "@" + r.instance.ID + "@" + r.job }

// errandRuns returns what an errand of that name would run: the jobs of an errand group, or the job
// wherever it is.
func (p *plan) errandRuns(name string) ([]errandRun, error) {
	var runs []errandRun
	for _, g := range p.groups {
		named := g.Errand && g.Name == name
		for _, job := range g.Jobs {
			if !p.jobOf(job).Errand || !named && job.Name != name {
				continue
			}
			for _, i := range g.instances {
				runs = append(runs, errandRun{instance: i, job: job.Name, name: name})
			}
		}
		if named {
			return runs, nil
		}
	}
	if runs == nil {
		return nil, fault.New(fault.ErrandNotFound, "Errand '%s' doesn't exist", name)
	}
	return runs, nil
}

func selectRuns(runs []errandRun, targets []errandTarget) ([]errandRun, error) {
	if len(targets) == 0 {
		return runs, nil
	}
	first := map[string]string{}
	for _, r := range runs {
		if known, ok := first[r.instance.Group]; !ok || r.instance.ID < known {
			first[r.instance.Group] = r.instance.ID
		}
	}
	selected := slices.DeleteFunc(runs, func(r errandRun) bool {
		return !slices.ContainsFunc(targets, func(target errandTarget) bool {
			return target.matches(r.instance.Instance, first[r.instance.Group])
		})
	})
	if len(selected) > 0 {
		return selected, nil
	}
	text := ""
	for n, target := range targets {
		if n > 0 {
			text += ", "
		}
		text += target.inspect()
	}
	return nil, fault.New(fault.General, "No instances match selection criteria: [%s]", text)
}

// runErrands brings up the machines of errand groups, runs everything at once and removes the
// machines again.
func (p *plan) runErrands(ctx context.Context, t *task, runs []errandRun, keepAlive bool) (string, error) {
	temporary, err := p.bringUpErrandMachines(ctx, t, runs)
	if err == nil {
		var counts [3]int
		counts, err = p.runAll(ctx, t, runs)
		if err == nil {
			err = ctx.Err()
		}
		if err == nil || !keepAlive {
			err = errors.Join(err, p.removeErrandMachines(t, temporary, keepAlive))
		}
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%d succeeded, %d errored, %d canceled", counts[0], counts[1], counts[2]),
			p.d.state.SaveDeployment(ctx, p.row)
	}
	return "", errors.Join(err, p.removeErrandMachines(t, temporary, keepAlive))
}

// bringUpErrandMachines makes machines for the instances of errand groups.
func (p *plan) bringUpErrandMachines(ctx context.Context, t *task, runs []errandRun) ([]*instancePlan, error) {
	var all, missing []*instancePlan
	for _, r := range runs {
		if !r.instance.group.Errand || slices.Contains(all, r.instance) {
			continue
		}
		all = append(all, r.instance)
		if r.instance.VMCID == "" {
			r.instance.Configured = false // whatever an interrupted run has left in writing
			missing = append(missing, r.instance)
		}
	}
	if err := p.createMachines(ctx, t, missing); err != nil {
		return all, err
	}
	for _, g := range p.groups {
		mine := slices.DeleteFunc(slices.Clone(all), func(i *instancePlan) bool { return i.group != g || !i.changed() && i.Configured })
		if len(mine) == 0 {
			continue
		}
		updating := t.stage("Updating instance", []string{g.Name}, len(mine))
		for n, i := range mine {
			if err := p.updateSome(ctx, t, updating, []*instancePlan{i}, g, n < max(g.Update.Canaries.Of(len(mine)), 1)); err != nil {
				return all, err
			}
		}
	}
	return all, nil
}

func (p *plan) removeErrandMachines(t *task, temporary []*instancePlan, keepAlive bool) error {
	if keepAlive {
		return nil
	}
	ctx := p.d.queue.open // also after a cancellation
	var errs []error
	for _, i := range temporary {
		if i.VMCID == "" {
			continue
		}
		configured := i.Configured
		i.Configured = false
		err := p.d.deleteMachine(ctx, t, i.Instance)
		if err != nil {
			i.Configured = configured
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// runAll runs errands in parallel and counts those that succeeded, failed and were cancelled.
func (p *plan) runAll(ctx context.Context, t *task, runs []errandRun) (counts [3]int, err error) {
	running := t.stage("Running errand", nil, len(runs))
	var mu sync.Mutex
	var work errgroup.Group
	work.SetLimit(maxThreads)
	for _, r := range runs {
		work.Go(func() error {
			outcome, err := p.runOne(ctx, t, running, r)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case outcome.ExitCode == 0:
				counts[0]++
				p.row.ErrandRuns[r.key()] = r.instance.digest
			case outcome.ExitCode > 128:
				counts[2]++
				delete(p.row.ErrandRuns, r.key())
			default:
				counts[1]++
				delete(p.row.ErrandRuns, r.key())
			}
			return nil
		})
	}
	err = work.Wait()
	return counts, err
}

func (p *plan) runOne(ctx context.Context, t *task, running *stage, r errandRun) (machine.ErrandResult, error) {
	i := r.instance.Instance
	var outcome machine.ErrandResult
	err := running.run(ctx, instanceStep(i), func(*step) error {
		if i.VMCID == "" {
			return fault.New(fault.General, "Instance '%s' has no VM", i.Slug())
		}
		var err error
		if outcome, err = p.d.machines.RunErrand(ctx, i.VMCID, r.job); err != nil {
			return p.d.agent(t, i, "run_errand", err)
		}
		return ctx.Err()
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		return outcome, err
	}
	after := p.d.queue.open // also of a cancelled errand
	logs, err := p.d.fetchLogs(after, t, i, outcome)
	if err != nil {
		return outcome, err
	}
	return outcome, t.result(errandOutput{
		Instance: errandInstance{Group: i.Group, ID: i.ID}, Errand: r.name, ExitCode: outcome.ExitCode,
		Stdout: outcome.Stdout, Stderr: outcome.Stderr, Logs: logs,
	})
}

// fetchLogs packs an errand's output as the log archive of its instance.
func (d *Director) fetchLogs(ctx context.Context, t *task, i *state.Instance, outcome machine.ErrandResult) (logs errandLogs, err error) {
	fetching := t.stage(fmt.Sprintf("Fetching logs for %s", instanceStep(i)), nil, 1)
	err = fetching.run(ctx, "Finding and packing log files", func(*step) error {
		files := map[string]string{"errand.stdout.log": outcome.Stdout, "errand.stderr.log": outcome.Stderr}
		maps.Copy(files, outcome.Logs)
		archive, err := logArchive(files, time.Now())
		if err != nil {
			return err
		}
		sum := sha1.Sum(archive) // the field's format
		logs.SHA1 = hex.EncodeToString(sum[:])
		logs.BlobID, err = d.addBlob(ctx, archive)
		return err
	})
	return logs, err
}

// errands lists the names that can be run: errand groups first, then jobs with a bin/run.
func (d *Director) errands(ctx context.Context, text string) ([]string, error) {
	document, err := manifest.Document(text)
	if err != nil {
		return nil, err
	}
	read, err := manifest.ReadDeployment(document)
	if err != nil {
		return nil, err
	}
	names := []string{}
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, g := range read.Groups {
		if g.Errand {
			add(g.Name)
		}
	}
	for _, g := range read.Groups {
		for _, job := range g.Jobs {
			at := slices.IndexFunc(read.Releases, func(v manifest.Version) bool { return v.Name == job.Release })
			version := read.Releases[at].Version
			if isLatest(version) {
				if version, err = d.latestRelease(ctx, read.Releases[at]); err != nil {
					return nil, err
				}
			}
			release, err := d.state.Release(ctx, job.Release, version)
			if err != nil {
				return nil, err
			}
			if found, _ := release.Job(job.Name); found.Errand {
				add(job.Name)
			}
		}
	}
	return names, nil
}
