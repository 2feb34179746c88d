package api_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/pks"
)

// Whoever UAA knows may learn how to log in to a cluster, and nothing more.
func TestPeopleLearnHowToLogInToAnyCluster(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"scopeless", "naomi", "reader", "both", "lookalike"} {
		w := newWorld(t).with("demo", cody)
		got := w.send(request{method: "GET", path: "/v1/clusters/demo/binds/naomi?suppressClusterRoleBinding=true", token: token})
		want := []lifecycle.BindRequest{{
			ClusterID: w.clusters["demo"].ID, User: "naomi", WithoutRights: true, LoginOnly: true, By: naomi, RequestID: got.header.Get("X-Request-Id"),
		}}
		if diff := cmp.Diff(want, w.binds); diff != "" || got.status != http.StatusOK {
			t.Errorf("%s: %d %s", token, got.status, diff)
		}
		for _, path := range []string{"binds/naomi", "binds/naomi?suppressClusterRoleBinding=false", "binds/cody?suppressClusterRoleBinding=true"} {
			got := w.send(request{method: "GET", path: "/v1/clusters/demo/" + path, token: token})
			if got.status != http.StatusForbidden {
				t.Errorf("%s gets %s with status %d", token, path, got.status)
			}
		}
		if len(w.binds) != 1 {
			t.Errorf("%s: %d bindings were made", token, len(w.binds))
		}
	}
}

func TestRightsReachFurtherThanBeingSomebody(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"admin", "cody"} {
		w := newWorld(t).with("demo", cody)
		got := w.send(request{method: "GET", path: "/v1/clusters/demo/binds/naomi?suppressClusterRoleBinding=true", token: token})
		if got.status != http.StatusOK || len(w.binds) != 1 || w.binds[0].LoginOnly {
			t.Errorf("%s: %d %+v", token, got.status, w.binds)
		}
	}
}

func TestClientsAreNobodyToLogInAs(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody).with("robots", pks.Principal{Kind: pks.PrincipalClient, ID: "id-of-cody", Name: "cody"})
	got := w.send(request{method: "GET", path: "/v1/clusters/demo/binds/cody?suppressClusterRoleBinding=true", token: "cody-robot"})
	if got.status != http.StatusForbidden || len(w.binds) != 0 {
		t.Errorf("a foreign cluster: %d", got.status)
	}
	got = w.send(request{method: "POST", path: "/v1/clusters/robots/binds", token: "cody-robot"})
	if got.status != http.StatusCreated || len(w.binds) != 1 || w.binds[0].User != "" {
		t.Errorf("%d %+v", got.status, w.binds)
	}
}

func TestOtherRoutesAreClosedToPeopleWithoutScopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody)
	for _, r := range []request{
		{method: "GET", path: "/v1/clusters/demo"}, {method: "GET", path: "/v1/clusters"},
		{method: "POST", path: "/v1/clusters/demo/binds"}, {method: "GET", path: "/v1/plans"},
	} {
		r.token = "scopeless"
		if got := w.send(r); got.status != http.StatusForbidden {
			t.Errorf("%s %s: %d", r.method, r.path, got.status)
		}
	}
}
