package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

// What a real cluster of one master and two workers may take (reference/local-kubernetes.md §7).
const (
	clusterReadyIn = 30 * time.Second
	clusterMemory  = 1 << 30
)

// laptop is an embedded stack with process machines.
type laptop struct {
	t        *testing.T
	bin, dir string
}

func (l *laptop) run(program string, args ...string) string {
	l.t.Helper()
	cmd := exec.Command(filepath.Join(l.bin, program), args...)
	cmd.Env = append(os.Environ(), "PKS_LOCAL_HOME="+l.dir, "PKS_HOME="+filepath.Join(l.dir, "client"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		l.t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// TestThresholdKubernetes makes a cluster of 1+2 in the best isolation that this host allows. It needs
// what 'make kubernetes' builds.
func TestThresholdKubernetes(t *testing.T) {
	if os.Getenv("PKS_BENCH") == "" {
		t.Skip("PKS_BENCH is not set")
	}
	if os.Getenv("PKS_TEST_BIN") == "" {
		t.Skip("PKS_TEST_BIN is not set: pks-local finds its programs and recipes beside itself")
	}
	l := &laptop{t: t, bin: os.Getenv("PKS_TEST_BIN"), dir: filepath.Join(t.TempDir(), "stack")}
	t.Cleanup(func() { l.run("pks-local", "down") })
	l.run("pks-local", "up", "--machines", "process", "--ports-from", "23400")
	var status struct {
		PID       int    `json:"pid"`
		Isolation string `json:"isolation"`
	}
	if err := json.Unmarshal([]byte(l.run("pks-local", "status", "--json")), &status); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(l.dir, "secrets.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var secrets map[string]string
	if err := yaml.Unmarshal(raw, &secrets); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PKS_USER_PASSWORD", secrets["admin_password"])
	l.run("pks", "login", "-a", "https://127.0.0.1:23400", "-u", "admin", "--ca-cert", filepath.Join(l.dir, "tls", "ca.pem"))

	// The first cluster reads the binaries from disk; the second finds them warm.
	var took time.Duration
	for _, name := range []string{"cold", "warm"} {
		began := time.Now()
		l.run("pks", "create-cluster", name, "-e", name+".pks.test", "-p", "small", "--wait", "--non-interactive")
		took = time.Since(began)
		t.Logf("%s: Ready with its add-ons in %s", name, took.Round(10*time.Millisecond))
		if name == "cold" {
			l.run("pks", "delete-cluster", name, "--wait", "--non-interactive")
		}
	}
	memory := int64(0)
	for _, p := range descendants(t, status.PID) {
		if name := nameOf(p); name != "pks-api" && name != "pks-broker" {
			memory += pss(p)
		}
	}
	t.Logf("memory of its machines: %d MB (proportional set size)", memory>>20)
	if took > clusterReadyIn {
		t.Errorf("Ready in %s, more than %s", took, clusterReadyIn)
	}
	if memory > clusterMemory {
		t.Errorf("%d bytes, more than %d", memory, int64(clusterMemory))
	}
}

// descendants are the processes below pid, without itself.
func descendants(t *testing.T, pid int) []int {
	t.Helper()
	children := map[int][]int{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// The name in brackets can hold anything.
		fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
		parent, err := strconv.Atoi(fields[1])
		if err != nil {
			t.Fatal(err)
		}
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		children[parent] = append(children[parent], child)
	}
	var all []int
	for next := children[pid]; len(next) > 0; next = next[1:] {
		all = append(all, next[0])
		next = append(next, children[next[0]]...)
	}
	return all
}

func nameOf(pid int) string {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	name, _, _ := strings.Cut(string(raw), "\x00")
	return filepath.Base(name)
}

// pss is a process's memory in bytes, shared pages divided by those who share them; 0 for one that has ended.
func pss(pid int) int64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "Pss:" {
			kb, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0
			}
			return kb << 10
		}
	}
	return 0
}
