package api_test

import (
	"net/http"
	"testing"

	"github.com/pks-community/pks-release/src/api"
	"github.com/pks-community/pks-release/src/pks"
)

func TestNothingChangesWhileABackupIsMade(t *testing.T) {
	t.Parallel()
	locked := true
	w := newWorld(t, func(c *api.Config) { c.Locked = func() bool { return locked } })
	w.with("demo", cody)
	refused := map[string]request{
		"create":      {method: "POST", path: "/v1/clusters", body: `{"name":"other","plan_name":"small","parameters":{"kubernetes_master_host":"other.example.com"}}`},
		"update":      {method: "PATCH", path: "/v1/clusters/demo", body: `{"kubernetes_worker_instances":4}`},
		"delete":      {method: "DELETE", path: "/v1/clusters/demo"},
		"upgrade":     {method: "PATCH", path: "/v1/clusters", body: `{}`},
		"credentials": {method: "POST", path: "/v1/clusters/demo/binds"},
	}
	for name, r := range refused {
		r.token = "admin"
		got := w.send(r)
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %v", name, got.status, got.header)
		}
	}
	if got := w.send(request{method: "POST", path: "/v1/clusters", body: "{}"}); got.status != http.StatusUnauthorized {
		t.Errorf("a stranger learns of the backup: %d", got.status)
	}
	for _, path := range []string{"/v1/clusters", "/v1/clusters/demo", "/actuator/health"} {
		if got := w.send(request{method: "GET", path: path, token: "admin"}); got.status != http.StatusOK {
			t.Errorf("GET %s: %d", path, got.status)
		}
	}
	if w.changes != 0 || w.clusters["demo"].LastAction != pks.ActionCreate {
		t.Errorf("%d changes were made", w.changes)
	}
	locked = false
	removal := refused["delete"]
	removal.token = "admin"
	if got := w.send(removal); got.status != http.StatusAccepted && got.status != http.StatusNoContent {
		t.Errorf("afterwards: %d", got.status)
	}
}
