package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

// errandJobs are the errands of the release.
func errandJobs() []string {
	return []string{"upgrade-all-clusters", "delete-all-clusters", "smoke-tests"}
}

// A person uploads a release, deploys it and runs its errands with the public bosh
// CLI: the errands are the real programs with what their templates made of the
// manifest.
func TestErrandsOfTheReleaseRunForReal(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ruby"); err != nil {
		t.Skip("templates are rendered by ruby, which is not installed; tools/setup-tests installs it")
	}
	s := startStack(t)
	s.login("client", "admin")
	for _, name := range []string{"one", "two"} {
		s.must(s.pks("create-cluster", name, "-e", name+".pks.local", "-p", "small", "--wait", "--non-interactive"))
	}
	s.must(s.bosh("upload-release", s.errandRelease()))
	broken := strings.ReplaceAll(string(s.errandManifest("changed")), "client_secret:", "secret_of_client:")
	if r := s.bosh("-d", "pks", "deploy", s.write(broken)); r.code == 0 ||
		!strings.Contains(r.stdout+r.stderr, "Error filling in template 'upgrade-all-clusters.yml.erb' (line 8: Can't find property 'uaa.client_secret')") {
		t.Errorf("a deploy without a required property: %+v", r)
	}
	s.deployErrands("changed")
	if upgraded := s.errand("upgrade-all-clusters", 0); !strings.Contains(upgraded.stdout, "Number of successful operations: 0; Number of clusters already up to date: 2;") {
		t.Errorf("nothing has changed:\n%s", upgraded.stdout)
	}
	s.deployErrands("all")
	s.cancelUpgrade()
	upgraded := s.errand("upgrade-all-clusters", 0)
	for _, want := range []string{
		"STARTING CANARIES: 1 canaries: two", "[two] Result: Cluster operation success", "FINISHED CANARIES", "[one] Result: Cluster operation success",
		"FINISHED PROCESSING Status: SUCCESS; Summary: Number of successful operations: 2;",
	} {
		if !strings.Contains(upgraded.stdout, want) {
			t.Errorf("%q is not told:\n%s", want, upgraded.stdout)
		}
	}
	if smoke := s.errand("smoke-tests", 0); !strings.Contains(smoke.stdout, "SMOKE TESTS Status: SUCCESS") {
		t.Errorf("smoke tests:\n%s", smoke.stdout)
	}

	s.must(s.pks("lock", "one"))
	if locked := s.errand("delete-all-clusters", 1); !strings.Contains(locked.stderr, "locked against deletion: one;") {
		t.Errorf("with a lock:\n%s%s", locked.stdout, locked.stderr)
	}
	s.must(s.pks("unlock", "one"))
	if deleted := s.errand("delete-all-clusters", 0); !strings.Contains(deleted.stdout, "No orphan deployments found.") ||
		!strings.Contains(deleted.stdout, "Number of deleted clusters: 2;") {
		t.Errorf("deletion:\n%s", deleted.stdout)
	}
	var left []any
	if err := json.Unmarshal([]byte(s.must(s.pks("clusters", "--json"))), &left); err != nil || len(left) > 0 {
		t.Errorf("%v are left, %v", left, err)
	}
	for _, d := range s.boshTables("deployments")[0].Rows {
		if d["name"] != "pks" {
			t.Errorf("deployment %s is left", d["name"])
		}
	}
}

// The release as it is handed out: its packages are compiled from their sources, which
// takes minutes. make test-release names the archive.
func TestErrandsOfTheBuiltRelease(t *testing.T) {
	t.Parallel()
	archive := os.Getenv("PKS_TEST_RELEASE")
	if archive == "" {
		t.Skip("PKS_TEST_RELEASE names no release; make test-release does")
	}
	s := startStack(t)
	s.slow = true
	s.login("client", "admin")
	s.must(s.bosh("upload-release", archive))
	s.deployErrands("changed")
	if smoke := s.errand("smoke-tests", 0); !strings.Contains(smoke.stdout, "SMOKE TESTS Status: SUCCESS") {
		t.Errorf("smoke tests:\n%s", smoke.stdout)
	}
	if upgraded := s.errand("upgrade-all-clusters", 0); !strings.Contains(upgraded.stdout, "No clusters found.") {
		t.Errorf("upgrade:\n%s", upgraded.stdout)
	}
	s.sameBytes()
}

// cancelUpgrade runs the errand that upgrades, on an upgrade that somebody has begun
// and paused, cancels it there, and lets the upgrade go on alone.
func (s *stack) cancelUpgrade() {
	s.t.Helper()
	token := s.token("admin")
	send := func(method, path, body string) string {
		s.t.Helper()
		a := s.send(request{method: method, path: path, token: token, contentType: "application/json", body: body})
		var task struct{ UUID string }
		if err := json.Unmarshal([]byte(a.body), &task); err != nil || a.status/100 != 2 {
			s.fatalf("%s %s: %d %s", method, path, a.status, a.body)
		}
		return task.UUID
	}
	upgrade := send(http.MethodPatch, "/v1/clusters", `{"all":true,"force":true,"canaries":["two"]}`)
	send(http.MethodPost, "/v1/tasks/"+upgrade+"/pause", "")
	ended := make(chan result, 1)
	go func() { ended <- s.bosh("-d", "pks", "run-errand", "upgrade-all-clusters") }()
	s.until("the errand joins the upgrade", func() bool { return strings.Contains(s.local("logs", "pks-api").stdout, "Rollout joined") })
	errand := s.boshTables("-d", "pks", "tasks")[0].Rows[0]["id"]
	s.must(s.bosh("cancel-task", errand))
	if r := <-ended; r.code == 0 {
		s.t.Errorf("a cancelled errand:\n%s%s", r.stdout, r.stderr)
	}
	if said := s.bosh("task", errand, "--result").stdout; !strings.Contains(said, `"exit_code":143`) ||
		!strings.Contains(said, "upgrade task "+upgrade+" goes on without the errand, which joins it when it is run again") {
		s.t.Errorf("a cancelled errand says\n%s", said)
	}
	send(http.MethodPost, "/v1/tasks/"+upgrade+"/resume", "")
}

// until asks again and again until the answer is yes.
func (s *stack) until(what string, yes func() bool) {
	s.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(s.patience())
	defer deadline.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-deadline.C:
			s.fatalf("%s: not in time", what)
		}
	}
}

// deployErrands deploys the release to one machine.
func (s *stack) deployErrands(redeploy string) {
	s.t.Helper()
	s.must(s.bosh("-d", "pks", "deploy", s.write(string(s.errandManifest(redeploy)))))
}

// write makes a file and returns its path.
func (s *stack) write(text string) string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "manifest.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// errand runs an errand and returns what the one machine that has it said.
func (s *stack) errand(name string, code int) result {
	s.t.Helper()
	logs := s.t.TempDir()
	r := s.bosh("-d", "pks", "run-errand", name, "--download-logs", "--logs-dir", logs, "--json")
	var out struct{ Tables []table }
	if err := json.Unmarshal([]byte(r.stdout), &out); err != nil || len(out.Tables) != 1 || len(out.Tables[0].Rows) != 1 {
		s.fatalf("errand %s: %v: %s%s", name, err, r.stdout, r.stderr)
	}
	row := out.Tables[0].Rows[0]
	if got := map[int]string{0: "0", 1: "1"}[code]; row["exit_code"] != got || (r.code == 0) != (code == 0) {
		s.fatalf("errand %s ended with %s, want %d:\n%s\n%s", name, row["exit_code"], code, row["stdout"], row["stderr"])
	}
	archives, err := filepath.Glob(filepath.Join(logs, "*.tgz"))
	if err != nil || len(archives) != 1 {
		s.t.Errorf("logs: %v, %v", archives, err)
	}
	return result{row["stdout"], row["stderr"], code}
}

// errandRelease is the release with the errands alone, and with programs that have
// been compiled already: what is compiled here is a copy.
func (s *stack) errandRelease() string {
	s.t.Helper()
	dir := s.t.TempDir()
	write := func(name, text string) {
		s.t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
	write("config/final.yml", "name: pks\n")
	write("config/blobs.yml", "{}\n")
	write("packages/pks/spec", "name: pks\nfiles: [errands/*]\n")
	write("packages/pks/packaging", "set -eu\nmkdir -p \"$BOSH_INSTALL_TARGET/bin\"\ncp errands/* \"$BOSH_INSTALL_TARGET/bin/\"\n")
	for _, name := range errandJobs() {
		if err := os.CopyFS(filepath.Join(dir, "jobs", name), os.DirFS(filepath.Join("..", "jobs", name))); err != nil {
			s.t.Fatal(err)
		}
		program, err := os.ReadFile(filepath.Join(jobPrograms(), name))
		if err != nil {
			s.t.Fatalf("%v: make build builds it", err)
		}
		write(filepath.Join("src/errands", name), string(program))
	}
	archive := filepath.Join(dir, "pks.tgz")
	s.must(s.bosh("create-release", "--dir", dir, "--force", "--name", "pks", "--version", "1.2.3", "--tarball", archive))
	return archive
}

func (s *stack) errandManifest(redeploy string) []byte {
	s.t.Helper()
	ca, err := os.ReadFile(s.caFile())
	if err != nil {
		s.t.Fatal(err)
	}
	type object = map[string]any
	server := func(url string, more object) object {
		all := object{"url": url, "ca": string(ca)}
		for key, value := range more {
			all[key] = value
		}
		return all
	}
	properties := func(more object) object {
		all := object{
			"api":              server(s.apiURL(), nil),
			"uaa":              server(s.uaaURL(), object{"client_secret": s.secret("pks_errands_client_secret")}),
			"polling_interval": "100ms",
		}
		for key, value := range more {
			all[key] = value
		}
		return all
	}
	job := func(name string, more object) object {
		return object{"name": name, "release": "pks", "properties": properties(more)}
	}
	text, err := yaml.Marshal(object{
		"name":      "pks",
		"releases":  []object{{"name": "pks", "version": "latest"}, {"name": "bpm", "version": "latest"}},
		"stemcells": []object{{"alias": "default", "os": "ubuntu-xenial", "version": "latest"}},
		"update":    object{"canaries": 1, "max_in_flight": 1, "canary_watch_time": "1000-60000", "update_watch_time": "1000-60000"},
		"instance_groups": []object{{
			"name": "pivotal-container-service", "instances": 1, "azs": []string{"z1"}, "vm_type": "small", "stemcell": "default",
			"networks": []object{{"name": "default"}},
			"jobs": []object{
				{"name": "bpm", "release": "bpm"},
				job("upgrade-all-clusters", object{"redeploy": redeploy, "max_in_flight": 2, "canary_selection": object{"names": []string{"two"}}}),
				job("delete-all-clusters", object{
					"broker": server(s.url(3), object{"username": "broker", "password": s.secret("broker_password")}),
				}),
				job("smoke-tests", object{"plan": "small"}),
			},
		}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}
