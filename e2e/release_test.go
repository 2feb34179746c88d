package e2e

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/local/erb"
)

// control is the control plane of the BOSH release on one machine, beside an
// embedded stack whose UAA, Director and CredHub it uses.
type control struct {
	*vm
	s   *stack
	url string
}

// jobPrograms is where the programs that jobs run are: of the release that make
// test-release has compiled, else those that make build has made.
func jobPrograms() string {
	if dir := os.Getenv("PKS_TEST_COMPILED"); dir != "" {
		return filepath.Join(dir, "bin")
	}
	return built.bin
}

// startControl deploys and starts the jobs. The database is SQLite unless told
// otherwise.
func startControl(t *testing.T, database map[string]any) *control {
	t.Helper()
	s := startStack(t)
	ports := freePorts(t)
	c := &control{vm: newVM(t, jobPrograms()), s: s, url: "https://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(ports))}
	c.deploy(c.sample(ports, database), nil)
	for _, job := range []string{"pks-broker", "pks-api"} {
		for range 2 { // it may be run again at any time
			c.must(nil, script(job, "pre-start"))
		}
		c.monit("start", job)
	}
	for _, job := range []string{"pks-broker", "pks-api"} {
		c.must(nil, script(job, "post-start"))
		c.must(nil, script(job, "dns/healthy"))
	}
	s.must(s.pks("login", "-a", c.url, "-u", "admin", "-p", s.secret("admin_password"), "--ca-cert", s.caFile()))
	return c
}

// sample is a deployment in which nothing is said twice: the rest comes by links.
func (c *control) sample(ports int, database map[string]any) map[string]map[string]any {
	c.t.Helper()
	certificate := map[string]any{
		"ca": c.text("tls/ca.pem"), "certificate": c.text("tls/server.pem"), "private_key": c.text("tls/server-key.pem"),
	}
	broker, api := c.config("pks-broker"), c.config("pks-api")
	catalog, _ := broker["service_catalog"].(map[string]any)
	credhub, _ := broker["bosh_credhub"].(map[string]any)
	properties := map[string]any{
		"url": c.url, "listen": strings.TrimPrefix(c.url, "https://"), "tls": certificate,
		"uaa":                map[string]any{"url": c.s.uaaURL(), "ca": certificate["ca"], "client_secret": c.s.secret("pks_client_secret")},
		"service_instances":  map[string]any{"password": "list's"},
		"kubernetes_version": api["kubernetes_version"],
		"poll_interval":      "100ms",
		"drain":              map[string]any{"wait_in_seconds": 0},
	}
	if database != nil {
		properties["database"] = database
	}
	return map[string]map[string]any{
		"pks-service-adapter": nil,
		"bbr-pks-api":         nil,
		"pks-broker": {
			"broker":             map[string]any{"port": ports + 1, "bind_address": "127.0.0.1", "password": "broker's", "tls": certificate, "task_poll_interval_in_milliseconds": 100},
			"bosh":               broker["bosh"],
			"bosh_credhub":       map[string]any{"url": credhub["url"], "root_ca_cert": credhub["root_ca_cert"]},
			"service_deployment": broker["service_deployment"],
			"service_catalog":    map[string]any{"plans": catalog["plans"]},
		},
		"pks-api": properties,
	}
}

// config is a configuration file of the embedded stack.
func (c *control) config(program string) map[string]any {
	c.t.Helper()
	var config map[string]any
	if err := yaml.Unmarshal([]byte(c.text("config/"+program+".yml")), &config); err != nil {
		c.t.Fatal(err)
	}
	return config
}

func (c *control) text(name string) string {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.s.dir, name))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// The jobs, with links and certificates as in a deployment, make a cluster, stop in
// order, and go on.
func TestJobsOfTheReleaseMakeACluster(t *testing.T) {
	t.Parallel()
	c := startControl(t, nil)
	s := c.s
	s.must(s.pks("create-cluster", "demo", "-e", "demo.pks.local", "-p", "small", "--wait", "--non-interactive"))
	if out := s.must(s.pks("cluster", "demo")); !strings.Contains(out, "Last Action State:        succeeded\n") {
		t.Errorf("the cluster:\n%s", out)
	}
	s.must(s.pks("get-credentials", "demo"))
	if out := s.must(s.bosh("deployments")); !strings.Contains(out, "service-instance_") {
		t.Errorf("deployments:\n%s", out)
	}

	for _, job := range []string{"pks-api", "pks-broker"} {
		if c.pid(job) == 0 {
			t.Fatalf("%s does not run", job)
		}
		if out := c.must(nil, script(job, "drain"), "job_shutdown", "hash_unchanged"); out != "0\n" {
			t.Errorf("drain of %s prints %q", job, out)
		}
		if pid := c.pid(job); pid != 0 {
			t.Errorf("%s runs as %d after its drain", job, pid)
		}
		if r := c.run(nil, script(job, "dns/healthy")); r.code == 0 {
			t.Errorf("%s is healthy after its drain", job)
		}
		if out := c.must(nil, script(job, "drain"), "job_shutdown", "hash_unchanged"); out != "0\n" {
			t.Errorf("drain of %s without a process prints %q", job, out)
		}
	}
	for _, job := range []string{"pks-broker", "pks-api"} {
		c.must(nil, script(job, "pre-start"))
		c.monit("start", job)
		c.must(nil, script(job, "post-start"))
		c.must(nil, script(job, "dns/healthy"))
	}
	s.must(s.pks("delete-cluster", "demo", "--wait", "--non-interactive"))
}

// What cannot work is refused before anything runs, by the name of the property.
func TestPreStartNamesTheProperty(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	ports := freePorts(t)
	c := &control{vm: newVM(t, jobPrograms()), s: s, url: "https://127.0.0.1:" + strconv.Itoa(ports)}
	jobs := c.sample(ports, nil)
	jobs["pks-api"]["poll_interval"] = "5h"
	bosh := map[string]any{"url": "https://127.0.0.1:1", "authentication": map[string]any{"basic": map[string]any{"username": "director"}}}
	jobs["pks-broker"]["bosh"] = bosh
	c.deploy(jobs, map[string]erb.Link{})
	for job, want := range map[string]string{"pks-api": "poll_interval is 5h0m0s", "pks-broker": "authentication.basic.password can't be empty"} {
		r := c.run(nil, script(job, "pre-start"))
		if said := r.stdout + r.stderr; r.code == 0 || !strings.Contains(said, want) || !strings.Contains(said, "BOSH job "+job) {
			t.Errorf("%s: exit code %d: %s", job, r.code, said)
		}
	}
}

// A post-start script gives up by itself, and says what is the matter.
func TestPostStartHasADeadline(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	ports := freePorts(t)
	c := &control{vm: newVM(t, jobPrograms()), s: s, url: "https://127.0.0.1:" + strconv.Itoa(ports)}
	jobs := c.sample(ports, nil)
	for _, job := range []string{"pks-api", "pks-broker"} {
		jobs[job]["post_start"] = map[string]any{"timeout_in_seconds": 1}
	}
	c.deploy(jobs, nil)
	for _, job := range []string{"pks-api", "pks-broker"} {
		if r := c.run(nil, script(job, "post-start")); r.code == 0 || !strings.Contains(r.stderr, "connection refused") {
			t.Errorf("%s: exit code %d: %s", job, r.code, r.stderr)
		}
	}
}

// names are the clusters that the API of the jobs lists.
func (c *control) names() map[string]bool {
	c.t.Helper()
	var all []struct {
		Name string `json:"name"`
	}
	out := c.s.must(c.s.pks("clusters", "--json"))
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		c.t.Fatalf("%v: %s", err, out)
	}
	names := map[string]bool{}
	for _, cluster := range all {
		names[cluster.Name] = true
	}
	return names
}
