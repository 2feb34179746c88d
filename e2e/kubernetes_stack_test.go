package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
				s.fatalf("copy %s: %v: %s", from, err, out)
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
	out := s.must(s.exec(s.program("pks-local"), nil, "kubernetes", "status", "--json"))
	if err := json.Unmarshal([]byte(out), &status); err != nil || len(status.Kubernetes) != 2 {
		s.fatalf("two versions of Kubernetes should be there (%v):\n%s", err, out)
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
			s.fatalf("%s: %s", what, last)
		}
		<-time.After(500 * time.Millisecond)
	}
}
