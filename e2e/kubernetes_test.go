package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

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
			s.errorf("%s asks the other pod and hears %q", pod, out)
		}
		if out := s.must(s.kubectl("logs", pod)); !strings.Contains(out, "listens on") {
			s.errorf("the log of %s:\n%s", pod, out)
		}
	}
}

// wholeLife takes a cluster of 1+2 from its creation to its end, with everything that may befall it.
func wholeLife(t *testing.T, mode string) {
	t.Helper()
	s := realStack(t, mode)
	s.login("client", "admin")
	took := s.create("demo", "small")
	t.Logf("a cluster of 1+2 was Ready in %s", took.Round(time.Millisecond))
	s.life("demo")
	s.trouble()
	s.crash()
	s.upgradeUnderLoad("demo", 1, 2)
	s.must(s.pks("delete-cluster", "demo", "--wait", "--non-interactive"))
}

func TestKubernetesRoot(t *testing.T) { wholeLife(t, "root") }

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

func TestKubernetesRootless(t *testing.T) { wholeLife(t, "rootless") }

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
			s.errorf("not every node has the label %s: %s", want, labels)
		}
	}
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
		s.errorf("after the upgrade:\n%s", out)
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
		s.errorf("only %d requests were made", asked)
	}
	if masters > 1 && len(failed) > 0 {
		s.errorf("failed requests:\n%s", strings.Join(failed[:min(len(failed), 20)], "\n"))
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
