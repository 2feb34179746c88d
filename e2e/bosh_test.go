package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// table is one table of the bosh CLI's --json output.
type table struct {
	Content string
	Rows    []map[string]string
}

func (s *stack) boshTables(args ...string) []table {
	s.t.Helper()
	var out struct{ Tables []table }
	text := s.must(s.bosh(append(args, "--json")...))
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		s.fatalf("%v in %s", err, text)
	}
	if len(out.Tables) == 0 {
		s.fatalf("no table in %s", text)
	}
	return out.Tables
}

// The public bosh CLI sees the cluster that pks has made.
func TestBOSHCLIIsAWitness(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	s.login("client", "admin")
	s.must(s.pks("create-cluster", "demo", "-e", "demo.pks.local", "-p", "small", "--wait", "--non-interactive"))
	cluster := s.cluster("demo")
	deployment := "service-instance_" + cluster.UUID

	env := s.boshTables("env")[0].Rows[0]
	if env["user"] != "bosh_admin" || env["name"] == "" || env["uuid"] == "" {
		t.Errorf("env: %v", env)
	}

	deployments := s.boshTables("deployments")[0].Rows
	if len(deployments) != 1 || deployments[0]["name"] != deployment ||
		!strings.Contains(deployments[0]["release_s"], "kubo/") || !strings.Contains(deployments[0]["stemcell_s"], "ubuntu") {
		t.Errorf("deployments: %v", deployments)
	}

	vms := s.boshTables("-d", deployment, "vms")[0].Rows
	groups := map[string]int{}
	for _, vm := range vms {
		group, _, _ := strings.Cut(vm["instance"], "/")
		groups[group]++
		if vm["process_state"] != "running" || vm["active"] != "true" || !strings.HasPrefix(vm["ips"], "127.") || vm["az"] == "" {
			t.Errorf("vm: %v", vm)
		}
		if group == "master" && vm["ips"] != cluster.IPs[0] {
			t.Errorf("the master has %s, pks says %v", vm["ips"], cluster.IPs)
		}
	}
	if diff := cmp.Diff(map[string]int{"master": 1, "worker": 2}, groups); diff != "" {
		t.Errorf("vms by group:\n%s", diff)
	}

	instances := s.boshTables("-d", deployment, "instances", "--ps")[0].Rows
	var processes []string
	for _, i := range instances {
		processes = append(processes, i["process"])
	}
	for _, want := range []string{"kube-apiserver", "etcd", "kubelet"} {
		if !strings.Contains(strings.Join(processes, " "), want) {
			t.Errorf("%s is not among the processes %v", want, processes)
		}
	}

	manifest := s.must(s.bosh("-d", deployment, "manifest"))
	for _, want := range []string{"name: " + deployment, "instance_groups:", "name: kube-apiserver", "((kubo-admin-password))"} {
		if !strings.Contains(manifest, want) {
			t.Errorf("%q is not in the manifest", want)
		}
	}
	if strings.Contains(manifest, "PRIVATE KEY") {
		t.Error("the manifest holds a private key")
	}
	var wrapped struct{ Blocks []string }
	if err := json.Unmarshal([]byte(s.must(s.bosh("-d", deployment, "manifest", "--json"))), &wrapped); err != nil {
		t.Fatal(err)
	}
	if len(wrapped.Blocks) != 1 || !strings.Contains(wrapped.Blocks[0], "name: "+deployment) {
		t.Errorf("manifest --json: %d blocks", len(wrapped.Blocks))
	}

	tasks := s.boshTables("-d", deployment, "tasks", "--recent")[0].Rows
	deploy := ""
	for _, task := range tasks {
		if task["state"] != "done" {
			t.Errorf("task: %v", task)
		}
		if task["description"] == "create deployment" {
			deploy = task["id"]
		}
	}
	if deploy == "" {
		t.Fatalf("no deploy among %v", tasks)
	}
	s.checkTask(deploy, "worker/")
	if r := s.bosh("-d", deployment, "task", "99999"); r.code == 0 || !strings.Contains(r.stdout+r.stderr, "not found") {
		t.Errorf("a task that does not exist: %+v", r)
	}
}

// checkTask reads the task as people do, as JSON, and as raw events.
func (s *stack) checkTask(id, subject string) {
	s.t.Helper()
	text := s.must(s.bosh("--tty", "task", id))
	if !strings.Contains(text, "Task "+id+" done") || !strings.Contains(text, subject) {
		s.errorf("task %s:\n%s", id, text)
	}
	var out struct{ Lines []string }
	if err := json.Unmarshal([]byte(s.must(s.bosh("task", id, "--json"))), &out); err != nil {
		s.t.Error(err)
	}
	events := s.must(s.bosh("task", id, "--event"))
	seen := map[string]bool{}
	for _, line := range strings.Split(events, "\n") {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "{") {
			continue
		}
		var event struct {
			Stage, Task, State string
			Tags               []string
			Total, Index       int
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			s.errorf("%v in %s", err, line)
			continue
		}
		seen[fmt.Sprintf("%s %v %s", event.Stage, event.Tags, event.State)] = true
	}
	for _, want := range []string{"Preparing deployment [] finished", "Updating instance [master] finished", "Updating instance [worker] finished"} {
		if !seen[want] {
			s.errorf("no event %q among %v", want, seen)
		}
	}
}
