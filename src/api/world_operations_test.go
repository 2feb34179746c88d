package api_test

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// noonUTC is when all operations of the world began.
var noonUTC = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// record keeps the operation that the cluster tells of.
func (w *world) record(c pks.Cluster, previous *pks.ClusterSpec) {
	op := pks.Operation{
		ID: c.OperationID, ClusterID: c.ID, ClusterName: c.Name, PlanID: c.PlanID, Action: c.LastAction, State: pks.OperationRunning,
		Spec: c.Spec.Clone(), Previous: previous, RequestedBy: c.Owner, Description: c.LastActionDescription,
		CreatedAt: noonUTC.Add(time.Duration(w.next) * time.Second), AskedAt: noonUTC, Percent: 40, BOSHTask: 12,
	}
	switch c.LastActionState {
	case pks.ActionSucceeded:
		op.State, op.Percent, op.SettledAt = pks.OperationSucceeded, 100, op.CreatedAt.Add(time.Minute)
	case pks.ActionFailed:
		op.State, op.SettledAt = pks.OperationFailed, op.CreatedAt.Add(time.Minute)
		op.Failure = pks.Failf(pks.CodeDeployFailed, "BOSH task 12: no quota left.")
	}
	w.operations[op.ID] = op
}

func (w *world) keep(k lifecycle.Keyed, c pks.Cluster) error {
	if k.Receipt.ID == "" {
		return nil
	}
	body, err := k.Answer(c)
	if err != nil {
		return err
	}
	k.Receipt.Body = body
	w.receipts[k.Receipt.ID] = k.Receipt
	return nil
}

func (w *world) Receipt(_ context.Context, id string) (store.Receipt, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, found := w.receipts[id]
	return r, found, w.down
}

func (w *world) KeepReceipt(_ context.Context, r store.Receipt) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.receipts[r.ID] = r
	return w.down
}

func (w *world) Operation(_ context.Context, id string) (pks.Operation, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down != nil {
		return pks.Operation{}, w.down
	}
	op, found := w.operations[id]
	if !found {
		return op, store.ErrNoOperation
	}
	return op, nil
}

func (w *world) Operations(_ context.Context, clusterID string, _ int) ([]pks.Operation, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []pks.Operation
	for _, op := range w.operations {
		if op.ClusterID == clusterID {
			found = append(found, op)
		}
	}
	slices.SortFunc(found, func(a, b pks.Operation) int { return cmp.Compare(b.CreatedAt.UnixNano(), a.CreatedAt.UnixNano()) })
	return found, w.down
}

func (w *world) ExpectedEnd(_ context.Context, op pks.Operation) (time.Time, error) {
	if op.State.Settled() {
		return time.Time{}, nil
	}
	return noonUTC.Add(time.Hour), nil
}

func (w *world) Cancel(_ context.Context, r lifecycle.CancelRequest) (pks.Operation, error) {
	w.ask("cancel", r.By, r.RequestID)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.failNext; err != nil {
		return pks.Operation{}, err
	}
	c, err := w.byID(r.ClusterID)
	if err != nil {
		return pks.Operation{}, err
	}
	if !c.Busy() {
		return pks.Operation{}, pks.Failf(pks.CodeNothingToCancel, "Nothing is being done to cluster %s.", c.Name)
	}
	op := w.operations[c.OperationID]
	op.CancelRequestedAt = noonUTC
	w.operations[op.ID] = op
	w.changes++
	if w.landing != "" {
		op = w.land(op, w.landing)
	}
	return op, nil
}

// land ends a cancelled operation.
func (w *world) land(op pks.Operation, landed pks.Landing) pks.Operation {
	op.State, op.Landed, op.SettledAt = pks.OperationCancelled, landed, noonUTC.Add(time.Hour)
	op.Description = op.Action.Cancelled(landed)
	w.operations[op.ID] = op
	c := w.clusters[op.ClusterName]
	c.LastActionState, c.LastActionDescription = pks.ActionFailed, op.Description
	w.clusters[c.Name] = c
	return op
}

func (w *world) Retry(_ context.Context, r lifecycle.RetryRequest) (pks.Cluster, error) {
	w.ask("retry", r.By, r.RequestID)
	w.mu.Lock()
	c, err := w.byID(r.ClusterID)
	w.mu.Unlock()
	if err != nil {
		return pks.Cluster{}, err
	}
	if c.LastActionState != pks.ActionFailed {
		return pks.Cluster{}, pks.Failf(pks.CodeNothingToRetry, "The last operation on cluster %s did not fail.", c.Name)
	}
	c, err = w.change(r.ClusterID, c.LastAction, changeAsked{precondition: r.Precondition}, func(s pks.ClusterSpec) (pks.ClusterSpec, error) { return s, nil })
	if err != nil {
		return c, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return c, w.keep(r.Keyed, c)
}

func (w *world) Machines(_ context.Context, c pks.Cluster) ([]osb.Machine, error) {
	return []osb.Machine{
		{Group: "master", ID: "id-of-" + c.Name, AZ: "z1", IPs: []string{"10.0.0.2"}, State: "running", Desired: "started", Bootstrap: true,
			Disks: []osb.Disk{{Name: "system", Percent: 38}}, Processes: []osb.MachineProcess{{Name: "etcd", State: "running"}}},
		{Group: "worker", Index: 1, State: "missing", Desired: "started", Ignored: true},
	}, w.previewErr
}

func (w *world) Preview(_ context.Context, _ pks.Action, c pks.Cluster, _ string) (osb.Preview, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.previews = append(w.previews, c)
	return osb.Preview{
		Diff:   [][]any{{"instance_groups:", nil}, {"- instances: 5", "added"}},
		Groups: []osb.GroupChange{{Name: "worker", Action: "scale", Before: 3, After: c.Spec.WorkerInstances}},
	}, w.previewErr
}

// inProgress and failed make a cluster of the world be so.
func inProgress(action pks.Action) func(*pks.Cluster) {
	return func(c *pks.Cluster) {
		c.LastAction, c.LastActionState, c.LastActionDescription = action, pks.ActionInProgress, action.Running()
	}
}

func failed(action pks.Action) func(*pks.Cluster) {
	return func(c *pks.Cluster) {
		c.LastAction, c.LastActionState, c.LastActionDescription = action, pks.ActionFailed, action.Failed("BOSH task 12: no quota left.")
	}
}
