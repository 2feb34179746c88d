package upgradeall

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/errand"
	"github.com/pks-community/pks-release/src/pks"
)

// run is one run of the errand.
type run struct {
	*Errand
	api      API
	journal  *errand.Journal
	patience errand.Patience

	canaries []string
	target   pks.Versions
	outcomes map[string]outcome // by UUID, of all attempts
	order    []string           // UUIDs as they were first seen
}

// Upgrade does what Run does, with any API.
func (e *Errand) Upgrade(ctx context.Context, api API, journal *errand.Journal) error {
	r := &run{Errand: e, api: api, journal: journal, patience: e.Patience(journal), outcomes: map[string]outcome{}}
	limited := ctx
	if e.TimeLimit > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, e.TimeLimit)
		defer cancel()
	}
	err := r.attempts(ctx, limited)
	if err == nil {
		err = r.verify(ctx)
	}
	r.conclude(err)
	return err
}

// attempts makes one rollout after another until none has left a cluster behind.
func (r *run) attempts(ctx, limited context.Context) error {
	for attempt := 1; ; attempt++ {
		last := attempt > r.Retries
		task, err := r.attempt(limited, attempt)
		if err != nil {
			return r.stopped(ctx, limited, task, err)
		}
		behind := r.behind()
		if len(behind) == 0 {
			return nil
		}
		if task.Status == v1.TaskCanceled {
			return errors.Join(append([]error{fmt.Errorf("upgrade task %s was cancelled", task.UUID)}, r.faults(ctx, behind)...)...)
		}
		if last {
			return errors.Join(r.faults(ctx, behind)...)
		}
		tally := r.tally()
		r.journal.Say("Progress summary: Sleep interval until next attempt: %s; Number of successful operations so far: %d; "+
			"Number of clusters already up to date so far: %d; Number of skipped operations so far: %d; "+
			"Number of deleted clusters before operation could happen: %d; Number of failed operations (to retry) so far: %d",
			r.RetryInterval, tally.succeeded, tally.upToDate, tally.skipped, tally.deleted, tally.failed)
		if errand.Pause(limited, r.RetryInterval) != nil {
			return errors.Join(append([]error{errors.New("the errand ended while it waited for the next attempt")}, r.faults(ctx, behind)...)...)
		}
	}
}

// stopped says how things stand when an attempt did not come to its end.
func (r *run) stopped(ctx, limited context.Context, task v1.TaskInfo, err error) error {
	switch {
	case ctx.Err() != nil && task.UUID != "":
		return fmt.Errorf("upgrade task %s goes on without the errand, which joins it when it is run again", task.UUID)
	case ctx.Err() != nil:
		return errors.New("the errand was ended before all clusters were looked at")
	case limited.Err() != nil && task.UUID != "":
		return r.timeUp(ctx, task)
	case limited.Err() != nil:
		return fmt.Errorf("the time limit of %s is over before all clusters were looked at", r.TimeLimit)
	}
	return err
}

// attempt has the API upgrade all clusters and watches until that has ended. The
// task is the last state that was read; it has no UUID when there is none.
func (r *run) attempt(ctx context.Context, attempt int) (v1.TaskInfo, error) {
	clusters, err := r.list(ctx)
	if err != nil {
		return v1.TaskInfo{}, err
	}
	if attempt == 1 {
		r.journal.Say("STARTING OPERATION with %d concurrent workers", r.MaxInFlight)
		r.announce(clusters)
		if r.canaries, err = r.choose(clusters); err != nil {
			return v1.TaskInfo{}, err
		}
	}
	if len(clusters) == 0 {
		r.journal.Say("No clusters found.")
		return v1.TaskInfo{}, nil
	}
	r.journal.Say("Processing all clusters. Attempt %d/%d", attempt, r.Retries+1)
	force := r.Redeploy == RedeployAll && attempt == 1 // after that, those that failed
	task, err := r.rollOut(ctx, v1.UpgradeClustersRequest{
		All: true, Canaries: there(r.canaries, clusters), MaxInFlight: r.MaxInFlight, Force: force,
	})
	if err != nil || force || r.Redeploy == RedeployNone || halted(task) {
		return task, err
	}
	return r.redeploy(ctx)
}

// list lists the clusters that are there to stay.
func (r *run) list(ctx context.Context) ([]v1.Cluster, error) {
	clusters, err := errand.Persist(ctx, r.patience, r.api.Clusters)
	if err != nil {
		return nil, fmt.Errorf("error listing clusters: %w", err)
	}
	return slices.DeleteFunc(slices.Clone(clusters.Value), leaving), nil
}

// there are those of the names that a cluster has: one may have been deleted.
func there(names []string, clusters []v1.Cluster) []string {
	var found []string
	for _, name := range names {
		if slices.ContainsFunc(clusters, func(c v1.Cluster) bool { return c.Name == name }) {
			found = append(found, name)
		}
	}
	return found
}

// rollOut starts a rollout, or joins one, and watches it.
func (r *run) rollOut(ctx context.Context, request v1.UpgradeClustersRequest) (v1.TaskInfo, error) {
	if len(request.Canaries) > 0 {
		r.journal.Say("STARTING CANARIES: %d canaries: %s", len(request.Canaries), strings.Join(request.Canaries, " "))
	}
	known, err := errand.Persist(ctx, r.patience, func(ctx context.Context) (apiclient.Answer[[]v1.TaskInfo], error) { return r.api.Tasks(ctx, 100) })
	if err != nil {
		return v1.TaskInfo{}, fmt.Errorf("error listing upgrade tasks: %w", err)
	}
	started, err := errand.Persist(ctx, r.patience, func(ctx context.Context) (apiclient.Answer[v1.TaskInfo], error) {
		return r.api.UpgradeClusters(ctx, request)
	})
	if err != nil {
		return v1.TaskInfo{}, fmt.Errorf("error starting the upgrade: %w", err)
	}
	task := started.Value
	r.target = pks.Versions{Kubernetes: task.KubernetesVersion, Product: task.PKSVersion}
	if slices.ContainsFunc(known.Value, func(t v1.TaskInfo) bool { return t.UUID == task.UUID }) {
		r.journal.Say("Joined upgrade task %s of %s to PKS %s with Kubernetes %s: at most %d clusters at a time",
			task.UUID, task.RequestedBy, r.target.Product, r.target.Kubernetes, task.MaxInFlight)
	} else {
		r.journal.Say("Started upgrade task %s to PKS %s with Kubernetes %s", task.UUID, r.target.Product, r.target.Kubernetes)
	}
	return r.watch(ctx, task)
}

// watch looks at the task until it has ended.
func (r *run) watch(ctx context.Context, task v1.TaskInfo) (v1.TaskInfo, error) {
	told := teller{journal: r.journal, started: map[string]bool{}, ended: map[string]bool{}}
	for {
		told.tell(task)
		r.note(task)
		if ended(task) {
			return task, nil
		}
		if err := errand.Pause(ctx, r.PollingInterval); err != nil {
			return task, err
		}
		read, err := errand.Persist(ctx, r.patience, func(ctx context.Context) (apiclient.Answer[v1.TaskInfo], error) {
			return r.api.Task(ctx, task.UUID)
		})
		if err != nil {
			return task, fmt.Errorf("watch upgrade task %s, which goes on: %w", task.UUID, err)
		}
		if read.Value.UUID != task.UUID {
			return task, fmt.Errorf("watch upgrade task %s: the API answered with task %q", task.UUID, read.Value.UUID)
		}
		task = read.Value
	}
}

// cancelTimeout bounds what is done after the time limit.
const cancelTimeout = time.Minute

// timeUp ends the errand at its time limit.
func (r *run) timeUp(ctx context.Context, task v1.TaskInfo) error {
	text := fmt.Sprintf("the time limit of %s is over; upgrade task %s goes on, and the errand joins it when it is run again", r.TimeLimit, task.UUID)
	if r.CancelOnTimeLimit {
		ctx, cancel := context.WithTimeout(ctx, cancelTimeout)
		defer cancel()
		cancelled, err := r.api.CancelTask(ctx, task.UUID)
		if err != nil {
			return fmt.Errorf("%s, for it could not be cancelled: %w", text, err)
		}
		if cancelled.Value.UUID == task.UUID {
			r.note(cancelled.Value)
		}
		text = fmt.Sprintf("the time limit of %s is over; clusters of upgrade task %s that had not begun are left out", r.TimeLimit, task.UUID)
	}
	return errors.New(text)
}

// verify makes sure that every cluster is at the target, also one that no task told
// of.
func (r *run) verify(ctx context.Context) error {
	if r.target == (pks.Versions{}) {
		return nil // there was no cluster
	}
	clusters, err := r.list(ctx)
	if err != nil {
		return err
	}
	var faults []error
	for _, c := range clusters {
		if c.KubernetesVersion != r.target.Kubernetes || c.PKSVersion != r.target.Product {
			faults = append(faults, fmt.Errorf("cluster %s runs PKS %s with Kubernetes %s, not PKS %s with Kubernetes %s; run the errand again",
				c.Name, c.PKSVersion, c.KubernetesVersion, r.target.Product, r.target.Kubernetes))
		}
	}
	return errors.Join(faults...)
}

// leaving tells a cluster that is being deleted.
func leaving(c v1.Cluster) bool {
	return c.LastAction == string(pks.ActionDelete) && c.LastActionState == string(pks.ActionInProgress)
}
