package api_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
)

// The life of one cluster as the clients of reference/pks-api.md §0 see it: they
// compare status codes with ==, index kubernetes_master_ips[0], and refuse null
// and unknown values.
func TestStrictClientsSeeWhatTheyNeedInEveryPhase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phase := func(action pks.Action, state pks.ActionState) {
		c := w.clusters["demo"]
		c.LastAction, c.LastActionState = action, state
		w.clusters["demo"] = c
	}
	const one, list = "/v1/clusters/demo", "/v1/clusters"
	for _, step := range []struct {
		before func()
		request
		status int
		fields map[string]any // of the object, or of the first one of an array
	}{
		{nil, request{method: "GET", path: list}, 200, nil},
		{nil, request{method: "POST", path: list + "/", body: createWith(`"kubernetes_worker_instances":3`, `"kubernetes_worker_instances":null`), header: beyond()}, 202,
			map[string]any{"last_action": "CREATE", "last_action_state": "in progress", "ip": "In Progress", "workers": 3.0}},
		{nil, request{method: "GET", path: one}, 200,
			map[string]any{"last_action": "CREATE", "last_action_state": "in progress", "ip": "In Progress", "workers": 3.0}},
		{func() { phase(pks.ActionCreate, pks.ActionSucceeded) }, request{method: "GET", path: list}, 200,
			map[string]any{"last_action": "CREATE", "last_action_state": "succeeded", "ip": "In Progress", "workers": 3.0}},
		{nil, request{method: "PATCH", path: one, body: `{"kubernetes_worker_instances":"2"}`}, 202,
			map[string]any{"last_action": "UPDATE", "last_action_state": "in progress", "ip": "In Progress", "workers": 2.0}},
		{nil, request{method: "PATCH", path: one, body: `{"kubernetes_worker_instances":1}`}, 409, nil},
		{func() { phase(pks.ActionUpdate, pks.ActionFailed) }, request{method: "GET", path: "/v1/clusterdetails/demo"}, 200,
			map[string]any{"last_action": "UPDATE", "last_action_state": "failed", "ip": "In Progress", "workers": 2.0}},
		{nil, request{method: "POST", path: one + "/binds", body: "{}"}, 201, nil},
		{nil, request{method: "DELETE", path: one}, 204, nil},
		{nil, request{method: "GET", path: one}, 200,
			map[string]any{"last_action": "DELETE", "last_action_state": "in progress", "ip": "In Progress", "workers": 2.0}},
		{func() { delete(w.clusters, "demo") }, request{method: "GET", path: one}, 404, nil},
		{nil, request{method: "DELETE", path: one}, 404, nil},
		{nil, request{method: "GET", path: list}, 200, nil},
	} {
		if step.before != nil {
			step.before()
		}
		step.token = "cody"
		got := w.send(step.request)
		if got.status != step.status {
			t.Fatalf("%s %s: %d %s", step.method, step.path, got.status, got.body)
		}
		if step.status >= 400 && problemBody(t, got) == "" {
			t.Errorf("%s %s: no body member in %s", step.method, step.path, got.body)
		}
		if step.fields != nil {
			if diff := cmp.Diff(step.fields, seen(t, got.body)); diff != "" {
				t.Errorf("%s %s: %s", step.method, step.path, diff)
			}
		}
	}
}

// seen picks what clients are known to read by key or index.
func seen(t *testing.T, body string) map[string]any {
	t.Helper()
	if body[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal([]byte(body), &list); err != nil || len(list) == 0 {
			t.Fatalf("%v in %s", err, body)
		}
		body = string(list[0])
	}
	var c map[string]any
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		t.Fatal(err)
	}
	for _, required := range []string{"name", "plan_name", "uuid", "k8s_version", "pks_version", "last_action_description"} {
		if text, _ := c[required].(string); text == "" {
			t.Errorf("%s is %v", required, c[required])
		}
	}
	ips, _ := c["kubernetes_master_ips"].([]any)
	parameters, _ := c["parameters"].(map[string]any)
	if len(ips) == 0 || parameters["kubernetes_master_host"] == "" || parameters["kubernetes_master_port"] != 8443.0 {
		t.Fatalf("incomplete: %s", body)
	}
	return map[string]any{"last_action": c["last_action"], "last_action_state": c["last_action_state"], "ip": ips[0],
		"workers": parameters["kubernetes_worker_instances"]}
}
