package api_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

func TestListShowsEachCallerWhatTheyMaySee(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("b-codys", cody).with("a-naomis", naomi)
	for token, want := range map[string][]string{
		"admin":      {"a-naomis", "b-codys"},
		"reader":     {"a-naomis", "b-codys"},
		"both":       {"a-naomis", "b-codys"},
		"cody":       {"b-codys"},
		"naomi":      {"a-naomis"},
		"cody-ldap":  {},
		"cody-robot": {},
	} {
		got := w.send(request{method: "GET", path: "/v1/clusters", token: token})
		var clusters []v1.Cluster
		got.decode(t, &clusters)
		names := []string{}
		for _, c := range clusters {
			names = append(names, c.Name)
		}
		if diff := cmp.Diff(want, names); diff != "" || got.status != http.StatusOK {
			t.Errorf("%s: %d %s", token, got.status, diff)
		}
	}
}

func TestEmptyListIsAnEmptyArray(t *testing.T) {
	t.Parallel()
	got := newWorld(t).send(request{method: "GET", path: "/v1/clusters", token: "admin"})
	if diff := cmp.Diff("[]", got.body); diff != "" {
		t.Error(diff)
	}
}

func TestReadHasEveryMemberThatStrictClientsNeed(t *testing.T) {
	t.Parallel()
	got := newWorld(t).with("demo", cody).send(request{method: "GET", path: "/v1/clusters/demo", token: "cody"})
	want := map[string]any{
		"name": "demo", "plan_name": "small", "uuid": "00000000-0000-4000-8000-000000000001",
		"last_action": "CREATE", "last_action_state": "succeeded", "last_action_description": "Instance provisioning completed",
		"kubernetes_master_ips": []any{"10.0.0.2"},
		"network_profile_name":  "", "compute_profile_name": "", "kubernetes_profile_name": "",
		"k8s_version": "1.34.2", "pks_version": "1.0.0-dev", "available_upgrades": []any{},
		"parameters": map[string]any{
			"kubernetes_master_host": "demo.example.com", "kubernetes_master_port": 8443.0, "kubernetes_worker_instances": 3.0,
			"worker_haproxy_ip_addresses": nil, "authorization_mode": nil,
		},
	}
	var document map[string]any
	got.decode(t, &document)
	if diff := cmp.Diff(want, document); diff != "" || got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, diff)
	}
	if got := got.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type is %s", got)
	}
}

func TestDetailsAddDrainSettingsOfPlanAndCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody, func(c *pks.Cluster) {
		c.Spec.Drain = pks.DrainSettings{GracePeriodSeconds: new(-1), Force: new(true)}
	})
	var detailed, plain v1.Cluster
	w.send(request{method: "GET", path: "/v1/clusterdetails/demo", token: "reader"}).decode(t, &detailed)
	w.send(request{method: "GET", path: "/v1/clusters/demo", token: "reader"}).decode(t, &plain)
	want := plain
	want.Parameters.PlanDetails = &v1.KubernetesSettings{DrainTimeout: new("10")}
	want.Parameters.ClusterDetails = &v1.KubernetesSettings{DrainGracePeriod: new("-1"), DrainForce: new("true")}
	if diff := cmp.Diff(want, detailed); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownClusterIsNotFoundForEveryone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, token := range []string{"admin", "cody"} {
		for _, r := range []request{
			{method: "GET", path: "/v1/clusters/ghost"},
			{method: "GET", path: "/v1/clusterdetails/ghost"},
			{method: "PATCH", path: "/v1/clusters/ghost", body: `{"kubernetes_worker_instances":2}`},
			{method: "DELETE", path: "/v1/clusters/ghost"},
			{method: "POST", path: "/v1/clusters/ghost/binds"},
			{method: "GET", path: "/v1/clusters/ghost/events"},
		} {
			r.token = token
			got := w.send(r)
			var problem v1.ErrorResponse
			got.decode(t, &problem)
			want := v1.ErrorResponse{
				Body: "Cluster ghost not found. List the clusters you can see with 'pks clusters'.", Code: "cluster_not_found",
				Remedy: "List the clusters you can see with 'pks clusters'.", RequestID: got.header.Get("X-Request-Id"),
			}
			if diff := cmp.Diff(want, problem); diff != "" || got.status != http.StatusNotFound {
				t.Errorf("%s %s: %d %s", r.method, r.path, got.status, diff)
			}
		}
	}
}

func TestDeleteAnswers204WithoutABody(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody)
	got := w.send(request{method: "DELETE", path: "/v1/clusters/demo", token: "cody"})
	if got.status != http.StatusNoContent || got.body != "" {
		t.Errorf("%d %q", got.status, got.body)
	}
	var c v1.Cluster
	w.send(request{method: "GET", path: "/v1/clusters/demo", token: "cody"}).decode(t, &c)
	if c.LastAction != "DELETE" || c.LastActionState != "in progress" {
		t.Errorf("%s %s", c.LastAction, c.LastActionState)
	}
}

func TestChangeOfABusyClusterIsRefusedWithTheOperationInTheWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody, func(c *pks.Cluster) {
		c.LastActionState, c.OperationID = pks.ActionInProgress, "operation-in-the-way"
	})
	before := w.snapshot()
	for _, r := range []request{
		{method: "PATCH", path: "/v1/clusters/demo", token: "cody", body: `{"kubernetes_worker_instances":2}`},
		{method: "DELETE", path: "/v1/clusters/demo", token: "admin"},
	} {
		got := w.send(r)
		var problem v1.ErrorResponse
		got.decode(t, &problem)
		if got.status != http.StatusConflict || problem.Code != "operation_in_progress" || problem.OperationID != "operation-in-the-way" {
			t.Errorf("%s: %d %+v", r.method, got.status, problem)
		}
	}
	if diff := cmp.Diff(before, w.snapshot(), addresses); diff != "" {
		t.Error(diff)
	}
}

func TestDatabaseGoneIs503WithRetryAfter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.down = pks.Failf(pks.CodeStoreUnavailable, "The database cannot be used.").WithCause(errors.New("dial tcp 10.1.2.3:5432: refused"))
	got := w.send(request{method: "GET", path: "/v1/clusters", token: "admin"})
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") != "5" {
		t.Errorf("%d, Retry-After %q", got.status, got.header.Get("Retry-After"))
	}
	if diff := cmp.Diff("The database cannot be used. The database cannot be reached; try again later.", problemBody(t, got)); diff != "" {
		t.Error(diff)
	}
}

func TestUnforeseenErrorGivesNothingAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody)
	w.failNext = errors.New("secret table is on fire")
	got := w.send(request{method: "DELETE", path: "/v1/clusters/demo", token: "cody"})
	want := "An error occurred in the PKS API when processing the request. Report it with the request id; the log of pks-api has the cause."
	if diff := cmp.Diff(want, problemBody(t, got)); diff != "" || got.status != http.StatusInternalServerError {
		t.Errorf("%d %s", got.status, diff)
	}
	if lines := w.logs.lines(t, "request failed"); len(lines) != 1 {
		t.Errorf("%d log lines tell of it", len(lines))
	}
}

func problemBody(t testing.TB, got reply) string {
	t.Helper()
	var problem v1.ErrorResponse
	got.decode(t, &problem)
	return problem.Body
}
