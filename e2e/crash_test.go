package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// status is what the tests read of "pks-local status --json".
type status struct {
	PID      int `json:"pid"`
	Children []struct {
		Name     string `json:"name"`
		PID      int    `json:"pid"`
		Restarts int    `json:"restarts"`
	} `json:"children"`
}

func (s *stack) status() status {
	s.t.Helper()
	var st status
	out := s.local("status", "--json").stdout
	if err := json.Unmarshal([]byte(out), &st); err != nil {
		s.fatalf("%v in %q", err, out)
	}
	return st
}

func (s *stack) pid(program string) int {
	s.t.Helper()
	for _, c := range s.status().Children {
		if c.Name == program && c.PID != 0 {
			return c.PID
		}
	}
	s.fatalf("%s does not run", program)
	return 0
}

// Whatever is killed while a cluster is made, the cluster is made, once, and the
// command that waits for it sees it through.
func TestKilledDuringCreate(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"pks-api", "pks-broker"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			s := startStack(t, "--vm-time", "500ms")
			s.login("client", "admin")

			create := s.start("pks", s.env("client"), "create-cluster", "demo", "-e", "demo.pks.local", "-p", "small", "--wait", "--non-interactive")
			create.awaitLine("Updating instance")
			killed := s.pid(program)
			if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if r := create.end(); r.code != 0 {
				t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
			}
			if now := s.pid(program); now == killed {
				t.Errorf("%s still is process %d: it was not killed", program, now)
			}
			if c := s.cluster("demo"); c.State != "succeeded" {
				t.Errorf("the cluster is %+v", c)
			}
			s.madeOnce("demo")
		})
	}
}

// Everything is killed at once; the next start carries out what was accepted.
func TestStackKilledDuringCreate(t *testing.T) {
	t.Parallel()
	s := startStack(t, "--vm-time", "500ms")
	s.login("client", "admin")
	s.must(s.pks("create-cluster", "demo", "-e", "demo.pks.local", "-p", "small", "--non-interactive"))
	if err := syscall.Kill(s.status().PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.up()
	if c := s.settles("demo"); c.State != "succeeded" {
		// A Director that dies loses its running task, as a real one does; the
		// cluster says so and can be removed. Nothing stays "in progress".
		if !strings.Contains(c.Why, "task") {
			t.Errorf("the cluster does not say why: %s", c.Why)
		}
	}
	s.must(s.pks("delete-cluster", "demo", "--wait", "--non-interactive"))
}

// settles waits, event by event, until no operation runs.
func (s *stack) settles(name string) clusterJSON {
	s.t.Helper()
	token, after := s.token("admin"), int64(0)
	for {
		c := s.cluster(name)
		if c.State != "in progress" && c.State != "queued" {
			return c
		}
		a := s.send(request{method: "GET", path: fmt.Sprintf("/v1/clusters/%s/events?wait=10&after=%d", name, after), token: token})
		var events []struct{ Seq int64 }
		if err := json.Unmarshal([]byte(a.body), &events); err != nil {
			s.fatalf("%v in %s", err, a.body)
		}
		if len(events) > 0 {
			after = events[len(events)-1].Seq
		}
	}
}

// madeOnce holds that the Director has run exactly one deploy for the cluster.
func (s *stack) madeOnce(name string) {
	s.t.Helper()
	deployment := "service-instance_" + s.cluster(name).UUID
	var tasks struct {
		Tables []struct {
			Rows []map[string]string
		}
	}
	out := s.must(s.bosh("-d", deployment, "tasks", "--recent", "--json"))
	if err := json.Unmarshal([]byte(out), &tasks); err != nil {
		s.t.Fatal(err)
	}
	counts := map[string]int{}
	for _, row := range tasks.Tables[0].Rows {
		counts[row["description"]]++
	}
	if counts["create deployment"] != 1 {
		s.errorf("tasks of %s: %v, want one deploy", deployment, counts)
	}
}

func (s *stack) bosh(args ...string) result {
	s.t.Helper()
	return s.exec(built.bosh, []string{
		"BOSH_ENVIRONMENT=" + s.directorURL(), "BOSH_CA_CERT=" + s.caFile(),
		"BOSH_CLIENT=bosh_admin", "BOSH_CLIENT_SECRET=" + s.secret("director_admin_client_secret"),
		"BOSH_NON_INTERACTIVE=true", "BOSH_CONFIG=" + filepath.Join(s.dir, "bosh-config"),
	}, args...)
}
