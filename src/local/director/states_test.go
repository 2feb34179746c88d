package director_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/director"
	"github.com/pks-community/pks-release/src/local/director/auth"
	"github.com/pks-community/pks-release/src/local/machine"
)

// put changes the state of instances.
func (b *bench) put(path, wantState string) []string {
	b.Helper()
	done := b.run(b.do("PUT", "/deployments/d1/jobs/"+path, "", "Content-Type", "text/yaml"), wantState)
	return b.script(done.ID)
}

// stats returns the full report of instances by group and index.
func (b *bench) stats(what string) map[string]map[string]any {
	b.Helper()
	done := b.run(b.do("GET", "/deployments/d1/"+what+"?format=full", ""), "done")
	out := map[string]map[string]any{}
	for line := range strings.Lines(b.output(done.ID, "result")) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			b.Fatal(err)
		}
		out[fmt.Sprintf("%v/%v", one["job_name"], one["index"])] = one
	}
	return out
}

// steps are the lines about one instance, shortened to what happens.
func steps(script []string, instance string) []string {
	var out []string
	for _, line := range script {
		if _, what, ok := strings.Cut(line, instance+": "); ok && strings.HasPrefix(line, "Updating") {
			out = append(out, what)
		}
	}
	return out
}

func TestStoppedAndDetachedInstancesStaySoUntilStarted(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(d1, "", "done")
	stop := []string{
		"started", "in_progress 5 executing pre-stop", "in_progress 10 executing drain", "in_progress 30 stopping jobs",
		"in_progress 40 executing post-stop", "finished",
	}
	if diff := cmp.Diff(stop, steps(b.put("worker/0?state=stopped", "done"), "worker (0) (canary)")); diff != "" {
		t.Error(diff)
	}
	soft := b.stats("vms")["worker/0"]
	if soft["job_state"] != "stopped" || soft["state"] != "stopped" || soft["vitals"] == nil {
		t.Errorf("soft-stopped instance is %v", soft)
	}
	if diff := cmp.Diff(stop, steps(b.put("worker/1?state=detached", "done"), "worker (1) (canary)")); diff != "" {
		t.Error(diff)
	}
	hard := b.stats("instances")["worker/1"]
	if hard["job_state"] != nil || hard["state"] != "detached" || hard["vm_cid"] != nil || hard["vitals"] != nil {
		t.Errorf("detached instance is %v", hard)
	}
	b.deploy(replace("{port: 9999, pw: ((ca", "{port: 1, pw: ((ca"), "", "done")
	if got := b.stats("instances"); got["worker/0"]["state"] != "stopped" || got["worker/1"]["state"] != "detached" {
		t.Errorf("a deploy started %v and %v", got["worker/0"], got["worker/1"])
	}
	up := []string{
		"started", "in_progress 10 installing packages", "in_progress 20 configuring jobs", "in_progress 30 executing pre-start",
		"in_progress 50 starting jobs", "in_progress 60 executing post-start", "finished",
	}
	script := b.put("worker?state=started", "done")
	if diff := cmp.Diff(up, steps(script, "worker (0) (canary)")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(up, steps(script, "worker (1)")); diff != "" {
		t.Error(diff)
	}
	for slug, one := range b.stats("vms") {
		if one["job_state"] != "running" {
			t.Errorf("%s is %v", slug, one)
		}
	}
}

func TestRecreateReplacesMachinesAndSkipDrainSaysSo(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(d1, "", "done")
	before := b.cids()
	script := b.put("*?state=recreate&skip_drain=true", "done")
	if got := steps(script, "master (0) (canary)"); got[1] != "in_progress 10 skipped pre-stop & drain" {
		t.Errorf("master: %q", got)
	}
	after := b.cids()
	for id, cid := range before {
		if after[id] == cid || after[id] == "" {
			t.Errorf("instance %s has machine %s after %s", id, after[id], cid)
		}
	}
}

func TestChangesOfStateThatCannotBe(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(d1, "", "done")
	if got := b.put("zz?state=restart", "done"); len(got) != 6 {
		t.Errorf("unknown group: %q", got)
	}
	for path, want := range map[string]string{
		"/deployments/d1/jobs/zz/0?state=restart":   `404 {"code":70001,"description":"'d1/zz/0' doesn't exist"}`,
		"/deployments/d1/jobs/zz/abc?state=restart": `400 {"code":70002,"description":"Invalid instance index or id 'abc'"}`,
	} {
		a := b.do("PUT", path, "", "Content-Type", "text/yaml")
		if got := fmt.Sprintf("%d %s", a.status, a.body); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	script := b.put("master?state=bogus", "error")
	if got, want := script[len(script)-1], "error 140007 Invalid state 'bogus' for 'master', valid states are: started, stopped, detached, recreate, restart"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestIgnoredInstancesAreLeftAlone(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(d1, "", "done")
	if a := b.do("PUT", "/deployments/d1/instance_groups/worker/0/ignore", `{"ignore":true}`, "Content-Type", "application/json"); a.status != 200 || a.body != "" {
		t.Fatalf("ignore: %d %s", a.status, a.body)
	}
	script := b.put("*?state=recreate", "done")
	if script[1] != "warning You have ignored instances. They will not be changed." || steps(script, "worker (0)") != nil || steps(script, "worker (0) (canary)") != nil {
		t.Errorf("recreate all: %q", script)
	}
	id := b.list("/deployments/d1/instances")
	slug := ""
	for _, i := range id {
		if i["job"] == "worker" && i["index"] == 0.0 {
			slug = "worker/" + fmt.Sprint(i["id"])
		}
	}
	failed := b.run(b.do("PUT", "/deployments/d1/jobs/worker/0?state=restart", "", "Content-Type", "text/yaml"), "error")
	if want := "You are trying to change the state of the ignored instance '" + slug + "'. This operation is not allowed. You need to unignore it first."; !strings.Contains(b.events(failed.ID), want) {
		t.Errorf("events lack %q: %s", want, b.events(failed.ID))
	}
	refused := b.run(b.do("DELETE", "/deployments/d1", ""), "error")
	if want := "error 190021 You are trying to delete deployment 'd1', which contains ignored instance(s). Operation not allowed."; b.script(refused.ID)[0] != want {
		t.Errorf("delete: %q", b.script(refused.ID))
	}
}

// silence makes the agents of a group's bootstrap machines silent, as long as they have that machine.
type silence struct {
	mu    sync.Mutex
	agent string
	group string
}

func (s *silence) fault(_ context.Context, step machine.Step, spec machine.Spec) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if spec.Group != s.group || spec.Index != 0 || step == machine.StepDelete || step == machine.StepCreate {
		return nil
	}
	if s.agent == "" {
		s.agent = spec.AgentID
	}
	if s.agent == spec.AgentID {
		return machine.ErrUnresponsive
	}
	return nil
}

func (s *silence) begin(group string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.group, s.agent = group, ""
}

func TestASilentAgentFailsADeployUnlessItIsToBeFixed(t *testing.T) {
	t.Parallel()
	var s silence
	b := start(t, setup{machines: machine.Options{Fault: s.fault}, timing: director.Timing{Agent: 3 * time.Millisecond}})
	b.deploy(d1, "", "done")
	s.begin("worker")
	silent := b.stats("vms")["worker/0"]
	if silent["job_state"] != "unresponsive agent" || silent["vitals"] != nil || silent["state"] != "started" || len(silent["processes"].([]any)) != 0 {
		t.Errorf("silent machine is %v", silent)
	}
	failed := b.deploy(d1, "", "error")
	script := b.script(failed.ID)
	last := script[len(script)-1]
	if !strings.HasPrefix(last, "error 450002 worker: Timed out sending 'get_state' to instance: 'worker', agent-id: '") || len(script) != 3 {
		t.Errorf("events are %q", script)
	}
	b.run(b.do("POST", "/deployments/d1/scans", ""), "done")
	problems := b.list("/deployments/d1/problems")
	if len(problems) != 1 || problems[0]["type"] != "unresponsive_agent" || problems[0]["instance_group"] != "worker" {
		t.Fatalf("problems are %v", problems)
	}
	before := b.cids()
	fixed := b.deploy(d1, "?fix=true", "done")
	if got := b.updated(fixed.ID); len(got) != 1 || got[0] != "Updating instance worker (0) (canary)" {
		t.Errorf("touched %q", got)
	}
	changed := 0
	for id, cid := range b.cids() {
		if before[id] != cid {
			changed++
		}
	}
	if changed != 1 {
		t.Errorf("%d machines were replaced, want 1", changed)
	}
}

func TestResolvingAProblemRecreatesTheMachine(t *testing.T) {
	t.Parallel()
	var s silence
	b := start(t, setup{machines: machine.Options{Fault: s.fault}, timing: director.Timing{Agent: 3 * time.Millisecond}})
	b.deploy(d1, "", "done")
	s.begin("master")
	b.run(b.do("POST", "/deployments/d1/scans", ""), "done")
	id := b.list("/deployments/d1/problems")[0]["id"]
	done := b.run(b.do("PUT", "/deployments/d1/problems", fmt.Sprintf(`{"resolutions":{"%v":"recreate_vm"}}`, id), "Content-Type", "application/json"), "done")
	if *done.Result != "1 resolved" {
		t.Errorf("result is %s", *done.Result)
	}
	if got := b.get("/deployments/d1/problems"); got != "[]" {
		t.Errorf("problems left: %s", got)
	}
	if got := b.stats("vms")["master/0"]["job_state"]; got != "running" {
		t.Errorf("master is %v", got)
	}
	again := b.deploy(d1, "", "done")
	if got := b.updated(again.ID); got != nil {
		t.Errorf("a deploy after the repair touches %q", got)
	}
}

// tokens are bearer tokens that are the scopes themselves.
func tokens(_ context.Context, token string) (auth.Identity, error) {
	if token == "bad" {
		return auth.Identity{}, auth.ErrNotAuthenticated
	}
	return auth.Identity{User: "client", Scopes: strings.Split(token, ",")}, nil
}

func TestScopesDecideWhatAClientMayDo(t *testing.T) {
	t.Parallel()
	b := start(t, setup{auth: auth.Bearer{URL: "https://uaa:8443", Verify: tokens}})
	as := func(scopes, method, path, body, media string) answer {
		return b.do(method, path, body, "Authorization", "bearer "+scopes, "Content-Type", media)
	}
	uuid := b.director.UUID()
	adminOnly := fmt.Sprintf(`{"code":600000,"description":"Require one of the scopes: bosh.admin, bosh.%s.admin"}`, uuid)
	const yaml, team, reader = "text/yaml", "bosh.teams.pks.admin", "bosh.read"
	if a := as(team, "POST", "/deployments", conformanceManifest("tdep", 1), yaml); a.status != http.StatusFound {
		t.Fatalf("a team cannot deploy: %d %s", a.status, a.body)
	}
	if a := as("bosh."+uuid+".admin", "POST", "/deployments", conformanceManifest("other", 1), yaml); a.status != http.StatusFound {
		t.Fatalf("an administrator cannot deploy: %d %s", a.status, a.body)
	}
	if got := as(team, "GET", "/deployments?exclude_configs=true&exclude_releases=true&exclude_stemcells=true&exclude_lock=true", "", "").body; got != `[{"name":"tdep","teams":["pks"]}]` {
		t.Errorf("a team sees %s", got)
	}
	var tasks []map[string]any
	if err := json.Unmarshal([]byte(as(team, "GET", "/tasks", "", "").body), &tasks); err != nil || len(tasks) != 1 || tasks[0]["user"] != "client" {
		t.Errorf("a team sees tasks %v", tasks)
	}
	for _, c := range []struct {
		scopes, method, path, body, media string
		status                            int
		want                              string
	}{
		{"bad", "GET", "/deployments", "", "", 401, "Not authorized: '/deployments'\n"},
		{reader, "POST", "/deployments", "name: z", yaml, 401, adminOnly},
		{reader, "DELETE", "/deployments/other", "", "", 401, adminOnly},
		{reader, "DELETE", "/task/1", "", "", 401, adminOnly},
		{reader, "GET", "/deployments/other/variables", "", "", 401, adminOnly},
		{reader, "GET", "/tasks/1/output?type=debug", "", "", 401, fmt.Sprintf(`{"code":600000,"description":"Require one of the scopes: bosh.admin, bosh.%s.admin, bosh.teams.pks.admin"}`, uuid)},
		{reader, "POST", "/configs", `{"type":"cloud","name":"q","content":"a: b"}`, "application/json", 401, adminOnly},
		{team, "GET", "/configs", "", "", 200, "[]"},
		{team, "GET", "/locks", "", "", 401, fmt.Sprintf(`{"code":600000,"description":"Require one of the scopes: bosh.admin, bosh.%s.admin, bosh.read, bosh.%s.read"}`, uuid, uuid)},
		{team, "GET", "/disks", "", "", 401, adminOnly},
		{team, "DELETE", "/task/1", "", "", 401, adminOnly},
		{team, "DELETE", "/deployments/other", "", "", 401, adminOnly},
		{team, "DELETE", "/deployments/nope", "", "", 404, `{"code":70000,"description":"Deployment 'nope' doesn't exist"}`},
	} {
		a := as(c.scopes, c.method, c.path, c.body, c.media)
		if a.status != c.status || a.body != c.want {
			t.Errorf("%s as %s: %d %s, want %d %s", c.path, c.scopes, a.status, a.body, c.status, c.want)
		}
	}
	if a := as(reader, "GET", "/deployments/other/vms?format=full", "", ""); a.status != http.StatusFound {
		t.Errorf("a reader cannot ask machines: %d %s", a.status, a.body)
	}
	if a := as(team, "POST", "/configs", `{"type":"cloud","name":"q","content":"a: b"}`, "application/json"); a.status != 201 || !strings.Contains(a.body, `"team":"pks"`) {
		t.Errorf("a team's config: %d %s", a.status, a.body)
	}
	if a := b.do("GET", "/info", "", "Authorization", ""); !strings.Contains(a.body, `"user_authentication":{"type":"uaa","options":{"url":"https://uaa:8443","urls":["https://uaa:8443"]}}`) {
		t.Errorf("info is %s", a.body)
	}
}

func TestLinksCanBeTakenByOutsiders(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(d1, "", "done")
	providers := b.list("/link_providers?deployment=d1")
	if len(providers) != 1 || providers[0]["name"] != "mweb" || providers[0]["shared"] != true {
		t.Fatalf("providers are %v", providers)
	}
	body := fmt.Sprintf(`{"link_provider_id":"%v","link_consumer":{"owner_object":{"name":"broker","type":"external"}}}`, providers[0]["id"])
	link := map[string]any{}
	first := b.do("POST", "/links", body, "Content-Type", "application/json")
	if err := json.Unmarshal([]byte(first.body), &link); err != nil || first.status != 200 {
		t.Fatalf("POST /links: %d %s", first.status, first.body)
	}
	if again := b.do("POST", "/links", body, "Content-Type", "application/json"); again.body != first.body {
		t.Errorf("second POST: %s, want %s", again.body, first.body)
	}
	for query, want := range map[string]string{
		"":                         `200 {"address":"q-s0.master.default.d1.bosh"}`,
		"&azs[]=z1&status=healthy": `200 {"address":"q-a1s3.master.default.d1.bosh"}`,
		"&status=bad":              `400 {"code":810007,"description":"status must be a one of: [\"healthy\", \"unhealthy\", \"all\", \"default\"]"}`,
		"&azs[]=q":                 `400 {"code":810008,"description":"az q is not valid"}`,
		"&azs=q":                   "400 {\"code\":810008,\"description\":\"`azs` param must be array type: `azs[]=`\"}",
	} {
		a := b.do("GET", fmt.Sprintf("/link_address?link_id=%v%s", link["id"], query), "")
		if got := fmt.Sprintf("%d %s", a.status, a.body); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	b.deploy(replace("instances: 4", "instances: 3"), "", "done")
	if links := b.list("/links?deployment=d1"); len(links) != 3 {
		t.Errorf("links after a deploy are %v", links)
	}
	path := fmt.Sprintf("/links/%v", link["id"])
	if a := b.do("DELETE", path, ""); a.status != http.StatusNoContent {
		t.Errorf("delete: %d %s", a.status, a.body)
	}
	if a := b.do("DELETE", path, ""); a.status != 404 || a.body != fmt.Sprintf(`{"code":810000,"description":"Invalid link id: %v"}`, link["id"]) {
		t.Errorf("second delete: %d %s", a.status, a.body)
	}
	if a := b.do("DELETE", fmt.Sprintf("/links/%v", b.list("/links?deployment=d1")[0]["id"]), ""); a.body != `{"code":810005,"description":"Error deleting link: not a external link"}` {
		t.Errorf("delete of a job's link: %d %s", a.status, a.body)
	}
}

func TestAnAgentThatIsLateIsAskedAgain(t *testing.T) {
	t.Parallel()
	var left atomic.Int32
	b := start(t, setup{timing: director.Timing{Agent: time.Millisecond}, machines: machine.Options{Fault: func(_ context.Context, step machine.Step, spec machine.Spec) error {
		if step == machine.StepState && spec.Group == "master" && left.Add(-1) >= 0 {
			return machine.ErrUnresponsive
		}
		return nil
	}}})
	b.deploy(d1, "", "done")
	left.Store(2)
	b.deploy(d1, "", "done")
	left.Store(3)
	if failed := b.deploy(d1, "", "error"); !strings.Contains(*failed.Result, "Timed out sending 'get_state'") {
		t.Errorf("result is %s", *failed.Result)
	}
}
