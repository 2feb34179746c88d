package bench

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// What pks-api must do with 10,000 clusters in its SQLite database, on two
// processors that it shares with the clients.
const (
	leastReads    = 5000.0 // a second, of one cluster
	longestList   = 150 * time.Millisecond
	creates       = 500
	createsWithin = 5 * time.Second
	restartWithin = 2 * time.Second
	settleWithin  = 10 * time.Second
	mostAPIMB     = 512.0
	mostIdle      = 0.01 // of a processor

	listRequests = 200
	idleFor      = 10 * time.Second
)

func TestThresholdAPI(t *testing.T) {
	skipUnlessBench(t)
	s := newSite(t)
	s.seed(t, 0)
	api := s.start(t)
	for _, part := range []struct {
		name    string
		measure func(*testing.T, *runningAPI)
	}{
		{"idle", measureIdle},
		{"read one", measureRead},
		{"list", measureList},
		{"rollout of clusters at the target", measureSettling},
		{"creates", measureCreates},
	} {
		t.Run(part.name, func(t *testing.T) { part.measure(t, api) })
	}
	t.Run("memory", func(t *testing.T) {
		got := api.peakMB(t)
		t.Logf("most memory throughout: %.0f MB", got)
		if got > mostAPIMB {
			t.Errorf("%.0f MB, more than %.0f", got, mostAPIMB)
		}
	})
	t.Run("restart", func(t *testing.T) { measureRestart(t, api) })
}

func measureIdle(t *testing.T, api *runningAPI) {
	<-time.After(2 * time.Second) // the start's own work
	before := api.busyFor(t)
	<-time.After(idleFor)
	used := (api.busyFor(t) - before).Seconds() / idleFor.Seconds()
	t.Logf("idle: %.2f %% of a processor", used*100)
	if used > mostIdle {
		t.Errorf("%.2f %%, more than %.0f %%", used*100, mostIdle*100)
	}
}

func measureRead(t *testing.T, api *runningAPI) {
	l := api.reads(func(n int64) string { return "/v1/clusters/" + clusterName(int(n*7919%manyClusters)) })
	used := api.busyFor(t)
	got := best(t, api.address, l, 16)
	used = (api.busyFor(t) - used) / time.Duration(got.Requests)
	t.Logf("read one: %s; %s of processors each", got, used)
	if got.Rate < leastReads {
		t.Errorf("%.0f reads a second, less than %.0f", got.Rate, leastReads)
	}
}

func measureList(t *testing.T, api *runningAPI) {
	times := make([]time.Duration, 0, listRequests)
	used := api.busyFor(t)
	var clusters []v1.Cluster
	for n := range listRequests {
		var out any
		if n == 0 {
			out = &clusters // once: what the client makes of it takes the same processors
		}
		took, err := api.call(t.Context(), http.MethodGet, "/v1/clusters", "", http.StatusOK, out)
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, took)
	}
	if len(clusters) != manyClusters {
		t.Fatalf("%d clusters", len(clusters))
	}
	used = (api.busyFor(t) - used) / listRequests
	first := times[0]
	slices.Sort(times)
	p99 := times[len(times)*99/100-1] // the nearest rank
	t.Logf("list: p50 %s, p99 %s, first %s, longest %s; %s of processors each", times[len(times)/2].Round(time.Millisecond),
		p99.Round(time.Millisecond), first.Round(time.Millisecond), times[len(times)-1].Round(time.Millisecond), used)
	if p99 > longestList {
		t.Errorf("p99 %s, more than %s", p99, longestList)
	}
}

// measureSettling upgrades all clusters, which have nothing to be upgraded to.
func measureSettling(t *testing.T, api *runningAPI) {
	before := api.site.broker.requests.Load()
	var task v1.TaskInfo
	took, err := api.call(t.Context(), http.MethodPatch, "/v1/clusters", `{"all":true,"max_in_flight":50}`, http.StatusAccepted, &task)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("rollout of %d clusters at the target: %s", manyClusters, took.Round(time.Millisecond))
	if task.Status != v1.TaskDone || task.Summary.UpToDate != manyClusters {
		t.Errorf("%s, %+v", task.Status, task.Summary)
	}
	if took > settleWithin {
		t.Errorf("%s, more than %s", took, settleWithin)
	}
	if asked := api.site.broker.requests.Load() - before; asked != 0 {
		t.Errorf("the broker was asked %d times", asked)
	}
}

// measureCreates sends all creates at once to a server whose broker hangs.
func measureCreates(t *testing.T, api *runningAPI) {
	api.site.broker.hangs.Store(true)
	var group errgroup.Group
	began := time.Now()
	for n := range creates {
		group.Go(func() error {
			body := fmt.Sprintf(`{"name":"new-%d","plan_name":"small","parameters":{"kubernetes_master_host":"new-%d.example.com"}}`, n, n)
			_, err := api.call(context.WithoutCancel(t.Context()), http.MethodPost, "/v1/clusters", body, http.StatusAccepted, nil)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	t.Logf("%d creates at once: %s", creates, took.Round(time.Millisecond))
	if took > createsWithin {
		t.Errorf("%s, more than %s", took, createsWithin)
	}
}

// measureRestart kills the server in the midst of what the creates began and
// starts it again.
func measureRestart(t *testing.T, api *runningAPI) {
	api.kill()
	began := time.Now()
	again := api.site.start(t)
	if _, err := again.call(t.Context(), http.MethodGet, "/v1/clusters/"+clusterName(0), "", http.StatusOK, nil); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	t.Logf("restart: %s", took.Round(time.Millisecond))
	api.site.broker.hangs.Store(false) // for a quick end
	if took > restartWithin {
		t.Errorf("%s, more than %s", took, restartWithin)
	}
}
