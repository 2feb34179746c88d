package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests in this file run real Kubernetes. They need minutes and what 'make kubernetes' builds, so
// 'make test-kubernetes' asks for them by PKS_TEST_KUBERNETES, which lists the modes.

// realMachines is what the tests know of a stack with process machines.
type realMachines struct {
	mode         string
	older, newer string // versions of Kubernetes
	kubectl      string
	cache        string // what 'make kubernetes' has built
}

// nobody runs rootless stacks when the tests run as root.
const nobody = 65534

// realStack starts a stack whose machines are real.
func realStack(t *testing.T, mode string) *stack {
	t.Helper()
	if !strings.Contains(","+os.Getenv("PKS_TEST_KUBERNETES")+",", ","+mode+",") {
		t.Skip("not asked for: 'make test-kubernetes' runs it")
	}
	if mode == "root" && os.Getuid() != 0 {
		t.Skip("machines of mode root need root")
	}
	// Not t.TempDir: the folders above have to be open to whom the stack runs as, and paths short.
	scratch, err := os.MkdirTemp("", "pks-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(scratch); err != nil {
			t.Errorf("the stack's files cannot be removed: %v", err)
		}
	})
	s := &stack{t: t, dir: filepath.Join(scratch, "pks local"), bin: built.bin, real: &realMachines{mode: mode, cache: kubernetesCache(t)}}
	if mode != "root" && os.Getuid() == 0 {
		s.as = &syscall.Credential{Uid: nobody, Gid: nobody}
		s.handOver(scratch)
	}
	s.readVersions()
	s.flags = []string{"--machines", "process", "--isolation", mode, "--kubernetes", s.real.older}
	before := lookAtKernel(t)
	t.Cleanup(func() { before.checkNothingLeft(t, s.dir) })
	return begin(t, s)
}

// handOver makes the programs and the built Kubernetes readable for nobody: they may lie under a home
// that is closed to others.
func (s *stack) handOver(scratch string) {
	s.t.Helper()
	bin, cache := filepath.Join(scratch, "bin"), filepath.Join(scratch, "kubernetes")
	recipes := filepath.Join(scratch, "tools", "kubernetes")
	if err := os.MkdirAll(filepath.Dir(recipes), 0o755); err != nil {
		s.t.Fatal(err)
	}
	for from, to := range map[string]string{s.bin: bin, s.real.cache: cache, filepath.Join("..", "tools", "kubernetes"): recipes} {
		// Hard links where that is possible, copies where not.
		if exec.Command("cp", "-al", from+"/.", to+"/").Run() != nil {
			if err := os.RemoveAll(to); err != nil {
				s.t.Fatal(err)
			}
			if out, err := exec.Command("cp", "-a", from+"/.", to+"/").CombinedOutput(); err != nil {
				s.t.Fatalf("copy %s: %v: %s", from, err, out)
			}
		}
	}
	s.bin, s.real.cache = bin, cache
	for _, dir := range []string{scratch, bin, cache} {
		if err := os.Chmod(dir, 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := os.Chown(scratch, nobody, nobody); err != nil {
		s.t.Fatal(err)
	}
}

func kubernetesCache(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("PKS_KUBERNETES_CACHE"); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "pks-local", "kubernetes")
}

// readVersions asks which versions of Kubernetes have been built.
func (s *stack) readVersions() {
	s.t.Helper()
	var status struct {
		Kubernetes []struct{ Version, Dir string } `json:"kubernetes"`
	}
	out := s.must(s.exec(filepath.Join(s.bin, "pks-local"), nil, "kubernetes", "status", "--json"))
	if err := json.Unmarshal([]byte(out), &status); err != nil || len(status.Kubernetes) != 2 {
		s.t.Fatalf("two versions of Kubernetes should be there (%v):\n%s", err, out)
	}
	s.real.older, s.real.newer = status.Kubernetes[0].Version, status.Kubernetes[1].Version
	s.real.kubectl = filepath.Join(status.Kubernetes[1].Dir, "bin", "kubectl")
}

// kubectl runs the kubectl that was built, which finds clusters by the stack's hosts file.
func (s *stack) kubectl(args ...string) result {
	s.t.Helper()
	env := append(s.env("client"), "PKS_HOSTS_FILE="+filepath.Join(s.dir, "machines", "hosts"))
	return s.exec(s.real.kubectl, env, args...)
}

// create makes a cluster, logs in to it and returns the time until its nodes were Ready.
func (s *stack) create(name, plan string) time.Duration {
	s.t.Helper()
	began := time.Now()
	s.must(s.pks("create-cluster", name, "-e", name+".pks.test", "-p", plan, "--wait", "--non-interactive"))
	took := time.Since(began)
	s.must(s.pks("get-credentials", name))
	return took
}

// nodes are the nodes by name, with their kubelet's version and whether they are Ready.
func (s *stack) nodes() map[string]string {
	s.t.Helper()
	out := s.must(s.kubectl("get", "nodes", "-o", `jsonpath={range .items[*]}{.metadata.name} {.status.nodeInfo.kubeletVersion} {.status.conditions[?(@.type=="Ready")].status} {.spec.unschedulable}{"\n"}{end}`))
	nodes := map[string]string{}
	for line := range strings.Lines(out) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		nodes[name] = strings.TrimSpace(rest)
	}
	return nodes
}

// wantNodes waits until there are n nodes and all are Ready with the version.
func (s *stack) wantNodes(n int, version string) {
	s.t.Helper()
	s.eventually("nodes", func() string {
		nodes := s.nodes()
		for _, state := range nodes {
			if state != "v"+version+" True" {
				return fmt.Sprint(nodes)
			}
		}
		if len(nodes) != n {
			return fmt.Sprintf("%d nodes, want %d: %v", len(nodes), n, nodes)
		}
		return ""
	})
}

// eventually looks every half second until problem returns nothing.
func (s *stack) eventually(what string, problem func() string) {
	s.t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for {
		last := problem()
		if last == "" {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: %s", what, last)
		}
		<-time.After(500 * time.Millisecond)
	}
}

// workload is an application of two replicas on different nodes that tolerates the loss of one.
const workload = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello}
spec:
  replicas: 2
  strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}
  selector: {matchLabels: {app: hello}}
  template:
    metadata: {labels: {app: hello}}
    spec:
      terminationGracePeriodSeconds: 20
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: hello}}}
      containers:
      - name: hello
        image: localhost/hello:1
        imagePullPolicy: IfNotPresent
        env: [{name: SHUTDOWN_DELAY, value: 6s}]
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: hello}
spec: {minAvailable: 1, selector: {matchLabels: {app: hello}}}
---
apiVersion: v1
kind: Service
metadata: {name: hello}
spec: {selector: {app: hello}, ports: [{port: 80, targetPort: 8080}]}
`

// deploy rolls the workload out.
func (s *stack) deploy() {
	s.t.Helper()
	file := filepath.Join(s.dir, "client", "workload.yml")
	if err := os.WriteFile(file, []byte(workload), 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.must(s.kubectl("apply", "-f", file))
	s.must(s.kubectl("rollout", "status", "deployment/hello", "--timeout=90s"))
}

// checkPods uses what pods are for: names, services, logs and exec.
func (s *stack) checkPods() {
	s.t.Helper()
	s.eventually("service by name", func() string {
		r := s.kubectl("exec", "deploy/hello", "--", "hello", "get", "http://hello.default.svc.cluster.local/")
		if r.code != 0 {
			return r.stdout + r.stderr
		}
		return ""
	})
	var pods, ips []string
	s.eventually("two pods on two nodes", func() string {
		pods, ips = nil, nil
		nodes := map[string]bool{}
		out := s.must(s.kubectl("get", "pods", "-l", "app=hello", "-o", `jsonpath={range .items[*]}{.metadata.name} {.status.podIP} {.spec.nodeName}{"\n"}{end}`))
		for line := range strings.Lines(out) {
			fields := strings.Fields(line)
			if len(fields) == 3 {
				pods, ips, nodes[fields[2]] = append(pods, fields[0]), append(ips, fields[1]), true
			}
		}
		if len(pods) != 2 || len(nodes) != 2 {
			return out
		}
		return ""
	})
	for i, pod := range pods {
		other := "http://" + ips[1-i] + ":8080/"
		if out := s.must(s.kubectl("exec", pod, "--", "hello", "get", other)); !strings.Contains(out, pods[1-i]) {
			s.t.Errorf("%s asks the other pod and hears %q", pod, out)
		}
		if out := s.must(s.kubectl("logs", pod)); !strings.Contains(out, "listens on") {
			s.t.Errorf("the log of %s:\n%s", pod, out)
		}
	}
}

func TestKubernetesRoot(t *testing.T) {
	s := realStack(t, "root")
	s.login("client", "admin")
	took := s.create("demo", "small")
	t.Logf("a cluster of 1+2 was Ready in %s", took.Round(time.Millisecond))
	s.life("demo")
	s.trouble()
	s.crash()
	s.upgradeUnderLoad("demo", 1, 2)
	s.must(s.pks("delete-cluster", "demo", "--wait", "--non-interactive"))
}

// Three masters and two workers: nobody who uses the application or the API may notice an upgrade.
func TestKubernetesHighlyAvailable(t *testing.T) {
	s := realStack(t, "root")
	s.login("client", "admin")
	took := s.create("big", "medium")
	t.Logf("a cluster of 3+2 was Ready in %s", took.Round(time.Millisecond))
	s.wantNodes(2, s.real.older)
	s.deploy()
	s.checkPods()
	s.upgradeUnderLoad("big", 3, 2)
	s.must(s.pks("delete-cluster", "big", "--wait", "--non-interactive"))
}

func TestKubernetesRootless(t *testing.T) {
	s := realStack(t, "rootless")
	s.login("client", "admin")
	took := s.create("demo", "small")
	t.Logf("a cluster of 1+2 was Ready in %s", took.Round(time.Millisecond))
	s.life("demo")
	s.trouble()
	s.crash()
	s.upgradeUnderLoad("demo", 1, 2)
	s.must(s.pks("delete-cluster", "demo", "--wait", "--non-interactive"))
}

// Nodes and pods are simulated here, the control plane is not.
func TestKubernetesKwok(t *testing.T) {
	s := realStack(t, "kwok")
	s.login("client", "admin")
	took := s.create("demo", "small")
	t.Logf("a cluster of 1+2 was Ready in %s", took.Round(time.Millisecond))
	s.wantNodes(2, s.real.older)
	s.deploy()
	s.must(s.pks("resize", "demo", "--num-nodes", "3", "--wait", "--non-interactive"))
	s.wantNodes(3, s.real.older)
	s.must(s.pks("resize", "demo", "--num-nodes", "2", "--wait", "--non-interactive"))
	s.wantNodes(2, s.real.older)
	s.trouble()
	s.upgrade("demo")
	s.wantNodes(2, s.real.newer)
	s.must(s.kubectl("rollout", "status", "deployment/hello", "--timeout=90s"))
	s.must(s.pks("delete-cluster", "demo", "--wait", "--non-interactive"))
}

// life uses a cluster of 1+2 and resizes it up and down.
func (s *stack) life(cluster string) {
	s.t.Helper()
	s.wantNodes(2, s.real.older)
	s.deploy()
	s.checkPods()

	s.must(s.pks("resize", cluster, "--num-nodes", "3", "--wait", "--non-interactive"))
	s.wantNodes(3, s.real.older)
	s.must(s.pks("resize", cluster, "--num-nodes", "2", "--wait", "--non-interactive"))
	s.wantNodes(2, s.real.older)
	s.must(s.kubectl("rollout", "status", "deployment/hello", "--timeout=90s"))

	labels := s.must(s.kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.labels}"))
	for _, want := range []string{`"pks-system/cluster.name":"` + cluster + `"`, "pks-system/cluster.uuid"} {
		if strings.Count(labels, want) != 2 {
			s.t.Errorf("not every node has the label %s: %s", want, labels)
		}
	}
}

// kubelet is the program that is a worker's node.
func (s *stack) kubelet() string {
	if s.real.mode == "kwok" {
		return "kwok"
	}
	return "kubelet"
}

// trouble kills processes and a whole machine, and waits until all is well again.
func (s *stack) trouble() {
	s.t.Helper()
	for _, name := range []string{s.kubelet(), "kube-apiserver"} {
		old := s.killOne(name)
		s.eventually(name+" runs again", func() string {
			for _, p := range s.processes(name) {
				if p != old {
					return ""
				}
			}
			return "not yet"
		})
		s.eventually("the cluster answers again", func() string {
			if r := s.kubectl("get", "--raw", "/readyz"); r.code != 0 {
				return r.stderr
			}
			return ""
		})
		s.wantNodes(2, s.real.older)
	}

	// A whole worker: its first process and with it all others.
	before := s.instances()
	victim := s.agentOf(s.kubelet())
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	s.eventually("the resurrector makes a new machine", func() string {
		now := s.instances()
		if now == before {
			return "the same machines as before"
		}
		if strings.Contains(now, "unresponsive") || strings.Count(now, "running") != strings.Count(before, "running") {
			return now
		}
		return ""
	})
	s.wantNodes(2, s.real.older)
	s.must(s.kubectl("rollout", "status", "deployment/hello", "--timeout=90s"))
}

// crash kills the stack itself. Its machines end with it, and come back with the next start.
func (s *stack) crash() {
	s.t.Helper()
	kubelets := s.processes(s.kubelet())
	if err := syscall.Kill(s.status().PID, syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	s.eventually("the machines end with the stack", func() string {
		for _, pid := range kubelets {
			if raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && len(raw) > 0 {
				return fmt.Sprintf("process %d still runs", pid)
			}
		}
		return ""
	})
	s.up()
	s.eventually("the cluster answers again", func() string {
		if r := s.kubectl("get", "--raw", "/readyz"); r.code != 0 {
			return r.stderr
		}
		return ""
	})
	s.wantNodes(2, s.real.older)
	s.must(s.kubectl("rollout", "status", "deployment/hello", "--timeout=90s"))
	s.checkPods()
}

// upgrade offers the newer version and upgrades the cluster.
func (s *stack) upgrade(cluster string) {
	s.t.Helper()
	s.must(s.local("bump", "--kubernetes", s.real.newer))
	s.must(s.pks("upgrade-cluster", cluster, "--wait", "--non-interactive"))
	if out := s.must(s.kubectl("version")); !strings.Contains(out, "Server Version: v"+s.real.newer) {
		s.t.Errorf("after the upgrade:\n%s", out)
	}
}

// upgradeUnderLoad upgrades while the application and the API are asked all the time. With one master
// the API is away for a while; with three nothing may fail.
func (s *stack) upgradeUnderLoad(cluster string, masters, workers int) {
	s.t.Helper()
	load := s.startLoad(cluster)
	s.upgrade(cluster)
	s.wantNodes(workers, s.real.newer)
	failed, asked := load.stop()
	s.t.Logf("%d requests during the upgrade, %d failed", asked, len(failed))
	if asked < 50 {
		s.t.Errorf("only %d requests were made", asked)
	}
	if masters > 1 && len(failed) > 0 {
		s.t.Errorf("failed requests:\n%s", strings.Join(failed[:min(len(failed), 20)], "\n"))
	}
	// The drains have brought all pods together on one node; new ones spread.
	for _, replicas := range []string{"0", "2"} {
		s.must(s.kubectl("scale", "deployment/hello", "--replicas="+replicas))
		if replicas == "0" {
			s.must(s.kubectl("wait", "--for=delete", "pods", "-l", "app=hello", "--timeout=60s"))
		}
		s.must(s.kubectl("rollout", "status", "deployment/hello", "--timeout=90s"))
	}
	s.checkPods()
}

// processes are the pids of a component's processes that belong to this stack.
func (s *stack) processes(name string) []int {
	s.t.Helper()
	var found []int
	entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, path := range entries {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		program, _, _ := strings.Cut(string(raw), "\x00")
		if filepath.Base(program) != name {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && s.ours(pid) {
			found = append(found, pid)
		}
	}
	return found
}

// ours tells whether a process descends from the stack.
func (s *stack) ours(pid int) bool {
	root := s.status().PID
	for ; pid > 1; pid = parent(pid) {
		if pid == root {
			return true
		}
	}
	return false
}

// parent is 0 for a process that has ended.
func parent(pid int) int {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name in brackets can hold anything.
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	up, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return up
}

// agentOf is the first process of a machine that runs the component.
func (s *stack) agentOf(component string) int {
	s.t.Helper()
	all := s.processes(component)
	if len(all) == 0 {
		s.t.Fatalf("no process %s runs", component)
	}
	for pid := all[0]; pid > 1; pid = parent(pid) {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && strings.Contains(string(raw), "machine-part\x00machine") {
			return pid
		}
	}
	s.t.Fatalf("%s runs on no machine", component)
	return 0
}

func (s *stack) killOne(name string) int {
	s.t.Helper()
	all := s.processes(name)
	if len(all) == 0 {
		s.t.Fatalf("no process %s runs", name)
	}
	if err := syscall.Kill(all[0], syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	return all[0]
}

// instances is what the Director says of its machines, machine ids included.
func (s *stack) instances() string {
	s.t.Helper()
	env := strings.Split(regexp.MustCompile(`(?m)^export `).ReplaceAllString(s.must(s.local("env")), ""), "\n")
	var clean []string
	for _, line := range env {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok {
			clean = append(clean, name+"="+strings.Trim(value, `'"`))
		}
	}
	return s.must(s.exec(built.bosh, clean, "vms", "--column=instance", "--column=process_state", "--column=vm_cid", "--column=agent_id"))
}
