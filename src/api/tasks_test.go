package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

func behind(c *pks.Cluster) { c.KubernetesVersion = "1.33.9" }

// turns are the names of what was asked to be upgraded, canaries in brackets.
func (w *world) turns() string {
	var lines []string
	for _, req := range w.started {
		var names []string
		for i, c := range req.Clusters {
			if i < req.Canaries {
				names = append(names, "["+c.Name+"]")
			} else {
				names = append(names, c.Name)
			}
		}
		lines = append(lines, strings.Join(names, " "))
	}
	return strings.Join(lines, "\n")
}

func TestUpgradeTakesCanariesFirstAndEachClusterOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ token, body, want string }{
		"one":             {"cody", `{"clusters":["a"]}`, "a"},
		"canaries":        {"cody", `{"clusters":["a","b"],"canaries":["c"],"max_in_flight":"2"}`, "[c] a b"},
		"canaries alone":  {"cody", `{"canaries":["b","a"]}`, "[b] [a]"},
		"twice":           {"cody", `{"clusters":["a","b","a"],"canaries":["b","b"]}`, "[b] a"},
		"null and empty":  {"cody", `{"clusters":["a",null,""],"canaries":null,"max_in_flight":null,"unknown":{"x":1}}`, "a"},
		"all of one's":    {"cody", `{"all":true,"max_in_flight":5}`, "a b c"},
		"all with canary": {"cody", `{"all":"true","canaries":["b"]}`, "[b] a c"},
		"all there are":   {"admin", `{"all":true,"clusters":[]}`, "a b c naomis"},
		"others' too":     {"admin", `{"clusters":["naomis","a"]}`, "naomis a"},
	} {
		w := newWorld(t).with("a", cody, behind).with("b", cody).with("c", cody).with("naomis", naomi)
		w.with("leaving", cody, func(c *pks.Cluster) { c.LastAction, c.LastActionState = pks.ActionDelete, pks.ActionInProgress })
		header := http.Header{}
		if strings.Contains(test.body, "null") {
			header = beyond()
		}
		got := w.send(request{method: "PATCH", path: "/v1/clusters", token: test.token, body: test.body, header: header})
		if diff := cmp.Diff(test.want, w.turns()); diff != "" || got.status != http.StatusAccepted {
			t.Errorf("%s: %d %s %s", name, got.status, diff, got.body)
		}
	}
}

func TestUpgradeCarriesWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("a", cody)
	got := w.send(request{method: "PATCH", path: "/v1/clusters/", token: "cody", body: `{"clusters":["a"],"max_in_flight":7,"force":true,"nodes_parallel":"2"}`})
	var task v1.TaskInfo
	got.decode(t, &task)
	want := v1.TaskInfo{
		UUID: task.UUID, Type: "UPGRADE", Status: "not started", CreateTime: 1_795_000_000, MaxInFlight: 7, Force: true, RequestedBy: "cody",
		Clusters: []v1.ClusterUpgradeInfo{{ClusterName: "a", LastAction: "UPGRADE", LastActionState: "queued", State: "queued", ClusterUUID: w.clusters["a"].ID}},
		Summary:  v1.TaskSummary{Total: 1, Queued: 1},
	}
	if diff := cmp.Diff(want, task); diff != "" || got.status != http.StatusAccepted {
		t.Errorf("%d %s", got.status, diff)
	}
	req := w.started[0]
	if !req.By.Same(cody) || req.RequestID == "" || req.MaxInFlight != 7 || req.NodesParallel != 2 || !req.Force || req.All {
		t.Errorf("asked for %+v", req)
	}
	if !req.MayJoin(pks.Rollout{RequestedBy: cody}) || req.MayJoin(pks.Rollout{RequestedBy: naomi}) {
		t.Error("cody may join others' rollouts, or not her own")
	}
	lines := w.logs.lines(t, "audit")
	if len(lines) != 1 || lines[0]["rollout"] != task.UUID || lines[0]["outcome"] != "accepted" {
		t.Errorf("audit: %v", lines)
	}
}

func TestUpgradeThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct {
		status int
		text   string
	}{
		``:                                       {400, "no body"},
		`[]`:                                     {400, ""},
		`{}`:                                     {400, "clusters"},
		`{"clusters":[],"canaries":[null]}`:      {400, "clusters"},
		`{"clusters":"a"}`:                       {400, "clusters"},
		`{"clusters":[1]}`:                       {400, "clusters[0]"},
		`{"clusters":["a"],"max_in_flight":0}`:   {400, "max_in_flight is 0"},
		`{"clusters":["a"],"max_in_flight":-1}`:  {400, "max_in_flight is -1"},
		`{"clusters":["a"],"nodes_parallel":3}`:  {400, "nodes_parallel is 3; it must be 1 or 2."},
		`{"clusters":["a"],"nodes_parallel":-1}`: {400, "nodes_parallel is -1"},
		`{"clusters":["a"],"max_in_flight":1001}`:  {400, "1 to 1000"},
		`{"clusters":["a"],"max_in_flight":1.5}`:   {400, "max_in_flight"},
		`{"clusters":["a"],"max_in_flight":true}`:  {400, "max_in_flight"},
		`{"clusters":["a"],"force":"maybe"}`:       {400, "force"},
		`{"clusters":["a"],"all":true}`:            {400, "contradict"},
		`{"clusters":["a","none"]}`:                {404, "Cluster none not found"},
		`{"clusters":["a","naomis"]}`:              {403, "privileges"},
		`{"clusters":["a"],"canaries":["naomis"]}`: {403, "privileges"},
	} {
		w := newWorld(t).with("a", cody).with("naomis", naomi)
		got := w.send(request{method: "PATCH", path: "/v1/clusters", token: "cody", body: body})
		if got.status != want.status || !strings.Contains(problemBody(t, got), want.text) || len(w.started) > 0 {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}

func TestUpgradeTellsTheEnginesRefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("a", cody)
	w.failNext = pks.Failf(pks.CodeUpgradeImpossible, "Cluster a cannot be upgraded: it is too old.")
	got := w.send(request{method: "PATCH", path: "/v1/clusters", token: "cody", body: `{"clusters":["a"]}`})
	if got.status != http.StatusConflict || !strings.Contains(problemBody(t, got), "too old") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestTaskTellsEveryCluster(t *testing.T) {
	t.Parallel()
	got := newWorld(t).send(request{method: "GET", path: "/v1/tasks/" + codysTask, token: "cody"})
	var task v1.TaskInfo
	got.decode(t, &task)
	const began, ended = 1_795_000_060, 1_795_003_600
	want := v1.TaskInfo{
		UUID: codysTask, Type: "UPGRADE", Status: "in progress", StartTime: 1_795_000_001, CreateTime: 1_795_000_000,
		MaxInFlight: 2, RequestedBy: "cody", KubernetesVersion: "1.34.2", PKSVersion: "1.0.0-dev",
		Clusters: []v1.ClusterUpgradeInfo{
			{ClusterName: "c0", LastAction: "UPGRADE", LastActionState: "succeeded", StartTime: began, EndTime: ended, IsCanary: true, ClusterUUID: "id-0", State: "succeeded", OperationID: "op-0"},
			{ClusterName: "c1", LastAction: "UPGRADE", LastActionState: "in progress", StartTime: began, ClusterUUID: "id-1", State: "in progress", OperationID: "op-1"},
			{ClusterName: "c2", LastAction: "UPGRADE", LastActionState: "queued", ClusterUUID: "id-2", State: "queued"},
			{ClusterName: "c3", LastAction: "UPGRADE", LastActionState: "failed", StartTime: began, EndTime: ended, ClusterUUID: "id-3", State: "failed", OperationID: "op-3", Reason: "Instance upgrade failed: it broke"},
			{ClusterName: "c4", LastAction: "UPGRADE", LastActionState: "succeeded", StartTime: began, EndTime: ended, ClusterUUID: "id-4", State: "up to date", OperationID: "op-4"},
			{ClusterName: "c5", LastAction: "DELETE", LastActionState: "succeeded", StartTime: began, EndTime: ended, ClusterUUID: "id-5", State: "deleted", OperationID: "op-5"},
			{ClusterName: "c6", LastAction: "UPGRADE", LastActionState: "queued", StartTime: began, EndTime: ended, ClusterUUID: "id-6", State: "not started", OperationID: "op-6"},
		},
		Summary: v1.TaskSummary{Total: 7, Queued: 1, InProgress: 1, Succeeded: 1, UpToDate: 1, Failed: 1, Deleted: 1, NotStarted: 1},
	}
	if diff := cmp.Diff(want, task); diff != "" || got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, diff)
	}
}

func TestTaskStatusIsOneThatClientsKnow(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*pks.Rollout){
		"in progress": func(r *pks.Rollout) { r.State = pks.RolloutPaused },
		"canceled":    func(r *pks.Rollout) { r.State = pks.RolloutCancelled },
		"done":        func(r *pks.Rollout) { r.State, r.EndedAt = pks.RolloutDone, r.StartedAt },
		"not started": func(r *pks.Rollout) { r.StartedAt = r.EndedAt },
	} {
		w := newWorld(t)
		change(&w.rollouts[0])
		var task v1.TaskInfo
		w.send(request{method: "GET", path: "/v1/tasks/" + codysTask, token: "admin"}).decode(t, &task)
		if task.Status != want || task.Paused != (want == "in progress") {
			t.Errorf("%s, paused %t; want %s", task.Status, task.Paused, want)
		}
	}
}

func TestTasksAreTheCallersOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("naomis", naomi)
	w.send(request{method: "PATCH", path: "/v1/clusters", token: "naomi", body: `{"clusters":["naomis"]}`})
	for _, test := range []struct {
		token, query string
		want         int
	}{
		{"admin", "", 2}, {"reader", "", 2}, {"cody", "", 1}, {"naomi", "", 1}, {"cody-robot", "", 0}, {"admin", "?limit=1", 1},
	} {
		got := w.send(request{method: "GET", path: "/v1/tasks" + test.query, token: test.token})
		var tasks []v1.TaskInfo
		got.decode(t, &tasks)
		if len(tasks) != test.want || tasks == nil {
			t.Errorf("%s sees %d tasks, want %d", test.token, len(tasks), test.want)
		}
	}
	for _, query := range []string{"limit=0", "limit=-1", "limit=101", "limit=ten"} {
		if got := w.send(request{method: "GET", path: "/v1/tasks?" + query, token: "admin"}); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d", query, got.status)
		}
	}
}

func TestTasksAreCancelledPausedAndResumed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		method, path, verb, status string
		paused                     bool
	}{
		{"PUT", "", "cancel", "canceled", false},
		{"POST", "/pause", "pause", "in progress", true},
		{"POST", "/resume", "resume", "in progress", false},
	} {
		w := newWorld(t)
		got := w.send(request{method: test.method, path: "/v1/tasks/" + codysTask + test.path, token: "cody", body: `"anything"`})
		var task v1.TaskInfo
		got.decode(t, &task)
		if got.status != http.StatusOK || task.Status != test.status || task.Paused != test.paused {
			t.Errorf("%s: %d %s", test.verb, got.status, got.body)
		}
		if len(w.asked) != 1 || !strings.HasPrefix(w.asked[0], test.verb+" cody ") {
			t.Errorf("%s: asked %q", test.verb, w.asked)
		}
		lines := w.logs.lines(t, "audit")
		if len(lines) != 1 || lines[0]["rollout"] != codysTask {
			t.Errorf("%s: audit %v", test.verb, lines)
		}
	}
}

func TestUnknownTaskIsNotFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for method, path := range map[string]string{"GET": "/v1/tasks/none", "PUT": "/v1/tasks/none", "POST": "/v1/tasks/none/pause"} {
		got := w.send(request{method: method, path: path, token: "admin"})
		if got.status != http.StatusNotFound || !strings.Contains(problemBody(t, got), "Task none not found") {
			t.Errorf("%s: %d %s", method, got.status, got.body)
		}
	}
}

func TestUpgradableTellsTheVersionThatCallersClustersLack(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("a", cody, behind).with("b", naomi)
	for token, want := range map[string]string{"admin": `"1.0.0-dev"`, "reader": `"1.0.0-dev"`, "cody": `"1.0.0-dev"`, "naomi": `""`} {
		got := w.send(request{method: "GET", path: "/v1/upgradable", token: token})
		if got.status != http.StatusOK || got.body != want {
			t.Errorf("%s: %d %s, want %s", token, got.status, got.body, want)
		}
	}
}

func TestWaitingClusterReadsAsQueued(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("a", cody, func(c *pks.Cluster) { c.RolloutID = codysTask })
	w.with("b", cody, func(c *pks.Cluster) {
		c.RolloutID, c.LastAction, c.LastActionState = codysTask, pks.ActionUpdate, pks.ActionInProgress
	})
	for name, want := range map[string]string{"a": "UPGRADE queued Waiting for its turn in upgrade task " + codysTask, "b": "UPDATE in progress Instance provisioning completed"} {
		var c v1.Cluster
		w.send(request{method: "GET", path: "/v1/clusters/" + name, token: "cody"}).decode(t, &c)
		if diff := cmp.Diff(want, c.LastAction+" "+c.LastActionState+" "+c.LastActionDescription); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// FuzzUpgradeBody: whatever the body, a rollout is of clusters that there are,
// each once, and at most so many at a time; or nothing is started.
func FuzzUpgradeBody(f *testing.F) {
	f.Add(`{"clusters":["a","b"],"canaries":["c"],"max_in_flight":2}`)
	f.Add(`{"clusters":["a",null,"a",""],"canaries":null,"max_in_flight":"3","all":"false","force":true}`)
	f.Add(`{"all":true,"canaries":["b","b"],"max_in_flight":1e3}`)
	f.Add(`{"clusters":[{"name":"a"}],"clusters":[]}`)
	f.Fuzz(func(t *testing.T, body string) {
		w := newWorld(t).with("a", cody).with("b", cody).with("c", cody)
		got := w.send(request{method: "PATCH", path: "/v1/clusters", token: "cody", body: body, header: beyond()})
		switch got.status {
		case http.StatusAccepted:
			req, seen := w.started[0], map[string]bool{}
			for _, c := range req.Clusters {
				if seen[c.ID] || w.clusters[c.Name].ID != c.ID {
					t.Errorf("%s has another turn, or does not exist", c.Name)
				}
				seen[c.ID] = true
			}
			if len(seen) == 0 || req.Canaries > len(seen) || req.MaxInFlight < 1 || req.MaxInFlight > 1000 {
				t.Errorf("%+v", req)
			}
		case http.StatusBadRequest, http.StatusNotFound:
			if len(w.started) != 0 || problemBody(t, got) == "" {
				t.Errorf("started %d after a refusal: %s", len(w.started), got.body)
			}
		default:
			t.Errorf("status %d: %s", got.status, got.body)
		}
	})
}
