package directortest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
)

const (
	yamlType = "text/yaml"
	jsonType = "application/json"
	htmlType = "text/html;charset=utf-8"
)

func testInfo(t *testing.T, s *suite) {
	type info struct {
		Name, UUID, Version string
		User                *string
		Authentication      struct {
			Type    string
			Options map[string]any
		} `json:"user_authentication"`
		Features map[string]struct{ Status bool }
	}
	a := s.do(t, "GET", "/info", "", "Authorization", "")
	open := decode[info](t, a)
	if a.status != 200 || a.header.Get("Content-Type") != jsonType || a.header.Get("WWW-Authenticate") != "" {
		t.Errorf("GET /info: %d %v", a.status, a.header)
	}
	if open.User != nil || open.UUID == "" || !strings.Contains(open.Version, " (") {
		t.Errorf("info without credentials is %+v", open)
	}
	for _, name := range []string{"local_dns", "snapshots", "config_server"} {
		if _, ok := open.Features[name]; !ok {
			t.Errorf("no feature %s", name)
		}
	}
	if bad := decode[info](t, s.do(t, "GET", "/info", "", "Authorization", "Basic eDp5")); bad.User != nil {
		t.Errorf("bad credentials are user %s", *bad.User)
	}
	if known := decode[info](t, s.do(t, "GET", "/info", "")); known.User == nil || known.UUID != open.UUID {
		t.Errorf("info with credentials is %+v", known)
	}
}

func testRefusals(t *testing.T, s *suite) {
	for _, path := range []string{"/deployments", "/tasks", "/configs"} {
		for _, credentials := range []string{"", "Basic eDp5", "bearer nonsense"} {
			a := s.want(t, 401, "Not authorized: '"+path+"'\n", "GET", path, "", "Authorization", credentials)
			if a.header.Get("WWW-Authenticate") != `Basic realm="BOSH Director"` || a.header.Get("Content-Type") != htmlType {
				t.Errorf("refusal of %s has %v", path, a.header)
			}
		}
	}
	a := s.want(t, 404, "Not Found: /nosuch", "GET", "/nosuch", "")
	if a.header.Get("X-Cascade") != "pass" || a.header.Get("WWW-Authenticate") != "" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("unknown path has %v", a.header)
	}
	for _, r := range []struct{ method, path, body, media string }{
		{"POST", "/deployments", "x=1", "application/x-www-form-urlencoded"},
		{"POST", "/deployments", "name: x", "application/x-yaml"},
		{"POST", "/deployments", "name: x", "application/yaml"},
		{"POST", "/deployments", "{}", jsonType},
		{"POST", "/configs", "a: b", yamlType},
		{"DELETE", "/tasks/1", "", ""},
		{"GET", "/vms", "", ""},
		{"GET", "/users", "", ""},
		{"GET", "/deployments/x/properties", "", ""},
		{"POST", "/deployments/x/diff", "{}", jsonType},
	} {
		a := s.want(t, 404, fmt.Sprintf("Endpoint '%s' not found.", r.path), r.method, r.path, r.body, "Content-Type", r.media)
		if a.header.Get("X-Cascade") != "pass" {
			t.Errorf("%s %s has no X-Cascade", r.method, r.path)
		}
	}
	s.want(t, 404, "Endpoint '/info' not found.", "DELETE", "/info", "")
	long := strings.Repeat("x", 65)
	s.want(t, 400, `{"code":70010,"description":"X-Bosh-Context-Id cannot be more than 64 characters in length"}`,
		"GET", "/deployments", "", "X-Bosh-Context-Id", long)
	if a := s.do(t, "GET", "/deployments/", ""); a.status != 200 || !strings.HasPrefix(a.body, "[") {
		t.Errorf("trailing slash: %d %s", a.status, a.body)
	}
	if a := s.do(t, "HEAD", "/info", ""); a.status != 200 || a.body != "" || a.header.Get("Content-Length") == "" {
		t.Errorf("HEAD /info: %d %v", a.status, a.header)
	}
}

func testUnknownObjects(t *testing.T, s *suite) {
	name := "dt-" + uuid.NewString()
	missing := fmt.Sprintf(`{"code":70000,"description":"Deployment '%s' doesn't exist"}`, name)
	for _, r := range []struct{ method, path, body, media string }{
		{"GET", "", "", ""}, {"DELETE", "", "", ""}, {"GET", "/vms", "", ""}, {"GET", "/instances?format=full", "", ""},
		{"GET", "/variables", "", ""}, {"GET", "/errands", "", ""}, {"GET", "/certificate_expiry", "", ""}, {"GET", "/problems", "", ""},
		{"POST", "/errands/x/runs", "{}", ""}, {"PUT", "/jobs/*?state=recreate", "", yamlType}, {"GET", "/snapshots", "", ""},
	} {
		s.want(t, 404, missing, r.method, "/deployments/"+name+r.path, r.body, "Content-Type", r.media)
	}
	s.want(t, 404, missing, "GET", "/link_providers?deployment="+name, "")
	s.want(t, 400, `{"code":190024,"description":"Deployment name is required"}`, "GET", "/link_providers", "")
	s.want(t, 404, `{"code":10000,"description":"Task 99999999 not found"}`, "GET", "/tasks/99999999", "")
	s.want(t, 404, `{"code":10000,"description":"Task 99999999 not found"}`, "GET", "/tasks/99999999/output?type=event", "")
	s.want(t, 404, `{"code":10000,"description":"Task 99999999 not found"}`, "DELETE", "/task/99999999", "")
	s.want(t, 500, "", "GET", "/tasks/abc", "")
	s.want(t, 404, `{"code":30005,"description":"Release 'dt-nope' doesn't exist"}`, "GET", "/releases/dt-nope", "")
	s.want(t, 404, `{"code":440012,"description":"Config abc not found"}`, "GET", "/configs/abc", "")
	s.want(t, 404, "Event not found", "GET", "/events/999999999", "")
	s.want(t, 400, "Invalid before parameter: 'zz' ", "GET", "/events?before_time=zz", "")
	s.want(t, 400, "limit is required", "GET", "/cloud_configs", "")
	s.want(t, 500, "listing active networks is not implemented", "GET", "/networks", "")
	s.want(t, 200, "[]", "GET", "/tasks?state=bogus", "")
	s.want(t, 200, "[]", "GET", "/tasks?deployment="+name, "")
	s.want(t, 400, `{"code":810006,"description":"Link id is required"}`, "GET", "/link_address", "")
	s.want(t, 404, `{"code":810000,"description":"Could not find a link with id 99999999"}`, "GET", "/link_address?link_id=99999999", "")
	s.want(t, 400, "{\"code\":810001,\"description\":\"Invalid request: `link_provider_id` must be provided\"}", "POST", "/links", "{}", "Content-Type", jsonType)
	s.want(t, 404, `{"code":810000,"description":"Invalid link id: 99999999"}`, "DELETE", "/links/99999999", "")
	if a := s.do(t, "GET", "/resources/nosuch", ""); a.status != 400 || !strings.HasPrefix(a.body, `{"code":100001,"description":"Blobstore error accessing resource 'nosuch': `) {
		t.Errorf("malformed blob: %d %s", a.status, a.body)
	}
}

func testConfigs(t *testing.T, s *suite) {
	type config struct {
		Content, ID, Type, Name string
		Team                    *string
		CreatedAt               string `json:"created_at"`
		Current                 bool
	}
	kind, name := "dt", "dt-"+uuid.NewString()
	post := func(content, extra string) answer {
		body := fmt.Sprintf(`{"type":%q,"name":%q,"content":%q%s}`, kind, name, content, extra)
		return s.do(t, "POST", "/configs", body, "Content-Type", jsonType)
	}
	first := post("a: 1", "")
	one := decode[config](t, first)
	if first.status != http.StatusCreated || first.header.Get("Content-Type") != htmlType || !one.Current || one.Team != nil || !strings.HasSuffix(one.CreatedAt, " UTC") {
		t.Fatalf("POST /configs: %d %+v", first.status, one)
	}
	if same := decode[config](t, post("a: 1", "")); same.ID != one.ID {
		t.Errorf("the same content got id %s, want %s", same.ID, one.ID)
	}
	two := decode[config](t, post("a: 2", fmt.Sprintf(`,"expected_latest_id":%q`, one.ID)))
	if two.ID == one.ID {
		t.Error("new content got the old id")
	}
	conflict := post("a: 3", fmt.Sprintf(`,"expected_latest_id":%q`, one.ID))
	want := fmt.Sprintf(`{"latest_id":"%s","expected_latest_id":"%s","description":"Latest Id: '%s' does not match expected latest id"}`, two.ID, one.ID, two.ID)
	if conflict.status != http.StatusPreconditionFailed || conflict.body != want {
		t.Errorf("conflict: %d %s, want %s", conflict.status, conflict.body, want)
	}
	query := "/configs?type=" + kind + "&name=" + name
	for suffix, n := range map[string]int{"": 1, "&latest=true": 1, "&latest=false": 2, "&limit=1": 1, "&limit=9": 2} {
		if found := decode[[]config](t, s.do(t, "GET", query+suffix, "")); len(found) != n || found[0].ID != two.ID {
			t.Errorf("%s: %+v", suffix, found)
		}
	}
	if old := decode[config](t, s.do(t, "GET", "/configs/"+one.ID, "")); old.Current || old.Content != "a: 1" {
		t.Errorf("old version is %+v", old)
	}
	for suffix, text := range map[string]string{
		"limit=0": "'limit' must be larger than zero", "limit=x": "'limit' must be a number", "latest=x": "'latest' must be 'true' or 'false'",
	} {
		s.want(t, 400, fmt.Sprintf(`{"code":440010,"description":"%s"}`, text), "GET", "/configs?"+suffix, "")
	}
	for body, text := range map[string]string{
		`{"type":"dt","content":"a: b"}`:           `{"code":440010,"description":"'name' is required"}`,
		`{"type":"","name":"x","content":"a: b"}`:  `{"code":440010,"description":"'type' is required"}`,
		`{"type":"dt","name":"x","content":"- a"}`: `{"code":440011,"description":"YAML hash expected"}`,
		`{"type":"dt","name":"x"}`:                 `{"code":440011,"description":"Config must be valid YAML: no implicit conversion of nil into String"}`,
		`[]`:                                       `{"code":440010,"description":"JSON object expected"}`,
	} {
		s.want(t, 400, text, "POST", "/configs", body, "Content-Type", jsonType)
	}
	if a := s.do(t, "POST", "/configs", "nojson", "Content-Type", jsonType); a.status != 400 || !strings.HasPrefix(a.body, `{"code":710001,"description":"Invalid JSON request body: `) {
		t.Errorf("no JSON: %d %s", a.status, a.body)
	}
	s.want(t, 204, "", "DELETE", query, "")
	s.want(t, 404, "Endpoint '/configs' not found.", "DELETE", query, "")
	s.want(t, 400, `{"code":440010,"description":"'name' is required"}`, "DELETE", "/configs?type=dt", "")
	s.want(t, 404, fmt.Sprintf(`{"code":440012,"description":"Config %s not found"}`, one.ID), "DELETE", "/configs/"+one.ID, "")
}

func testConfigDiffs(t *testing.T, s *suite) {
	name := "dt-" + uuid.NewString()
	content := func(text string) string {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(quoted)
	}
	stored := decode[struct{ ID string }](t, s.do(t, "POST", "/configs",
		fmt.Sprintf(`{"type":"dt","name":%q,"content":"vm_types: [{name: tinyvm2}]"}`, name), "Content-Type", jsonType))
	s.want(t, 200, fmt.Sprintf(`{"from":{"id":"%s"},"diff":[["vm_types:",null],["- name: z","added"]]}`, stored.ID),
		"POST", "/configs/diff", fmt.Sprintf(`{"type":"dt","name":%q,"content":"vm_types: [{name: tinyvm2},{name: z}]"}`, name), "Content-Type", jsonType)
	s.want(t, 200, `{"diff":[["vm_types:","removed"],["- name: tinyvm2","removed"],["",null],["a: b","added"]]}`,
		"POST", "/configs/diff", fmt.Sprintf(`{"from":{"id":"%s"},"to":{"content":"a: b"}}`, stored.ID), "Content-Type", jsonType)
	before := content("instance_groups:\n- name: worker\n  instances: 2\nreleases:\n- name: rec\n  version: 2.0.0\n")
	after := content("instance_groups:\n- name: worker\n  instances: 5\nreleases:\n- name: rec\n  version: 2.0.0\n")
	s.want(t, 200, `{"diff":[["instance_groups:",null],["- name: worker",null],["  instances: 2","removed"],["  instances: 5","added"]]}`,
		"POST", "/configs/diff", `{"from":{"content":`+before+`},"to":{"content":`+after+`}}`, "Content-Type", jsonType)
	if a := s.do(t, "POST", "/configs/diff", `{"x":1}`, "Content-Type", jsonType); a.status != 400 || !strings.Contains(a.body, `"code":440010`) {
		t.Errorf("unknown form: %d %s", a.status, a.body)
	}
	s.want(t, 404, `{"code":440012,"description":"Config 99999999 not found"}`,
		"POST", "/configs/diff", `{"from":{"id":"99999999"},"to":{"content":"a: b"}}`, "Content-Type", jsonType)
	s.want(t, 204, "", "DELETE", "/configs?type=dt&name="+name, "")
}
