package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/local/cfcr"
)

// quickAdapter answers at once, so that it is the broker that is measured.
const quickAdapter = `#!/bin/sh
IFS= read -r line
case "$1" in
generate-manifest)
	name=${line#*service-instance_}
	printf '{"manifest":"name: service-instance_%s\\ninstance_groups: []\\n"}' "${name%%\\*}" ;;
create-binding) printf '{"credentials":{"token":"x"}}' ;;
*) exit 10 ;;
esac
`

// program finds one of the product's programs: where PKS_TEST_BIN says, or made
// for this run.
func program(t *testing.T, name string) string {
	t.Helper()
	if dir := os.Getenv("PKS_TEST_BIN"); dir != "" {
		return filepath.Join(dir, name)
	}
	path := filepath.Join(t.TempDir(), name)
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", path, "github.com/pks-community/pks-release/src/cmd/"+name)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	return path
}

// runningBroker is a pks-broker process.
type runningBroker struct {
	address string
	pid     int
}

// startBroker runs pks-broker before the Director until the test ends.
func startBroker(t *testing.T, director, adapter string) runningBroker {
	t.Helper()
	if adapter == "" {
		adapter = filepath.Join(t.TempDir(), "adapter")
		if err := os.WriteFile(adapter, []byte(quickAdapter), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	port := freePort(t)
	path := filepath.Join(t.TempDir(), "broker.yml")
	text, err := yaml.Marshal(brokerConfig(port, director, adapter))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program(t, "pks-broker"), "-configFilePath", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var said bytes.Buffer
	up := false
	for !up && lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		up = strings.Contains(lines.Text(), "Listening on ")
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, out)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-drained
		_ = cmd.Wait()
	})
	if !up {
		t.Fatalf("pks-broker does not start: %s", said.String())
	}
	return runningBroker{address: "127.0.0.1:" + strconv.Itoa(port), pid: cmd.Process.Pid}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func brokerConfig(port int, director, adapter string) map[string]any {
	var releases []any
	for _, r := range cfcr.Releases() {
		releases = append(releases, map[string]any{"name": r.Name, "version": r.Version, "jobs": r.JobNames()})
	}
	group := func(name, vmType string, instances int, disk string) map[string]any {
		g := map[string]any{"name": name, "vm_type": vmType, "instances": instances, "networks": []string{"default"}, "azs": []string{"z1"}}
		if disk != "" {
			g["persistent_disk_type"] = disk
		}
		return g
	}
	stemcell := cfcr.Stemcell()
	return map[string]any{
		"broker": map[string]any{
			"port": port, "bind_address": "127.0.0.1", "username": "broker", "password": "secret",
			"use_stdin": true, "disable_cf_startup_checks": true, "shutdown_timeout_in_seconds": 5,
		},
		"bosh":            map[string]any{"url": director, "authentication": map[string]any{"basic": map[string]any{"username": "admin", "password": "pw"}}},
		"service_adapter": map[string]any{"path": adapter},
		"service_deployment": map[string]any{
			"releases":  releases,
			"stemcells": []any{map[string]any{"os": stemcell.OS, "version": stemcell.Version}},
		},
		"service_catalog": map[string]any{
			"id": "service-1", "service_name": "p.pks", "service_description": "Kubernetes clusters", "bindable": true,
			"metadata": map[string]any{"display_name": "PKS"},
			"plans": []any{map[string]any{
				"plan_id": "plan-1", "name": "small", "description": "one master, three workers",
				"instance_groups": []any{group("master", "small", 1, "10GB"), group("worker", "medium", 3, "")},
			}},
		},
	}
}

// residentMB is how much memory a process holds.
func residentMB(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skipf("memory cannot be read here: %v", err)
	}
	for line := range strings.Lines(string(text)) {
		var kb float64
		if _, err := fmt.Sscanf(line, "VmRSS: %f kB", &kb); err == nil {
			return kb / 1024
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// settle waits until what was begun at the Director has ended and been noticed.
func settle() { <-time.After(taskLasts + time.Second) }
