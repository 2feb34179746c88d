package upgradeall_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/errand"
	"github.com/pks-community/pks-release/src/errand/errandtest"
	"github.com/pks-community/pks-release/src/errand/upgradeall"
	"github.com/pks-community/pks-release/src/pks"
)

// upgrade runs the errand in a time of its own, and returns its lines and errors.
func upgrade(t *testing.T, p *platform, set func(*upgradeall.Errand)) (lines, faults []string, took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		lines, faults = upgradeIn(t.Context(), p, set)
		took = time.Since(begun)
	})
	return lines, faults, took
}

func upgradeIn(ctx context.Context, p *platform, set func(*upgradeall.Errand)) (lines, faults []string) {
	e := upgradeall.New()
	e.PollingInterval, e.OutageLimit = 10*time.Second, 5*time.Minute
	if set != nil {
		set(e)
	}
	journal, told := errandtest.Quiet(e.Name())
	if err := e.Upgrade(ctx, p, journal); err != nil {
		faults = strings.Split(err.Error(), "\n")
	}
	return told(), faults
}

func wantFaults(t *testing.T, faults []string, words ...string) {
	t.Helper()
	if len(faults) != len(words) {
		t.Fatalf("%d faults, want %d: %q", len(faults), len(words), faults)
	}
	for i, w := range words {
		if !strings.Contains(faults[i], w) {
			t.Errorf("%q does not tell %q", faults[i], w)
		}
	}
}

func TestEveryClusterIsUpgraded(t *testing.T) {
	t.Parallel()
	p := newPlatform("a", "b", "c")
	p.upToDate("b")
	lines, faults, _ := upgrade(t, p, func(e *upgradeall.Errand) { e.Canaries, e.MaxInFlight = 1, 2 })
	wantFaults(t, faults)
	want := []string{
		"STARTING OPERATION with 2 concurrent workers",
		"Clusters: a b c",
		"Total Clusters found: 3",
		"Processing all clusters. Attempt 1/1",
		"STARTING CANARIES: 1 canaries: a",
		"Started upgrade task task-1 to PKS 2.0.0 with Kubernetes 1.34.2",
		"[b] Result: cluster already up to date - operation skipped",
		"[a] Starting to process cluster",
		"[a] Result: Cluster operation success",
		"FINISHED CANARIES",
		"[c] Starting to process cluster 3 of 3",
		"[c] Result: Cluster operation success",
		"Looking for changes to 1 clusters whose versions are up to date",
		"FINISHED PROCESSING Status: SUCCESS; Summary: Number of successful operations: 2; Number of clusters already up to date: 1; " +
			"Number of skipped operations: 0; Number of deleted clusters before operation could happen: 0; " +
			"Number of clusters whose operation has not ended: 0; Number of clusters that failed to process: 0",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]v1.UpgradeClustersRequest{{All: true, Canaries: []string{"a"}, MaxInFlight: 2}}, p.asked); diff != "" {
		t.Error(diff)
	}
}

func TestNoClusters(t *testing.T) {
	t.Parallel()
	p := newPlatform()
	lines, faults, _ := upgrade(t, p, func(e *upgradeall.Errand) { e.Canaries = 2 })
	if wantFaults(t, faults); !slices.Contains(lines, "No clusters found.") || len(p.asked) > 0 {
		t.Errorf("%q", lines)
	}
}

func TestABrokenClusterStopsNoOtherAndIsNamed(t *testing.T) {
	t.Parallel()
	p := newPlatform("a", "b", "c")
	p.fails["a"] = 5
	p.before = func(int) { // b is deleted before its turn
		if p.turns["a"] == 1 {
			p.clusters = slices.DeleteFunc(p.clusters, func(c v1.Cluster) bool { return c.Name == "b" })
		}
	}
	lines, faults, _ := upgrade(t, p, nil)
	wantFaults(t, faults, "cluster a: Instance upgrade failed: disk full. (BOSH task 77 of deployment service-instance_uuid-a: 'bosh task 77 --debug') Free some disk.")
	for _, want := range []string{
		"[a] Result: Cluster operation failure: Instance upgrade failed: disk full.",
		"[b] Result: already deleted from platform",
		"[c] Result: Cluster operation success",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %q in %q", want, lines)
		}
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, "Status: FAILED") || !strings.HasSuffix(last, "failed to process: 1 [a]") ||
		!strings.Contains(last, "before operation could happen: 1") {
		t.Error(last)
	}
}

func TestAFailedCanaryKeepsTheOthersAsTheyAre(t *testing.T) {
	t.Parallel()
	p := newPlatform("a", "b", "c")
	p.fails["b"] = 1
	lines, faults, _ := upgrade(t, p, func(e *upgradeall.Errand) { e.CanarySelection.Names = []string{"b"} })
	wantFaults(t, faults, "cluster b: ", "2 clusters were left out")
	if !slices.Contains(lines, "Canaries didn't process successfully: the other clusters stay as they are") ||
		!slices.Contains(lines, "[c] Result: operation skipped: A canary failed.") || p.cluster("c").PKSVersion != oldVersion {
		t.Errorf("%q", lines)
	}
}

func TestRetriesUpgradeWhatFailed(t *testing.T) {
	t.Parallel()
	p := newPlatform("a", "b")
	p.fails["a"] = 2
	lines, faults, took := upgrade(t, p, func(e *upgradeall.Errand) { e.Retries, e.RetryInterval, e.Canaries = 2, time.Hour, 1 })
	wantFaults(t, faults)
	if took < 2*time.Hour || took > 3*time.Hour || len(p.asked) != 3 {
		t.Errorf("%d attempts in %s", len(p.asked), took)
	}
	for _, asked := range p.asked {
		if diff := cmp.Diff([]string{"a"}, asked.Canaries); diff != "" {
			t.Error(diff)
		}
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, "successful operations: 2; Number of clusters already up to date: 0;") {
		t.Error(last)
	}
	if !slices.ContainsFunc(lines, func(l string) bool {
		return strings.HasPrefix(l, "Progress summary: Sleep interval until next attempt: 1h0m0s; ")
	}) {
		t.Errorf("%q", lines)
	}

	p = newPlatform("a")
	p.fails["a"] = 3
	_, faults, _ = upgrade(t, p, func(e *upgradeall.Errand) { e.Retries = 2 })
	wantFaults(t, faults, "cluster a")
}

func TestCanariesAreChosen(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		canaries  int
		selection upgradeall.Selection
		want      []string
		fault     string
	}{
		"none":                {0, upgradeall.Selection{}, nil, ""},
		"any, behind first":   {2, upgradeall.Selection{}, []string{"b", "c"}, ""},
		"more than there are": {9, upgradeall.Selection{}, []string{"b", "c", "a"}, ""},
		"by name":             {0, upgradeall.Selection{Names: []string{"c", "a", "gone"}}, []string{"c", "a"}, ""},
		"by plan":             {0, upgradeall.Selection{Plan: "large"}, []string{"c"}, ""},
		"by tag":              {1, upgradeall.Selection{Tags: map[string]string{"env": "dev"}}, []string{"b"}, ""},
		"by tag and plan":     {0, upgradeall.Selection{Plan: "large", Tags: map[string]string{"env": "dev"}}, []string{"c"}, ""},
		"none fits": {1, upgradeall.Selection{Names: []string{"x"}, Plan: "p", Tags: map[string]string{"env": "prod", "a": "b"}}, nil,
			"criteria: names: x, plan: p, tag a: b, tag env: prod;"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform("a", "b", "c")
			p.upToDate("a")
			p.cluster("c").PlanName = "large"
			for _, c := range []string{"b", "c"} {
				p.cluster(c).Parameters.ClusterTags = []v1.ClusterTag{{Name: "env", Value: "dev"}}
			}
			_, faults, _ := upgrade(t, p, func(e *upgradeall.Errand) { e.Canaries, e.CanarySelection = test.canaries, test.selection })
			if test.fault != "" {
				wantFaults(t, faults, test.fault)
				return
			}
			wantFaults(t, faults)
			if diff := cmp.Diff(test.want, p.asked[0].Canaries); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestARolloutThatIsAtWorkIsJoined(t *testing.T) {
	t.Parallel()
	p := newPlatform("a", "b")
	p.looks = 3
	synctest.Test(t, func(t *testing.T) {
		ctx, kill := context.WithCancel(t.Context())
		p.before = func(call int) {
			if call == 5 {
				kill()
			}
		}
		lines, faults := upgradeIn(ctx, p, nil)
		wantFaults(t, faults, "upgrade task task-1 goes on without the errand, which joins it when it is run again")
		if !strings.Contains(lines[len(lines)-1], "has not ended: 2 [a, b]") {
			t.Error(lines[len(lines)-1])
		}
		p.before = nil
		lines, faults = upgradeIn(t.Context(), p, nil)
		wantFaults(t, faults)
		if !slices.Contains(lines, "Joined upgrade task task-1 of errands to PKS 2.0.0 with Kubernetes 1.34.2: at most 1 clusters at a time") {
			t.Errorf("%q", lines)
		}
	})
}

func TestAnAPIThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	for call := 1; call <= 6; call++ {
		p := newPlatform("a", "b")
		p.away[call] = &apiclient.UnreachableError{Trouble: apiclient.TroubleConnection}
		if lines, faults, _ := upgrade(t, p, nil); len(faults) > 0 || !slices.Contains(lines, "The API answers again.") {
			t.Errorf("call %d: %q, %q", call, faults, lines)
		}
	}
	p := newPlatform("a", "b")
	for call := 5; call < 1000; call++ {
		p.away[call] = &apiclient.UnreachableError{Trouble: apiclient.TroubleConnection}
	}
	_, faults, took := upgrade(t, p, nil)
	wantFaults(t, faults, "watch upgrade task task-1, which goes on: no good answer for 5m0s")
	if took < 5*time.Minute || took > 6*time.Minute {
		t.Errorf("took %s", took)
	}
}

func TestTimeLimit(t *testing.T) {
	t.Parallel()
	for cancel, words := range map[bool]string{false: "goes on, and the errand joins it", true: "that had not begun are left out"} {
		p := newPlatform("a", "b")
		p.looks = 1e6
		lines, faults, took := upgrade(t, p, func(e *upgradeall.Errand) { e.TimeLimit, e.CancelOnTimeLimit = time.Hour, cancel })
		wantFaults(t, faults, words)
		if took < time.Hour || took > time.Hour+time.Minute || cancel != (p.cancels == 1) || !strings.Contains(lines[len(lines)-1], "FAILED") {
			t.Errorf("%d cancels after %s, %q", p.cancels, took, lines)
		}
	}
	p := newPlatform("a")
	p.before = func(int) { p.away[p.calls] = &apiclient.Error{Status: 503, Body: "down"} }
	_, faults, _ := upgrade(t, p, func(e *upgradeall.Errand) { e.TimeLimit = time.Minute })
	wantFaults(t, faults, "the time limit of 1m0s is over before all clusters were looked at")
}

func TestATaskThatSomebodyCancelsIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	p := newPlatform("a", "b")
	p.before = func(call int) {
		if call == 5 {
			p.leaveOut("The task was cancelled.")
			p.task.Status = v1.TaskCanceled
		}
	}
	_, faults, _ := upgrade(t, p, func(e *upgradeall.Errand) { e.Retries = 3 })
	wantFaults(t, faults, "upgrade task task-1 was cancelled", "1 clusters were left out")
	if len(p.asked) != 1 {
		t.Errorf("asked %d times", len(p.asked))
	}
}

func TestAPausedTaskIsToldOf(t *testing.T) {
	t.Parallel()
	p := newPlatform("a")
	p.before = func(call int) { p.task.Paused = call >= 4 && call < 8 }
	lines, faults, _ := upgrade(t, p, nil)
	wantFaults(t, faults)
	if !slices.Contains(lines, "Upgrade task task-1 is paused; waiting until somebody resumes it") || !slices.Contains(lines, "Upgrade task task-1 goes on") {
		t.Errorf("%q", lines)
	}
}

// An API that says that all is done while a cluster runs something else is not
// believed.
func TestEveryClusterIsLookedAtInTheEnd(t *testing.T) {
	t.Parallel()
	p := newPlatform("a")
	p.before = func(int) {
		if p.task.Status == v1.TaskDone {
			p.cluster("a").PKSVersion = oldVersion
		}
	}
	_, faults, _ := upgrade(t, p, nil)
	wantFaults(t, faults, "cluster a runs PKS 1.0.0 with Kubernetes 1.34.2, not PKS 2.0.0")

	p = newPlatform("a")
	p.before = func(call int) {
		if call == 4 {
			p.task.UUID = "another"
		}
	}
	_, faults, _ = upgrade(t, p, nil)
	wantFaults(t, faults, `the API answered with task "another"`)
}

func TestWhatVersionsDoNotTellIsRedeployed(t *testing.T) {
	t.Parallel()
	upgraded := func(t *testing.T, redeploy upgradeall.Redeploy, set func(*platform)) (*platform, []string) {
		t.Helper()
		p := newPlatform("a", "b", "c", "d")
		for _, name := range []string{"b", "c", "d"} {
			p.upToDate(name)
		}
		p.changed = map[string]bool{"c": true, "d": true}
		set(p)
		lines, faults, _ := upgrade(t, p, func(e *upgradeall.Errand) { e.Redeploy, e.Canaries = redeploy, 1 })
		wantFaults(t, faults)
		return p, lines
	}
	first := v1.UpgradeClustersRequest{All: true, Canaries: []string{"a"}, MaxInFlight: 1}
	for name, test := range map[string]struct {
		redeploy upgradeall.Redeploy
		set      func(*platform)
		asked    []v1.UpgradeClustersRequest
		tally    string
	}{
		"changed": {upgradeall.RedeployChanged, func(*platform) {}, []v1.UpgradeClustersRequest{first,
			{Clusters: []string{"d"}, Canaries: []string{"c"}, MaxInFlight: 1, Force: true}}, "operations: 3; Number of clusters already up to date: 1;"},
		"none": {upgradeall.RedeployNone, func(*platform) {}, []v1.UpgradeClustersRequest{first}, "operations: 1; Number of clusters already up to date: 3;"},
		"all": {upgradeall.RedeployAll, func(*platform) {}, []v1.UpgradeClustersRequest{{All: true, Canaries: []string{"a"}, MaxInFlight: 1, Force: true}},
			"operations: 4; Number of clusters already up to date: 0;"},
		"one is busy": {upgradeall.RedeployChanged, func(p *platform) {
			p.hidden = map[string]error{"b": &apiclient.Error{Status: 409, Code: pks.CodeOperationInProgress, Body: "busy"}}
		}, []v1.UpgradeClustersRequest{first, {Clusters: []string{"c", "d"}, Canaries: []string{"b"}, MaxInFlight: 1, Force: true}},
			"operations: 4; Number of clusters already up to date: 0;"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, lines := upgraded(t, test.redeploy, test.set)
			if diff := cmp.Diff(test.asked, p.asked); diff != "" {
				t.Error(diff)
			}
			if last := lines[len(lines)-1]; !strings.Contains(last, test.tally) {
				t.Error(last)
			}
		})
	}
}

func TestABrokenClusterStopsNoRedeploy(t *testing.T) {
	t.Parallel()
	p := newPlatform("a", "b")
	p.upToDate("b")
	p.changed, p.fails["a"] = map[string]bool{"b": true}, 9
	lines, faults, _ := upgrade(t, p, nil)
	wantFaults(t, faults, "cluster a: Instance upgrade failed")
	if !slices.Contains(lines, "[b] Result: Cluster operation success") {
		t.Errorf("%q", lines)
	}
	// A failed canary does.
	p = newPlatform("a", "b")
	p.upToDate("b")
	p.changed, p.fails["a"] = map[string]bool{"b": true}, 9
	_, faults, _ = upgrade(t, p, func(e *upgradeall.Errand) { e.Canaries = 1 })
	wantFaults(t, faults, "cluster a: Instance upgrade failed")
	if len(p.previews) > 0 {
		t.Errorf("previews after a failed canary: %v", p.previews)
	}
}

func TestARedeployThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	p := newPlatform("a", "b")
	p.upToDate("a")
	p.upToDate("b")
	p.changed, p.fails["b"] = map[string]bool{"b": true}, 1
	lines, faults, _ := upgrade(t, p, func(e *upgradeall.Errand) { e.Retries = 1 })
	wantFaults(t, faults)
	if last := lines[len(lines)-1]; len(p.previews) != 2 || slices.Contains(p.previews[1], "b") || !strings.Contains(last, "operations: 1; Number of clusters already up to date: 1;") {
		t.Errorf("%d previews: %s", len(p.previews), last)
	}
	p.changed, p.fails["b"] = map[string]bool{"b": true}, 1
	_, faults, _ = upgrade(t, p, nil)
	wantFaults(t, faults, "cluster b: Instance upgrade failed")

	// Where all are redeployed, only those that failed are once more.
	p.asked, p.fails["b"] = nil, 2
	lines, faults, _ = upgrade(t, p, func(e *upgradeall.Errand) { e.Retries, e.Redeploy = 2, upgradeall.RedeployAll })
	wantFaults(t, faults)
	once := v1.UpgradeClustersRequest{Clusters: []string{"b"}, MaxInFlight: 1, Force: true}
	want := []v1.UpgradeClustersRequest{{All: true, MaxInFlight: 1, Force: true}, {All: true, MaxInFlight: 1}, once, {All: true, MaxInFlight: 1}, once}
	if diff := cmp.Diff(want, p.asked); diff != "" {
		t.Error(diff)
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, "operations: 2; Number of clusters already up to date: 0;") {
		t.Error(last)
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	server := errandtest.Serve(t, nil)
	check := func(more map[string]any) errandtest.Outcome {
		return errandtest.Run(t.Context(), t, upgradeall.New(), server.Config(more), "-check-config")
	}
	check(map[string]any{
		"max_in_flight": 4, "canaries": 2, "canary_selection": map[string]any{"names": []string{"a"}, "plan": "p", "tags": map[string]string{"a": "b"}},
		"redeploy": "all", "retries": 3, "retry_interval": "5m", "time_limit": "8h", "cancel_on_time_limit": true,
	}).Want(t, errand.ExitOK)
	for key, value := range map[string]any{
		"max_in_flight": 0, "canaries": -1, "retries": 2000, "retry_interval": "48h", "time_limit": "-1s", "cancel_on_time_limit": true,
		"canary_selection": "a", "redeploy": "perhaps",
	} {
		check(map[string]any{key: value}).Want(t, errand.ExitUsage, key)
	}
	check(map[string]any{"canary_selection": map[string]any{"name": "a"}}).Want(t, errand.ExitUsage, "the key name is not known")
}
