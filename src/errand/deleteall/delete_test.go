package deleteall_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/errand"
	"github.com/pks-community/pks-release/src/errand/deleteall"
	"github.com/pks-community/pks-release/src/errand/errandtest"
	"github.com/pks-community/pks-release/src/pks"
)

// platform is an API with clusters whose deletion takes some looks each.
type platform struct {
	clusters []v1.Cluster
	looks    map[string]int   // until something that goes on has ended
	fails    map[string]int   // how many of its deletions fail
	refuses  map[string]error // what its deletion is answered with
	away     map[int]error    // by the number of the look at all
	listed   int
	asked    []string
	most     int // deletions at the same time
	before   func(look int)
}

func newPlatform(names ...string) *platform {
	p := &platform{looks: map[string]int{}, fails: map[string]int{}, refuses: map[string]error{}, away: map[int]error{}}
	for _, name := range names {
		p.clusters = append(p.clusters, v1.Cluster{Name: name, UUID: "uuid-" + name, LastAction: "CREATE", LastActionState: "succeeded"})
	}
	return p
}

func (p *platform) cluster(name string) *v1.Cluster {
	return &p.clusters[slices.IndexFunc(p.clusters, func(c v1.Cluster) bool { return c.Name == name })]
}

func (p *platform) Clusters(context.Context) (apiclient.Answer[[]v1.Cluster], error) {
	p.listed++
	if p.before != nil {
		p.before(p.listed)
	}
	if err := p.away[p.listed]; err != nil {
		return apiclient.Answer[[]v1.Cluster]{}, err
	}
	going := 0
	p.clusters = slices.DeleteFunc(p.clusters, func(c v1.Cluster) bool {
		if c.LastAction != "DELETE" || c.LastActionState != "in progress" {
			return false
		}
		going++
		p.looks[c.Name]--
		return p.looks[c.Name] < 0 && p.fails[c.Name] == 0
	})
	p.most = max(p.most, going)
	for i := range p.clusters {
		c := &p.clusters[i]
		if c.LastActionState == "in progress" && p.looks[c.Name] < 0 {
			p.fails[c.Name]--
			c.LastActionState, c.LastActionDescription = "failed", "Instance deletion failed: no route."
			c.Operation = &v1.Operation{BOSHTask: 9, Failure: &v1.Failure{Remedy: "Mend the network."}}
		}
	}
	return apiclient.Answer[[]v1.Cluster]{Value: slices.Clone(p.clusters)}, nil
}

func (p *platform) Cluster(_ context.Context, name string) (apiclient.Answer[v1.Cluster], error) {
	return apiclient.Answer[v1.Cluster]{Value: *p.cluster(name)}, nil
}

func (p *platform) DeleteCluster(_ context.Context, name string) error {
	p.asked = append(p.asked, name)
	if err := p.refuses[name]; err != nil {
		return err
	}
	c := p.cluster(name)
	c.LastAction, c.LastActionState, c.LastActionDescription = "DELETE", "in progress", "Deleting cluster"
	p.looks[name] = 2
	return nil
}

func remove(ctx context.Context, p *platform, orphans deleteall.Orphans, set func(*deleteall.Errand)) (lines []string, err error) {
	e := deleteall.New()
	e.PollingInterval, e.OutageLimit, e.MaxInFlight, e.Retries = 10*time.Second, 5*time.Minute, 2, 0
	if set != nil {
		set(e)
	}
	journal, told := errandtest.Quiet(e.Name())
	err = e.Delete(ctx, p, orphans, journal)
	return told(), err
}

func removed(t *testing.T, p *platform, orphans deleteall.Orphans, set func(*deleteall.Errand)) (lines []string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { lines, err = remove(t.Context(), p, orphans, set) })
	return lines, err
}

func orphans(names ...string) deleteall.Orphans {
	return func(context.Context) ([]string, error) { return names, nil }
}

func TestAllClustersAreDeletedInBoundedParallel(t *testing.T) {
	t.Parallel()
	p := newPlatform("a", "b", "c")
	lines, err := removed(t, p, orphans(), nil)
	if err != nil || len(p.clusters) > 0 || p.most != 2 {
		t.Fatalf("%v, %d at a time, %v", err, p.most, p.clusters)
	}
	want := []string{
		"Deleter Configuration: max_in_flight: 2, polling_interval: 10s",
		"[a] Deleting cluster",
		"[b] Deleting cluster",
		"[a] Result: deleted cluster",
		"[b] Result: deleted cluster",
		"[c] Deleting cluster",
		"[c] Result: deleted cluster",
		"FINISHED DELETES",
		"No orphan deployments found.",
		"FINISHED PROCESSING Status: SUCCESS; Summary: Number of deleted clusters: 3; Number of clusters that failed to be deleted: 0; Number of clusters that are left: 0",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if lines, err := removed(t, newPlatform(), nil, nil); err != nil || !slices.Contains(lines, "No clusters found.") {
		t.Errorf("%v, %q", err, lines)
	}
}

func TestALockKeepsEverything(t *testing.T) {
	t.Parallel()
	p := newPlatform("a", "b", "c")
	p.cluster("b").DeletionLock, p.cluster("c").DeletionLock = true, true
	if _, err := removed(t, p, nil, nil); err == nil || !strings.Contains(err.Error(), "locked against deletion: b, c; 'pks unlock NAME'") || len(p.asked) > 0 {
		t.Errorf("%v, asked for %v", err, p.asked)
	}
	// one that is locked meanwhile
	p = newPlatform("a", "b", "c")
	p.refuses["b"] = &apiclient.Error{Status: 409, Code: pks.CodeDeletionLocked, Body: "locked"}
	if _, err := removed(t, p, nil, nil); err == nil || !strings.Contains(err.Error(), "against deletion: b;") || slices.Contains(p.asked, "c") {
		t.Errorf("%v, asked for %v", err, p.asked)
	}
}

func TestWhatFailsIsTriedAgainAndNamed(t *testing.T) {
	t.Parallel()
	p := newPlatform("a", "b")
	p.fails["a"] = 1
	if _, err := removed(t, p, nil, func(e *deleteall.Errand) { e.Retries = 1 }); err != nil {
		t.Error(err)
	}
	p = newPlatform("a", "b", "c")
	p.fails["a"] = 9
	p.refuses["b"] = &apiclient.Error{Status: 500, Body: "An error occurred."}
	lines, err := removed(t, p, orphans("x"), func(e *deleteall.Errand) { e.Retries = 1 })
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		"expected 0 clusters, got 2: a, b",
		"cluster a: Instance deletion failed: no route. (BOSH task 9 of deployment service-instance_uuid-a: 'bosh task 9 --debug') Mend the network.",
		"cluster b: An error occurred.",
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Error(diff)
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, "FAILED; Summary: Number of deleted clusters: 1; Number of clusters that failed to be deleted: 2;") {
		t.Error(last)
	}
}

func TestClustersThatSomethingElseIsDoneToAreWaitedFor(t *testing.T) {
	t.Parallel()
	p := newPlatform("a", "b")
	c := p.cluster("a")
	c.LastAction, c.LastActionState, c.LastActionDescription = "UPGRADE", "in progress", "Instance upgrade in progress"
	p.refuses["b"] = &apiclient.Error{Status: 409, Code: pks.CodeOperationInProgress, Body: "busy"}
	p.before = func(look int) {
		if look == 4 {
			p.cluster("a").LastActionState = "succeeded"
			delete(p.refuses, "b")
		}
	}
	p.looks["a"] = 100
	lines, err := removed(t, p, nil, nil)
	if err != nil || !slices.Contains(lines, "[a] Waiting for the end of what goes on: Instance upgrade in progress") {
		t.Errorf("%v, %q", err, lines)
	}
}

func TestADeletionThatIsAtWorkIsJoined(t *testing.T) {
	t.Parallel()
	p := newPlatform("a", "b", "c")
	synctest.Test(t, func(t *testing.T) {
		ctx, kill := context.WithCancel(t.Context())
		p.before = func(look int) {
			if look == 2 {
				kill()
			}
		}
		if _, err := remove(ctx, p, nil, nil); err == nil || !strings.Contains(err.Error(), "goes on when it is run again") {
			t.Error(err)
		}
		p.before = nil
		lines, err := remove(t.Context(), p, nil, nil)
		if err != nil || !slices.Contains(lines, "[a] Waiting for cluster to be deleted") {
			t.Errorf("%v, %q", err, lines)
		}
		if diff := cmp.Diff([]string{"a", "b", "c"}, p.asked); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOrphansAreListed(t *testing.T) {
	t.Parallel()
	lines, err := removed(t, newPlatform("a"), orphans("service-instance_2", "service-instance_1"), nil)
	exit, ok := errors.AsType[*errand.ExitError](err)
	if !ok || exit.Code != errand.ExitOrphans || !strings.Contains(err.Error(), "2 BOSH deployments belong to no cluster and are not deleted: service-instance_1, service-instance_2;") {
		t.Error(err)
	}
	if !slices.Contains(lines, "Orphan deployment: service-instance_1") {
		t.Errorf("%q", lines)
	}
	broken := func(context.Context) ([]string, error) { return nil, &apiclient.Error{Status: 500, Body: "broken"} }
	if _, err := removed(t, newPlatform(), broken, nil); err == nil || !strings.Contains(err.Error(), "error retrieving orphan deployments: no good answer for 5m0s: broken") {
		t.Error(err)
	}
}

func TestAnAPIThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	p := newPlatform("a")
	for look := 2; look < 20; look++ {
		p.away[look] = &apiclient.UnreachableError{Trouble: apiclient.TroubleTimeout}
	}
	p.refuses["a"] = &apiclient.Error{Status: 503, Body: "down"}
	p.before = func(look int) {
		if look == 22 {
			delete(p.refuses, "a")
		}
	}
	if _, err := removed(t, p, nil, nil); err != nil {
		t.Error(err)
	}
	p.refuses["b"] = &apiclient.Error{Status: 403, Code: pks.CodeForbidden, Body: "You may not."}
	p.clusters = newPlatform("b", "c").clusters
	if _, err := removed(t, p, nil, nil); err == nil || !strings.Contains(err.Error(), "pks.clusters.admin") || slices.Contains(p.asked, "c") {
		t.Errorf("%v, asked for %v", err, p.asked)
	}
}

func TestTimeLimit(t *testing.T) {
	t.Parallel()
	p := newPlatform("a")
	p.before = func(int) { p.looks["a"] = 100 }
	if _, err := removed(t, p, nil, func(e *deleteall.Errand) { e.TimeLimit = time.Hour }); err == nil || !strings.Contains(err.Error(), "the time limit of 1h0m0s is over") {
		t.Error(err)
	}
}

func TestTheProgramAsksTheBroker(t *testing.T) {
	t.Parallel()
	answers := map[string]http.HandlerFunc{
		"empty": func(w http.ResponseWriter, _ *http.Request) { errandtest.Answer(w, 200, []any{}) },
		"orphan": func(w http.ResponseWriter, _ *http.Request) {
			errandtest.Answer(w, 200, []any{map[string]any{"deployment_name": "service-instance_1"}})
		},
		"401":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) },
		"500":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"page": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
	}
	for name, want := range map[string]struct {
		code int
		word string
	}{
		"empty":  {errand.ExitOK, "No orphan deployments found."},
		"orphan": {errand.ExitOrphans, "service-instance_1"},
		"401":    {errand.ExitFailed, "broker.username"},
		"500":    {errand.ExitFailed, "the broker answered 500"},
		"page":   {errand.ExitFailed, "not the JSON that was expected"},
	} {
		server := errandtest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/mgmt/orphan_deployments" {
				if user, password, _ := r.BasicAuth(); user != "b" || password != errandtest.Secret {
					t.Errorf("login %s", user)
				}
				answers[name](w, r)
				return
			}
			errandtest.Answer(w, 200, []any{})
		})
		broker := map[string]any{"url": server.URL, "ca": server.CA, "username": "b", "password": errandtest.Secret}
		config := server.Config(map[string]any{"broker": broker, "outage_limit": "20ms"})
		errandtest.Run(t.Context(), t, deleteall.New(), config).Want(t, want.code, want.word)
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	server := errandtest.Serve(t, nil)
	for key, more := range map[string]map[string]any{
		"max_in_flight":   {"max_in_flight": 0},
		"retries":         {"retries": -1},
		"time_limit":      {"time_limit": "-1s"},
		"broker.url":      {"broker": map[string]any{"url": "http://x"}},
		"broker.username": {"broker": map[string]any{"url": "https://x", "password": "p"}},
		"broker.password": {"broker": map[string]any{"url": "https://x", "username": "u"}},
	} {
		errandtest.Run(t.Context(), t, deleteall.New(), server.Config(more), "-check-config").Want(t, errand.ExitUsage, key+" ")
	}
}
