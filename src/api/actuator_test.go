package api_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

func TestHealthFollowsTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, test := range []struct {
			down   error
			status int
			body   string
		}{
			{nil, http.StatusOK, `{"status":"UP"}`},
			{errors.New("disk I/O error"), http.StatusServiceUnavailable, `{"status":"DOWN"}`},
			{nil, http.StatusOK, `{"status":"UP"}`},
		} {
			w.down = test.down
			for range 3 { // who ask at one time share one look
				if got := w.send(request{method: "GET", path: "/actuator/health"}); got.status != test.status || got.body != test.body {
					t.Errorf("%d %s, want %d", got.status, got.body, test.status)
				}
			}
			time.Sleep(time.Second)
		}
		if w.pings != 3 {
			t.Errorf("the database was looked at %d times", w.pings)
		}
	})
}

func TestInfoSaysWhereToLogIn(t *testing.T) {
	t.Parallel()
	var info v1.Info
	newWorld(t).send(request{method: "GET", path: "/actuator/info"}).decode(t, &info)
	want := v1.Info{Build: v1.BuildInfo{Version: "1.0.0-dev", Commit: "abc123"}, UAA: v1.UAAInfo{URL: "https://uaa.example.com:8443"}}
	if diff := cmp.Diff(want, info); diff != "" {
		t.Error(diff)
	}
}

func TestPlansAreListedInTheOperatorsOrder(t *testing.T) {
	t.Parallel()
	got := newWorld(t).send(request{method: "GET", path: "/v1/plans", token: "reader"})
	want := `[{"id":"8A0E21A8-8072-4D80-B365-D1F502085560","name":"small","description":"one master","worker_instances":3,"master_instances":1,"allow-privileged-containers":false},` +
		`{"id":"58375a45-17f7-4291-acf1-455bfdc8e3710","name":"large","description":"three masters","worker_instances":4,"master_instances":3,"allow-privileged-containers":true}]`
	if diff := cmp.Diff(want, got.body); diff != "" {
		t.Error(diff)
	}
}

func TestServiceInstancesAreTheClusters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if got := w.send(request{method: "GET", path: "/service_instances", token: "admin"}); got.body != "[]" {
		t.Errorf("none: %s", got.body)
	}
	w.with("a", cody).with("b", naomi, func(c *pks.Cluster) { c.PlanID = "other" })
	got := w.send(request{method: "GET", path: "/service_instances", token: "admin"})
	want := `[{"service_instance_id":"00000000-0000-4000-8000-000000000001","plan_id":"8A0E21A8-8072-4D80-B365-D1F502085560"},` +
		`{"service_instance_id":"00000000-0000-4000-8000-000000000002","plan_id":"other"}]`
	if diff := cmp.Diff(want, got.body); diff != "" {
		t.Error(diff)
	}
}

func TestOpenAPIDocumentIsServedAsJSON(t *testing.T) {
	t.Parallel()
	got := newWorld(t).send(request{method: "GET", path: "/openapi.json"})
	var document struct{ OpenAPI string }
	if err := json.Unmarshal([]byte(got.body), &document); err != nil || document.OpenAPI != "3.1.0" {
		t.Errorf("version %q: %v", document.OpenAPI, err)
	}
}
