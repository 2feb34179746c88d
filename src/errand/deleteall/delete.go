package deleteall

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

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

	order   []string           // UUIDs as they were first seen
	targets map[string]*target // by UUID
}

// target is one cluster to be deleted.
type target struct {
	name   string
	asked  int  // how often it was asked for, by this run
	going  bool // a deletion is at work
	gone   bool
	waits  bool  // it was told that something else goes on
	failed error // what ended the last attempt
}

// Delete does what Run does, with any API; orphans may be nil.
func (e *Errand) Delete(ctx context.Context, api API, orphans Orphans, journal *errand.Journal) error {
	r := &run{Errand: e, api: api, journal: journal, patience: e.Patience(journal), targets: map[string]*target{}}
	limited := ctx
	if e.TimeLimit > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, e.TimeLimit)
		defer cancel()
	}
	err := r.delete(limited)
	switch {
	case err != nil && ctx.Err() != nil:
		err = errors.New("the errand was ended; deletions that have begun go on, and it goes on when it is run again")
	case err != nil && limited.Err() != nil:
		err = fmt.Errorf("the time limit of %s is over; deletions that have begun go on, and the errand goes on when it is run again", e.TimeLimit)
	}
	var left error
	if err == nil && orphans != nil {
		left = r.orphans(limited, orphans)
	}
	r.conclude(errors.Join(err, left))
	if err != nil {
		return errors.Join(append([]error{err}, r.faults()...)...)
	}
	return left
}

// delete looks at all clusters and asks for deletions, again and again, until none
// is left or nothing more can be done.
func (r *run) delete(ctx context.Context) error {
	clusters, err := r.list(ctx)
	if err != nil {
		return err
	}
	if locked := lockedIn(clusters); len(locked) > 0 {
		return lockedError(locked)
	}
	r.journal.Say("Deleter Configuration: max_in_flight: %d, polling_interval: %s", r.MaxInFlight, r.PollingInterval)
	if len(clusters) == 0 {
		r.journal.Say("No clusters found.")
		return nil
	}
	for {
		r.look(clusters)
		if err := r.ask(ctx, clusters); err != nil {
			return err
		}
		if r.nothingToDo() {
			return r.finish(ctx)
		}
		if err := errand.Pause(ctx, r.PollingInterval); err != nil {
			return err
		}
		if clusters, err = r.list(ctx); err != nil {
			return err
		}
	}
}

func (r *run) list(ctx context.Context) ([]v1.Cluster, error) {
	clusters, err := errand.Persist(ctx, r.patience, r.api.Clusters)
	if err != nil {
		return nil, fmt.Errorf("error listing clusters: %w", err)
	}
	return clusters.Value, nil
}

func lockedIn(clusters []v1.Cluster) []string {
	var locked []string
	for _, c := range clusters {
		if c.DeletionLock {
			locked = append(locked, c.Name)
		}
	}
	return locked
}

func lockedError(names []string) error {
	return fmt.Errorf("nothing was deleted, for these clusters are locked against deletion: %s; "+
		"'pks unlock NAME' lifts a lock", strings.Join(names, ", "))
}

// look brings the targets up to date with what the API lists. A cluster that is
// listed no more is gone; one that has come meanwhile is a target too.
func (r *run) look(clusters []v1.Cluster) {
	listed := make(map[string]v1.Cluster, len(clusters))
	for _, c := range clusters {
		listed[idOf(c)] = c
		if r.targets[idOf(c)] == nil {
			r.targets[idOf(c)] = &target{name: c.Name}
			r.order = append(r.order, idOf(c))
		}
	}
	for _, id := range r.order {
		t := r.targets[id]
		c, there := listed[id]
		switch {
		case t.gone:
		case !there:
			t.gone, t.going, t.failed = true, false, nil
			r.journal.Say("[%s] Result: deleted cluster", t.name)
		case deleting(c):
			if !t.going {
				r.journal.Say("[%s] Waiting for cluster to be deleted", t.name)
			}
			t.going, t.waits = true, false
		case t.going:
			t.going = false
			t.failed = fmt.Errorf("cluster %s: %s", t.name, c.LastActionDescription)
			r.journal.Say("[%s] Result: deletion failed: %s", t.name, c.LastActionDescription)
		}
	}
}

func deleting(c v1.Cluster) bool {
	return c.LastAction == string(pks.ActionDelete) && c.LastActionState == string(pks.ActionInProgress)
}

// busy tells that something other than a deletion goes on.
func busy(c v1.Cluster) bool {
	return !deleting(c) && c.LastActionState == string(pks.ActionInProgress)
}

// idOf tells clusters apart also at servers of other makes.
func idOf(c v1.Cluster) string { return cmp.Or(c.UUID, c.Name) }

// ask has as many deletions begin as may be at work beside those that are. Clusters
// that something else is being done to come when that has ended.
func (r *run) ask(ctx context.Context, clusters []v1.Cluster) error {
	going := 0
	for _, t := range r.targets {
		if t.going {
			going++
		}
	}
	for _, c := range clusters {
		t := r.targets[idOf(c)]
		if t.going || t.gone || r.spent(t) {
			continue
		}
		if busy(c) {
			r.tellBusy(t, c)
			continue
		}
		if going >= r.MaxInFlight {
			return nil
		}
		begun, err := r.askOne(ctx, t, c)
		if err != nil {
			return err
		}
		if begun {
			going++
		}
	}
	return nil
}

// spent tells that the cluster's deletion is not tried again.
func (r *run) spent(t *target) bool { return t.failed != nil && t.asked > r.Retries }

func (r *run) tellBusy(t *target, c v1.Cluster) {
	if !t.waits {
		t.waits = true
		r.journal.Say("[%s] Waiting for the end of what goes on: %s", t.name, c.LastActionDescription)
	}
}

// askOne asks for one deletion. Whoever is away is waited for by the next list.
func (r *run) askOne(ctx context.Context, t *target, c v1.Cluster) (begun bool, err error) {
	err = r.api.DeleteCluster(ctx, t.name)
	refusal, refused := errors.AsType[*apiclient.Error](err)
	switch {
	case err == nil:
		t.asked++
		t.going, t.waits, t.failed = true, false, nil
		r.journal.Say("[%s] Deleting cluster", t.name)
		return true, nil
	case errand.Passing(err) && (!refused || refusal.Status != http.StatusInternalServerError):
		return false, nil
	case refused && refusal.IsNotFound():
		return false, nil // the next list tells
	case refused && refusal.Code == pks.CodeDeletionLocked:
		return false, lockedError([]string{t.name})
	case refused && refusal.Code == pks.CodeOperationInProgress:
		r.tellBusy(t, c)
		return false, nil
	case refused && refusal.Status != http.StatusUnauthorized && refusal.Status != http.StatusForbidden:
		t.asked++
		t.failed = fmt.Errorf("cluster %s: %w", t.name, errand.Remedied(err))
		r.journal.Say("[%s] Result: deletion refused: %v", t.name, err)
		return false, nil
	}
	return false, fmt.Errorf("delete cluster %s: %w", t.name, errand.Remedied(err))
}

// nothingToDo tells that each target is gone, or failed for good.
func (r *run) nothingToDo() bool {
	for _, t := range r.targets {
		if !t.gone && !r.spent(t) {
			return false
		}
	}
	return true
}

// finish lists once more: a cluster that was created meanwhile is left for the next
// run.
func (r *run) finish(ctx context.Context) error {
	clusters, err := r.list(ctx)
	if err != nil {
		return err
	}
	if len(clusters) == 0 {
		r.journal.Say("FINISHED DELETES")
		return nil
	}
	names := make([]string, 0, len(clusters))
	for _, c := range clusters {
		names = append(names, c.Name)
	}
	r.explain(ctx, clusters)
	return fmt.Errorf("expected 0 clusters, got %d: %s", len(names), strings.Join(names, ", "))
}

// mostExplained bounds how many clusters are asked about one by one.
const mostExplained = 50

// explain adds the BOSH task and the remedy to what failed.
func (r *run) explain(ctx context.Context, clusters []v1.Cluster) {
	for i, c := range clusters {
		t := r.targets[idOf(c)]
		if i >= mostExplained || t == nil || t.failed == nil {
			continue
		}
		one, err := r.api.Cluster(ctx, c.Name)
		if err != nil || one.Value.Operation == nil {
			continue
		}
		t.failed = errand.Explain(c.Name, c.LastActionDescription, one.Value)
	}
}

// orphans lists what no cluster has and would go on running.
func (r *run) orphans(ctx context.Context, list Orphans) error {
	found, err := errand.Persist(ctx, r.patience, list)
	if err != nil {
		return fmt.Errorf("error retrieving orphan deployments: %w", err)
	}
	if len(found) == 0 {
		r.journal.Say("No orphan deployments found.")
		return nil
	}
	slices.Sort(found)
	for _, name := range found {
		r.journal.Conclude("Orphan deployment: %s", name)
	}
	return &errand.ExitError{Code: errand.ExitOrphans, Err: fmt.Errorf("%d BOSH deployments belong to no cluster and are not deleted: %s; "+
		"look at each, then 'bosh -d NAME delete-deployment'", len(found), strings.Join(found, ", "))}
}

func (r *run) faults() []error {
	var faults []error
	for _, id := range r.order {
		if t := r.targets[id]; !t.gone && t.failed != nil {
			faults = append(faults, t.failed)
		}
	}
	return faults
}

// conclude writes the line by which people and programs tell how it ended.
func (r *run) conclude(err error) {
	status, gone, failed, going := "SUCCESS", 0, 0, 0
	if err != nil {
		status = "FAILED"
	}
	for _, t := range r.targets {
		switch {
		case t.gone:
			gone++
		case t.failed != nil:
			failed++
		default:
			going++
		}
	}
	r.journal.Conclude("FINISHED PROCESSING Status: %s; Summary: Number of deleted clusters: %d; Number of clusters that failed to be deleted: %d; "+
		"Number of clusters that are left: %d", status, gone, failed, going)
}
