package bench

import (
	"net/http"
	"testing"
	"time"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

const (
	rolledOut   = 1000
	maxInFlight = 50
	// ideal is a task's second for each fifty clusters; slack is what may be added.
	ideal = rolledOut / maxInFlight * upgradeLasts
	slack = 1.15
)

func TestThresholdAPIRollout(t *testing.T) {
	skipUnlessBench(t)
	s := newSite(t)
	s.seed(t, rolledOut)
	api := s.start(t)
	used := api.busyFor(t)
	began := time.Now()
	var task v1.TaskInfo
	if _, err := api.call(t.Context(), http.MethodPatch, "/v1/clusters", `{"all":true,"max_in_flight":50}`, http.StatusAccepted, &task); err != nil {
		t.Fatal(err)
	}
	path := "/v1/upgradable" // which costs next to nothing, until it is empty
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for behind := "?"; behind != ""; <-tick.C {
		if _, err := api.call(t.Context(), http.MethodGet, path, "", http.StatusOK, &behind); err != nil {
			t.Fatal(err)
		}
		if time.Since(began) > 3*ideal {
			t.Fatalf("not done after %s", time.Since(began))
		}
	}
	took := time.Since(began)
	used = api.busyFor(t) - used
	if _, err := api.call(t.Context(), http.MethodGet, "/v1/tasks/"+task.UUID, "", http.StatusOK, &task); err != nil {
		t.Fatal(err)
	}
	instances, atOnce := s.broker.begun()
	t.Logf("rollout of %d clusters, %d at a time: %s, ideal %s; %s of processors; at most %d tasks at once; %.0f MB",
		rolledOut, maxInFlight, took.Round(10*time.Millisecond), ideal, used, atOnce, api.peakMB(t))
	if task.Status != v1.TaskDone || task.Summary.Succeeded != rolledOut || instances != rolledOut || atOnce > maxInFlight {
		t.Errorf("%s, %+v; %d instances had tasks, %d at once", task.Status, task.Summary, instances, atOnce)
	}
	if took.Seconds() > ideal.Seconds()*slack {
		t.Errorf("%s, more than %.0f %% of %s", took, slack*100, ideal)
	}
	if got := api.peakMB(t); got > mostAPIMB {
		t.Errorf("%.0f MB, more than %.0f", got, mostAPIMB)
	}
}
