package directortest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// testManifests posts manifests that are refused at once, and one that is refused by its task.
func testManifests(t *testing.T, s *suite) {
	post := func(query, body string) answer {
		return s.do(t, "POST", "/deployments"+query, body, "Content-Type", yamlType)
	}
	for body, want := range map[string]string{
		"a: b": `{"code":40001,"description":"Deployment manifest must have a 'name' key"}`,
		"":     `{"code":440001,"description":"Manifest should not be empty"}`,
		"- a":  `{"code":440001,"description":"Manifest should be a hash"}`,
	} {
		if a := post("", body); a.status != 400 || a.body != want {
			t.Errorf("manifest %q: %d %s, want %s", body, a.status, a.body, want)
		}
	}
	if a := post("", "a: [b"); a.status != 400 || !strings.HasPrefix(a.body, `{"code":440001,"description":"Incorrect YAML structure of the uploaded manifest: #<Psych::SyntaxError: (<unknown>): did not find expected ',' or ']'`) {
		t.Errorf("broken YAML: %d %s", a.status, a.body)
	}
	if a := post("?recreate_vms_created_before=2026-01-01T00:00:00Z", "name: x"); a.body != `{"code":40005,"description":"Must pass recreate=true when specifying recreate_vms_created_before"}` {
		t.Errorf("recreate_vms_created_before: %d %s", a.status, a.body)
	}
	if a := post("?context=%7B%22cloud_config_ids%22%3A%5B99999999%5D%2C%22runtime_config_ids%22%3A%5B%5D%7D", "name: x"); a.body != `{"code":190025,"description":"Context includes invalid config ID"}` {
		t.Errorf("context: %d %s", a.status, a.body)
	}
	name := "dt-" + uuid.NewString()
	failed := s.finish(t, taskOf(t, s.do(t, "POST", "/deployments", "name: "+name, "Content-Type", "text/yaml; charset=utf-8")), "error")
	want := fmt.Sprintf(`Required property 'releases' was not specified in object ({"name"=>"%s"})`, name)
	if failed.Result == nil || *failed.Result != want {
		t.Errorf("result is %v, want %s", failed.Result, want)
	}
	events := s.do(t, "GET", fmt.Sprintf("/tasks/%d/output?type=event", failed.ID), "").body
	line := struct {
		Time  int64 `json:"time"`
		Error struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}{}
	if err := json.Unmarshal([]byte(events), &line); err != nil || line.Error.Code != 40001 || line.Error.Message != want {
		t.Errorf("events are %q", events)
	}
	if got := s.do(t, "GET", "/deployments/"+name, "").body; got != `{"manifest":null}` {
		t.Errorf("the refused deployment is %s", got)
	}
	s.finish(t, taskOf(t, s.do(t, "DELETE", "/deployments/"+name, "")), "done")
}

// testTasks looks at one finished task from all sides.
func testTasks(t *testing.T, s *suite) {
	name, contextID := "dt-"+uuid.NewString(), uuid.NewString()
	made := taskOf(t, s.do(t, "POST", "/deployments", "name: "+name, "Content-Type", yamlType, "X-Bosh-Context-Id", contextID))
	found := s.finish(t, made, "error")
	if found.ContextID != contextID || found.Description != "create deployment" || found.Timestamp == nil || found.StartedAt == nil || *found.Deployment != name {
		t.Errorf("task is %+v", found)
	}
	path := fmt.Sprintf("/tasks/%d", made)
	a := s.do(t, "GET", path, "")
	shape := regexp.MustCompile(`^\{"id":\d+,"state":"error","description":"create deployment","timestamp":\d+,"started_at":\d+,"result":".*","user":".+","deployment":".+","context_id":".+"\}$`)
	if !shape.MatchString(a.body) || a.header.Get("Content-Type") != jsonType {
		t.Errorf("GET %s: %s %v", path, a.body, a.header)
	}
	for _, query := range []string{"?context_id=" + contextID, "?deployment=" + name + "&state=error,done", "?deployment=" + name + "&limit=0", "?deployment=" + name + "&verbose=2"} {
		if tasks := decode[[]task](t, s.do(t, "GET", "/tasks"+query, "")); len(tasks) != 1 || tasks[0].ID != made {
			t.Errorf("%s lists %+v", query, tasks)
		}
	}
	s.want(t, 400, fmt.Sprintf("Cannot cancel task %d: invalid state (error)", made), "DELETE", fmt.Sprintf("/task/%d", made), "")
	s.want(t, 204, "", "POST", "/tasks/cancel", fmt.Sprintf(`{"deployment":%q}`, name), "Content-Type", jsonType)
	s.want(t, 400, "done is not one of the cancellable states: queued, processing", "POST", "/tasks/cancel", `{"states":["done"]}`, "Content-Type", jsonType)
	s.want(t, 500, "", "POST", "/tasks/cancel", "", "Content-Type", jsonType)
	ranges(t, s, path+"/output?type=event")
	s.want(t, 401, `{"code":600000,"description":"Unknown type zzz"}`, "GET", path+"/output?type=zzz", "")
	s.want(t, 204, "", "GET", path+"/output?type=none", "")
	s.want(t, 200, "", "GET", path+"/output?type=result", "")
	empty := s.want(t, 416, "Byte range unsatisfiable", "GET", path+"/output?type=result", "", "Range", "bytes=0-")
	if got := empty.header.Get("Content-Range"); got != "bytes */0" {
		t.Errorf("Content-Range of an empty output is %q", got)
	}
	if debug := s.do(t, "GET", path+"/output", ""); debug.status != 200 || !strings.HasPrefix(debug.header.Get("Content-Type"), "text/plain") || debug.header.Get("Last-Modified") == "" {
		t.Errorf("debug output: %d %v", debug.status, debug.header)
	}
	s.finish(t, taskOf(t, s.do(t, "DELETE", "/deployments/"+name, "")), "done")
}

// ranges reads an output in pieces (reference/director-api.md §6.1).
func ranges(t *testing.T, s *suite, path string) {
	whole := s.do(t, "GET", path, "")
	size := len(whole.body)
	if whole.status != 200 || whole.header.Get("Content-Type") != htmlType || size < 60 {
		t.Fatalf("whole output: %d %v %q", whole.status, whole.header, whole.body)
	}
	for header, want := range map[string][2]int{
		"bytes=0-9": {0, 9}, "bytes=0-": {0, size - 1}, "bytes=-50": {size - 50, size - 1}, "bytes=10-999999999": {10, size - 1},
	} {
		a := s.want(t, http.StatusPartialContent, whole.body[want[0]:want[1]+1], "GET", path, "", "Range", header)
		if got, expected := a.header.Get("Content-Range"), fmt.Sprintf("bytes %d-%d/%d", want[0], want[1], size); got != expected {
			t.Errorf("%s: Content-Range is %q, want %q", header, got, expected)
		}
	}
	for _, header := range []string{"bytes=0-9,20-29", "nonsense"} {
		s.want(t, 200, whole.body, "GET", path, "", "Range", header)
	}
	for _, header := range []string{fmt.Sprintf("bytes=%d-", size), "bytes=99999999-"} {
		a := s.want(t, 416, "Byte range unsatisfiable", "GET", path, "", "Range", header)
		if got, expected := a.header.Get("Content-Range"), fmt.Sprintf("bytes */%d", size); got != expected {
			t.Errorf("%s: Content-Range is %q, want %q", header, got, expected)
		}
	}
}

// testLife deploys, looks, scales and deletes.
func testLife(t *testing.T, s *suite) {
	if s.Manifest == nil {
		t.Skip("the target has no manifest to deploy")
	}
	name := "dt-" + uuid.NewString()
	deploy := func(instances int) task {
		return s.finish(t, taskOf(t, s.do(t, "POST", "/deployments", s.Manifest(name, instances), "Content-Type", yamlType)), "done")
	}
	if created := deploy(2); created.Result == nil || *created.Result != "/deployments/"+name {
		t.Errorf("deploy gave %+v", created)
	}
	got := decode[struct{ Manifest string }](t, s.do(t, "GET", "/deployments/"+name, ""))
	if got.Manifest != s.Manifest(name, 2) {
		t.Errorf("manifest is not the one that was posted: %s", got.Manifest)
	}
	if n := len(s.stats(t, name, "vms")); n != 2 {
		t.Errorf("%d machines, want 2", n)
	}
	before := s.ids(t, name)
	unchanged := deploy(2)
	for line := range strings.Lines(s.do(t, "GET", fmt.Sprintf("/tasks/%d/output?type=event", unchanged.ID), "").body) {
		if strings.Contains(line, `"stage":"Updating instance"`) {
			t.Errorf("an unchanged deploy updates: %s", line)
		}
	}
	deploy(3)
	after := s.ids(t, name)
	for id := range before {
		if !after[id] {
			t.Errorf("instance %s did not survive scaling up", id)
		}
	}
	if len(after) != 3 {
		t.Errorf("%d instances, want 3", len(after))
	}
	diff := decode[struct{ Diff [][2]*string }](t, s.do(t, "POST", "/deployments/"+name+"/diff", s.Manifest(name, 3), "Content-Type", yamlType))
	if len(diff.Diff) != 0 {
		t.Errorf("an unchanged manifest differs: %v", diff.Diff)
	}
	s.finish(t, taskOf(t, s.do(t, "PUT", "/deployments/"+name+"/jobs/worker/0?state=restart", "", "Content-Type", yamlType)), "done")
	s.finish(t, taskOf(t, s.do(t, "DELETE", "/deployments/"+name, "")), "done")
	s.want(t, 404, fmt.Sprintf(`{"code":70000,"description":"Deployment '%s' doesn't exist"}`, name), "GET", "/deployments/"+name, "")
}

// stats returns the lines of vms or instances with format=full.
func (s *suite) stats(t *testing.T, deployment, what string) []map[string]any {
	t.Helper()
	id := taskOf(t, s.do(t, "GET", "/deployments/"+deployment+"/"+what+"?format=full", ""))
	if done := s.finish(t, id, "done"); done.Description != "retrieve vm-stats" || *done.Result != "" {
		t.Errorf("task is %+v", done)
	}
	var lines []map[string]any
	for line := range strings.Lines(s.do(t, "GET", fmt.Sprintf("/tasks/%d/output?type=result", id), "").body) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		if one["job_state"] != "running" || one["state"] != "started" {
			t.Errorf("machine is %v", one)
		}
		for _, key := range []string{
			"vm_cid", "active", "vm_created_at", "cloud_properties", "disk_cid", "disk_cids", "ips", "agent_id", "job_name", "index",
			"vm_type", "vitals", "processes", "az", "id", "bootstrap", "ignore", "stemcell",
		} {
			if _, ok := one[key]; !ok {
				t.Errorf("no %s in %v", key, one)
			}
		}
		lines = append(lines, one)
	}
	return lines
}

// ids returns the ids of a deployment's instances.
func (s *suite) ids(t *testing.T, deployment string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, i := range decode[[]struct {
		ID      string
		Expects *bool `json:"expects_vm"`
	}](t, s.do(t, "GET", "/deployments/"+deployment+"/instances", "")) {
		if i.Expects == nil || !*i.Expects {
			t.Errorf("expects_vm of %s is not true", i.ID)
		}
		out[i.ID] = true
	}
	return out
}
