package jobs_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/cfcr/jobs"
	"github.com/pks-community/pks-release/src/local/kubernetes"
	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/agent"
)

// packages are the folders of built components, by the names that they have below packages/; the test is
// skipped where they have not been built.
func packages(t *testing.T) map[string]string {
	t.Helper()
	recipes, err := kubernetes.FindRecipes("", "../../../../tools/kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := kubernetes.DefaultDir()
	if err != nil {
		t.Skip(err)
	}
	built, err := kubernetes.Open(dir, recipes).Binaries()
	if errors.Is(err, kubernetes.ErrNotBuilt) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	out := maps.Clone(built.Packages)
	for _, release := range built.Kubernetes {
		out["kubernetes-"+release.Version] = release.Dir
	}
	return out
}

// plain runs plans as plain processes, one folder per machine: simulated machines without their agent.
type plain struct {
	*testing.T
	dir     string
	hosts   string
	version string
	specs   []machine.Spec
	running map[string]*exec.Cmd
}

func (p *plain) environment(spec machine.Spec) jobs.Environment {
	return jobs.Environment{
		Simulated: true, Vcap: p.vcap(spec), Address: spec.IPs[0], Kubernetes: p.version, APIBalancer: p.master() + ":8443",
	}
}

func (p *plain) vcap(spec machine.Spec) string {
	return filepath.Join(p.dir, fmt.Sprintf("%s-%d", spec.Group, spec.Index))
}

func (p *plain) master() string {
	for _, spec := range p.specs {
		if spec.Group == "master" {
			return spec.IPs[0].String()
		}
	}
	return ""
}

// apply lays a machine's files out.
func (p *plain) apply(spec machine.Spec) agent.Plan {
	p.Helper()
	plan, _, err := jobs.Render(spec, p.environment(spec))
	if err != nil {
		p.Fatal(err)
	}
	for name, dir := range packages(p.T) {
		if name == "kubernetes-"+p.version {
			name = "kubernetes"
		}
		link := filepath.Join(p.vcap(spec), "packages", name)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			p.Fatal(err)
		}
		if err := os.Symlink(dir, link); err != nil && !errors.Is(err, fs.ErrExist) {
			p.Fatal(err)
		}
	}
	for _, job := range plan.Jobs {
		for _, file := range job.Files {
			if err := os.MkdirAll(filepath.Dir(file.Path), 0o755); err != nil {
				p.Fatal(err)
			}
			if err := os.WriteFile(file.Path, file.Content, fs.FileMode(file.Mode)); err != nil {
				p.Fatal(err)
			}
		}
	}
	var hosts bytes.Buffer
	for name, addresses := range jobs.Hosts(spec, p.environment(spec), func(netip.Addr) bool { return true }) {
		for _, a := range addresses {
			fmt.Fprintf(&hosts, "%s %s\n", a, name)
		}
	}
	if err := os.WriteFile(p.hosts, hosts.Bytes(), 0o644); err != nil {
		p.Fatal(err)
	}
	return plan
}

func (p *plain) command(c agent.Command) *exec.Cmd {
	ctx := context.WithoutCancel(p.Context())
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Env = append(os.Environ(), "PKS_HOSTS_FILE="+p.hosts)
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		cmd.Env = append(cmd.Env, name+"="+c.Env[name])
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func (p *plain) hook(plan agent.Plan, when machine.Script, next machine.Next) {
	p.Helper()
	for _, job := range plan.Jobs {
		c, has := job.Hooks[when]
		if !has {
			continue
		}
		cmd := p.command(c)
		for name, value := range next.Environment() {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		began := time.Now()
		out, err := cmd.CombinedOutput()
		p.Logf("%s of %s took %s: %s", when, job.Name, time.Since(began).Round(10*time.Millisecond), out)
		if err != nil {
			p.Fatalf("%s of %s: %v\n%s", when, job.Name, err, out)
		}
	}
}

// start starts the processes in order, each when the one before it serves.
func (p *plain) start(plan agent.Plan) {
	p.Helper()
	for _, job := range plan.Jobs {
		for _, process := range job.Processes {
			if err := os.MkdirAll(filepath.Dir(process.Log), 0o755); err != nil {
				p.Fatal(err)
			}
			log, err := os.OpenFile(process.Log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
			if err != nil {
				p.Fatal(err)
			}
			cmd := p.command(process.Command)
			cmd.Stdout, cmd.Stderr = log, log
			if err := cmd.Start(); err != nil {
				p.Fatal(err)
			}
			_ = log.Close()
			p.running[process.Log] = cmd
			began := time.Now()
			p.ready(process)
			p.Logf("%s serves after %s", process.Name, time.Since(began).Round(10*time.Millisecond))
		}
	}
}

func (p *plain) ready(process agent.Process) {
	p.Helper()
	client := &http.Client{
		Timeout:   2 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
	}
	serves := func() bool {
		switch probe := process.Ready; {
		case probe.TCP != "":
			conn, err := net.Dial("tcp", probe.TCP)
			if err == nil {
				_ = conn.Close()
			}
			return err == nil
		default:
			response, err := client.Get(probe.HTTPS + probe.HTTP)
			if err == nil {
				_ = response.Body.Close()
			}
			return err == nil && response.StatusCode == http.StatusOK
		}
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(90 * time.Second)
	for !serves() {
		select {
		case <-tick.C:
		case <-limit:
			text, _ := os.ReadFile(process.Log)
			p.Fatalf("%s does not serve:\n%s", process.Name, text[max(0, len(text)-4000):])
		}
	}
}

// stop stops a machine's processes in reverse order.
func (p *plain) stop(plan agent.Plan) {
	p.Helper()
	for _, job := range slices.Backward(plan.Jobs) {
		for _, process := range slices.Backward(job.Processes) {
			cmd := p.running[process.Log]
			if cmd == nil {
				continue
			}
			delete(p.running, process.Log)
			_ = cmd.Process.Signal(syscall.SIGTERM)
			timer := time.AfterFunc(process.StopTimeout, func() { _ = cmd.Process.Kill() })
			_ = cmd.Wait()
			timer.Stop()
		}
	}
}

func (p *plain) kill() {
	for _, cmd := range p.running {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	}
}

// up brings a machine up as the Director would.
func (p *plain) up(spec machine.Spec) agent.Plan {
	p.Helper()
	plan := p.apply(spec)
	p.hook(plan, machine.PreStart, machine.Stay)
	p.start(plan)
	p.hook(plan, machine.PostStart, machine.Stay)
	return plan
}

func (p *plain) errand(plan agent.Plan, job string) string {
	p.Helper()
	for _, j := range plan.Jobs {
		if j.Name == job {
			began := time.Now()
			out, err := p.command(*j.Errand).CombinedOutput()
			p.Logf("%s took %s", job, time.Since(began).Round(10*time.Millisecond))
			if err != nil {
				p.Fatalf("%s: %v\n%s", job, err, out)
			}
			return string(out)
		}
	}
	p.Fatalf("no errand %s", job)
	return ""
}

func (p *plain) group(name string) []machine.Spec {
	return slices.DeleteFunc(slices.Clone(p.specs), func(s machine.Spec) bool { return s.Group != name })
}

// kubectl asks a cluster as its administrator.
func (p *plain) kubectl(args ...string) string {
	p.Helper()
	first := p.vcap(p.group("master")[0])
	out, err := p.command(agent.Command{
		Args: append([]string{filepath.Join(first, "packages/kubernetes/bin/kubectl")}, args...),
		Env:  map[string]string{"KUBECONFIG": filepath.Join(first, "jobs/kube-apiserver/config/kubeconfig")},
	}).CombinedOutput()
	if err != nil {
		p.Fatalf("kubectl %s: %v\n%s", args, err, out)
	}
	return string(out)
}

// members are the names that a master's etcd has on its list.
func (p *plain) members(of machine.Spec) []string {
	p.Helper()
	config := filepath.Join(p.vcap(of), "jobs/etcd/config/")
	out, err := p.command(agent.Command{
		Args: []string{filepath.Join(p.vcap(of), "packages/etcdctl/bin/etcdctl"), "member", "list", "-w", "simple"},
		Env: map[string]string{
			"ETCDCTL_ENDPOINTS": "https://" + of.IPs[0].String() + ":2379", "ETCDCTL_INSECURE_SKIP_TLS_VERIFY": "true",
			"ETCDCTL_CERT": config + "/etcdctl.crt", "ETCDCTL_KEY": config + "/etcdctl.key",
		},
	}).Output()
	if err != nil {
		p.Fatalf("list members: %v", err)
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		names = append(names, strings.Split(line, ", ")[2])
	}
	slices.Sort(names)
	return names
}

func real(t *testing.T, version, subnet string) *plain {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	if packages(t)["kubernetes-"+version] == "" {
		t.Skipf("Kubernetes %s is not built", version)
	}
	p := &plain{T: t, dir: t.TempDir(), version: version, running: map[string]*exec.Cmd{}}
	p.hosts = filepath.Join(p.dir, "hosts")
	t.Cleanup(p.kill)
	return p
}

// TestRealCluster runs what was rendered for simulated machines: real etcd members and API servers that
// take all flags and files, nodes played by kwok, add-ons, smoke tests, drains and deletion.
func TestRealCluster(t *testing.T) {
	for _, c := range []struct{ version, manifest, subnet string }{
		{"1.36.3", "newer-kubernetes", "127.98.0.0/16"},
		{"1.35.4", "kubernetes-profile", "127.97.0.0/16"},
	} {
		t.Run(c.version, func(t *testing.T) {
			p := real(t, c.version, c.subnet)
			p.specs = newResolver(t, c.subnet).resolve(manifests(t)[c.manifest])
			masters := map[int]agent.Plan{}
			for _, spec := range p.group("master") {
				masters[spec.Index] = p.up(spec)
			}
			workers := map[int]agent.Plan{}
			for _, spec := range p.group("worker") {
				workers[spec.Index] = p.up(spec)
			}
			p.errand(p.apply(p.group("apply-addons")[0]), "apply-specs")
			if out := p.errand(masters[0], "smoke-tests"); !strings.Contains(out, "Pods run.") {
				t.Error(out)
			}

			first := p.group("worker")[0]
			node := first.IPs[0].String()
			p.kubectl("label", "node", node, "mine=kept")
			p.hook(workers[0], machine.Drain, machine.DeleteMachine)
			if out := p.kubectl("get", "node", node, "-o", "jsonpath={.spec.unschedulable}"); out != "true" {
				t.Errorf("a drained node takes pods: %q", out)
			}
			p.stop(workers[0])
			workers[0] = p.up(first)
			if out := p.kubectl("get", "node", node, "-o", "jsonpath={.spec.unschedulable} {.metadata.labels.mine} {.metadata.labels.bosh\\.id}"); out != " kept "+first.ID {
				t.Errorf("the node that came back: %q", out)
			}
			p.hook(workers[0], machine.Drain, machine.DeleteInstance)
			p.stop(workers[0])
			if out := p.kubectl("get", "nodes", "-o", "name"); strings.Contains(out, node) || strings.Count(out, "\n") != len(workers)-1 {
				t.Errorf("nodes after the deletion of %s: %s", node, out)
			}
		})
	}
}

// TestRealMastersComeAndGo: etcd members join, come back without their disk, and leave.
func TestRealMastersComeAndGo(t *testing.T) {
	const subnet = "127.96.0.0/16"
	p := real(t, "1.36.3", subnet)
	p.specs = newResolver(t, subnet).resolve(manifests(t)["ha-three-azs"])
	masters := p.group("master")
	slices.SortFunc(masters, func(a, b machine.Spec) int { // the bootstrap instance first
		if a.Bootstrap != b.Bootstrap {
			return map[bool]int{true: -1, false: 1}[a.Bootstrap]
		}
		return a.Index - b.Index
	})
	plans := make([]agent.Plan, len(masters))
	var all []string
	for i, spec := range masters {
		plans[i] = p.up(spec)
		all = append(all, spec.ID)
		slices.Sort(all)
		if diff := cmp.Diff(all, p.members(masters[0])); diff != "" {
			t.Fatalf("members after the start of %d (-want +got):\n%s", i, diff)
		}
	}

	// A restart keeps the member, a lost disk replaces it: also that of the bootstrap instance.
	for _, i := range []int{1, 0} {
		p.hook(plans[i], machine.Drain, machine.DeleteMachine)
		p.stop(plans[i])
		if err := os.RemoveAll(filepath.Join(p.vcap(masters[i]), "store")); err != nil {
			t.Fatal(err)
		}
		plans[i] = p.up(masters[i])
		if diff := cmp.Diff(all, p.members(masters[2])); diff != "" {
			t.Fatalf("members after the loss of the disk of %d (-want +got):\n%s", i, diff)
		}
	}
	p.kubectl("create", "configmap", "told")

	// The deletion of a deployment leaves members alone, that of an instance does not.
	p.hook(plans[2], machine.Drain, machine.DeleteDeployment)
	if got := p.members(masters[0]); len(got) != 3 {
		t.Errorf("members: %v", got)
	}
	for _, i := range []int{2, 1} {
		p.hook(plans[i], machine.Drain, machine.DeleteInstance)
		p.stop(plans[i])
	}
	if diff := cmp.Diff([]string{masters[0].ID}, p.members(masters[0])); diff != "" {
		t.Errorf("members in the end (-want +got):\n%s", diff)
	}
	p.kubectl("get", "configmap", "told")
}
