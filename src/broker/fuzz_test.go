package broker

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/broker/runner"
	"github.com/pks-community/pks-release/src/director"
)

func TestOperationDataIsAsOtherBrokersReadIt(t *testing.T) {
	t.Parallel()
	d := operationData{BoshTaskID: 1, BoshContextID: "8826", OperationType: opCreate, Errands: []errand{{Name: "smoke"}}}
	want := `{"BoshTaskID":1,"BoshContextID":"8826","OperationType":"create","PostDeployErrand":{},"PreDeleteErrand":{},"Errands":[{"Name":"smoke","Instances":null}]}`
	if diff := cmp.Diff(want, d.String()); diff != "" {
		t.Error(diff)
	}
	legacy, err := parseOperation(`{"BoshTaskID":1,"BoshContextID":"c","OperationType":"delete","PreDeleteErrand":{"Name":"old"},"PostDeployErrand":{}}`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]errand{{Name: "old"}}, legacy.Errands); diff != "" {
		t.Error(diff)
	}
}

func TestContextIDsFitTheDirector(t *testing.T) {
	t.Parallel()
	long := string(make([]byte, 300))
	for _, prefix := range []string{contextPrefix(opRecreate, long), deletionPrefix(long), deletionPrefix("0123456789-0123456789-0123456789-0123456789-xx")} {
		if id := newContextID(prefix, "01234567"); len(id) > 64 || !inContext(id, prefix) {
			t.Errorf("%d characters: %q", len(id), id)
		}
	}
	a, b := contextPrefix(opCreate, "i", json.RawMessage(`{"a":1,"b":[1]}`)), contextPrefix(opCreate, "i", json.RawMessage(` {"b":[1], "a":1}`))
	if a != b {
		t.Error("the order of keys counts")
	}
	if a == contextPrefix(opCreate, "i", json.RawMessage(`{"a":1.0000000000000000001,"b":[1]}`)) || a == contextPrefix(opCreate, "i2", json.RawMessage(`{"a":1,"b":[1]}`)) {
		t.Error("different requests look the same")
	}
}

func TestSecretReferences(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]string{
		"tls.ca": {"tls", "ca"}, "pw": {"pw", ""}, "/d.irector/d1/tls.private_key": {"/d.irector/d1/tls", "private_key"},
	} {
		if c, k := splitReference(name); c != want[0] || k != want[1] {
			t.Errorf("%s: %q %q", name, c, k)
		}
	}
}

func FuzzOperationData(f *testing.F) {
	f.Add(`{"BoshTaskID":1,"BoshContextID":"c","OperationType":"create","Errands":[{"Name":"smoke","Instances":["a/0"]}]}`)
	f.Add(`{"BoshTaskID":-1}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseOperation(text)
		if err != nil {
			return
		}
		again, err := parseOperation(d.String())
		if len(d.String()) <= maxOperation && (err != nil || !cmp.Equal(d, again, cmpopts.EquateEmpty())) {
			t.Errorf("%q: %v %s", text, err, cmp.Diff(d, again))
		}
		d.locate([]director.Task{{ID: d.BoshTaskID, State: director.Done}, {ID: d.BoshTaskID + 1, State: "odd"}}, func(t director.Task) director.State { return t.State })
	})
}

func FuzzRequestParameters(f *testing.F) {
	f.Add([]byte(`{"a":1}`), []byte(`["x"]`))
	f.Fuzz(func(t *testing.T, parameters, context []byte) {
		p, err := parametersOf(parameters)
		if err != nil {
			return
		}
		if !json.Valid(p) || (contextOf(context) != nil && !json.Valid(contextOf(context))) {
			t.Errorf("%q %q", parameters, context)
		}
	})
}

// FuzzRequestBodies sends bodies to every route that takes one: whatever they
// hold, the answer is a JSON object and never a stack.
func FuzzRequestBodies(f *testing.F) {
	away := httptest.NewServer(http.NotFoundHandler())
	f.Cleanup(away.Close)
	d, err := director.New(director.Config{URL: away.URL, Username: "u", Password: "p", Repeats: []time.Duration{}})
	if err != nil {
		f.Fatal(err)
	}
	c := config.Config{ServiceCatalog: config.ServiceCatalog{ID: testService, Plans: []config.Plan{{ID: testPlan, Name: "small"}}}}
	c.Broker.Username, c.Broker.Password = "broker", "secret"
	logger := slog.New(slog.DiscardHandler)
	b, err := New(Parts{Config: c, Director: d, Logger: logger, Adapter: runner.New(runner.Config{
		Path: "/nowhere/adapter", Stdin: true, Timeout: time.Minute, Logger: logger,
	})})
	if err != nil {
		f.Fatal(err)
	}
	handler := b.Handler(nil)
	f.Add(`{"service_id":"service-1","plan_id":"plan-1","context":{"space_guid":5},"parameters":{"a":[1]},"maintenance_info":{"version":"1"}}`)
	f.Add(`{"service_id":"service-1","plan_id":"plan-1","previous_values":{"plan_id":"x"},"bind_resource":{"backup_agent":true}}`)
	f.Add(`[null]`)
	f.Fuzz(func(t *testing.T, body string) {
		for _, route := range [][2]string{
			{"PUT", "/v2/service_instances/i?accepts_incomplete=true"}, {"PATCH", "/v2/service_instances/i?accepts_incomplete=true"},
			{"PUT", "/v2/service_instances/i/service_bindings/b"}, {"PATCH", "/mgmt/service_instances/i?operation_type=upgrade"},
			{"PATCH", "/mgmt/service_instances/i?operation_type=recreate"}, {"POST", "/mgmt/service_instances/i/preview"},
		} {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, newOSBRequest(t.Context(), route[0], route[1], body))
			var object map[string]any
			if w.Code < 400 || json.Unmarshal(w.Body.Bytes(), &object) != nil || strings.Contains(w.Body.String(), "goroutine") {
				t.Errorf("%v %q: %d %s", route, body, w.Code, w.Body)
			}
		}
	})
}

func FuzzManifestComparison(f *testing.F) {
	f.Add("name: a\ninstance_groups: [{name: w, instances: 1, jobs: [{name: j, release: r}]}]", "name: a\nreleases: [{name: r}]")
	f.Add("instance_groups: [{name: w, stemcell: [x], jobs: [{release: {a: b}}]}]\nstemcells: [{alias: [x]}]", "instance_groups: [{name: w, stemcell: [x], jobs: [{release: [c]}]}]\nstemcells: [{alias: [x]}]")
	f.Add("instance_groups: {a: b}", "instance_groups: [1, [2]]\nstemcells: [{alias: [x]}]")
	f.Fuzz(func(t *testing.T, a, b string) {
		same, err := sameManifest(a, b)
		paths, pathsErr := changedPaths(a, b)
		if err == nil && pathsErr == nil && same && len(paths) > 0 {
			t.Errorf("the same, but for %v", paths)
		}
		_, _ = groupChanges(a, b)
		_ = groupsOf(a)
	})
}
