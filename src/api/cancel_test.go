package api_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

func TestCancelSaysWhereTheOperationLanded(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody, inProgress(pks.ActionUpdate))
	w.landing = pks.LandedInconsistent
	got := w.send(request{method: "POST", path: "/v1/clusters/demo/cancel", token: "cody"})
	var op v1.Operation
	got.decode(t, &op)
	want := v1.Operation{
		ID: "operation-1", Action: "UPDATE", State: "cancelled", Percent: 40, BOSHTask: 12, CancelRequested: true, Landed: "inconsistent",
		Description: "Instance update cancelled: some machines may have been changed; repeat the operation or update the cluster to make them equal",
		RequestedBy: v1.RequestedBy{Name: "cody", Kind: "user", Origin: "uaa"}, RequestedAt: "2026-03-01T12:00:01Z", SettledAt: "2026-03-01T13:00:00Z",
	}
	if diff := cmp.Diff(want, op); diff != "" || got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, diff)
	}
	var read v1.Cluster
	w.send(request{method: "GET", path: "/v1/clusters/demo", token: "cody"}).decode(t, &read)
	if diff := cmp.Diff(&want, read.Operation); diff != "" || read.LastActionState != "failed" {
		t.Errorf("%s %s", read.LastActionState, diff)
	}
}

func TestCancelWaitsForTheLanding(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		query  string
		lands  bool
		status int
		waited time.Duration
	}{
		{"", true, 200, 3 * time.Second}, {"", false, 202, 20 * time.Second}, {"?wait=0", true, 202, 0}, {"?wait=60", false, 202, time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t).with("demo", cody, inProgress(pks.ActionUpdate))
			begun := time.Now()
			answered := make(chan reply)
			go func() {
				answered <- w.send(request{method: "POST", path: "/v1/clusters/demo/cancel" + test.query, token: "cody"})
			}()
			if test.lands {
				time.AfterFunc(3*time.Second-time.Millisecond, func() {
					w.mu.Lock()
					defer w.mu.Unlock()
					w.land(w.operations["operation-1"], pks.LandedUnknown)
				})
			}
			got := <-answered
			if waited := time.Since(begun); got.status != test.status || waited != test.waited {
				t.Errorf("%q: %d after %s, want %d after %s", test.query, got.status, waited, test.status, test.waited)
			}
			time.Sleep(5 * time.Second) // the landing of a test that did not wait
		})
	}
}

func TestNothingToCancelAndNothingToRetryAreConflicts(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody)
	for path, code := range map[string]string{"cancel": "nothing_to_cancel", "retry": "nothing_to_retry"} {
		var problem v1.ErrorResponse
		got := w.send(request{method: "POST", path: "/v1/clusters/demo/" + path, token: "cody"})
		got.decode(t, &problem)
		if got.status != http.StatusConflict || problem.Code != code {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := w.send(request{method: "POST", path: "/v1/clusters/demo/cancel?wait=x", token: "cody"}); got.status != http.StatusBadRequest {
		t.Errorf("%d", got.status)
	}
}

func TestRetryBeginsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody, failed(pks.ActionUpgrade))
	var read v1.Cluster
	w.send(request{method: "GET", path: "/v1/clusters/demo", token: "cody"}).decode(t, &read)
	wantFailure := &v1.Failure{Code: "deploy_failed", Body: "BOSH task 12: no quota left. Look at the BOSH task named in the message, mend the cause, and repeat the operation.",
		Remedy: "Look at the BOSH task named in the message, mend the cause, and repeat the operation."}
	if read.Operation == nil {
		t.Fatal("the cluster does not tell of the operation that failed")
	}
	if diff := cmp.Diff(wantFailure, read.Operation.Failure); diff != "" {
		t.Error(diff)
	}
	got := w.send(request{method: "POST", path: "/v1/clusters/demo/retry", token: "cody"})
	var again v1.Cluster
	got.decode(t, &again)
	if got.status != http.StatusAccepted || again.LastAction != "UPGRADE" || again.LastActionState != "in progress" {
		t.Errorf("%d %s", got.status, got.body)
	}
}
