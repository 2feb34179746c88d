package jobs_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/cfcr/jobs"
	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/agent"
)

// packages are the folders of built components, by the names that they have below packages/; the test is
// skipped where they have not been built.
func packages(t *testing.T) map[string]string {
	t.Helper()
	built := jobs.Binaries(t)
	out := maps.Clone(built.Packages)
	for _, release := range built.Kubernetes {
		out["kubernetes-"+release.Version] = release.Dir
	}
	return out
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
	if os.Getenv("PKS_TEST_KUBERNETES") == "" {
		t.Skip("it takes half a minute: 'make test-kubernetes' runs it")
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
