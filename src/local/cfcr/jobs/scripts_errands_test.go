package jobs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestApplySpecs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		nodes   int
		env     map[string]string
		failing string
		want    []string
		fails   bool
	}{
		"several workers": {nodes: 2, want: []string{
			"kubectl apply -f dns", "kubectl get nodes --no-headers -o name", "kubectl apply -f budget",
			"kubectl rollout status --namespace kube-system deployment/coredns", "kubectl apply -f mine",
		}},
		"one worker": {nodes: 1, want: []string{
			"kubectl apply -f dns", "kubectl get nodes --no-headers -o name", "kubectl delete -f budget --ignore-not-found",
			"kubectl rollout status --namespace kube-system deployment/coredns", "kubectl apply -f mine",
		}},
		"nothing of our own": {env: map[string]string{"COREDNS": ""}, want: []string{"kubectl apply -f mine"}},
		"nothing at all":     {env: map[string]string{"COREDNS": "", "ADDONS": ""}},
		"no rollout": {nodes: 2, failing: "rollout*", fails: true, want: []string{
			"kubectl apply -f dns", "kubectl get nodes --no-headers -o name", "kubectl apply -f budget",
			"kubectl rollout status --namespace kube-system deployment/coredns",
		}},
		"wrong add-ons": {env: map[string]string{"COREDNS": ""}, failing: "*mine", fails: true, want: []string{
			"kubectl apply -f mine", "kubectl apply -f mine", "kubectl apply -f mine", "kubectl apply -f mine", "kubectl apply -f mine", "kubectl apply -f mine",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, map[string]string{"COREDNS": "dns", "COREDNS_DISRUPTION": "budget", "ADDONS": "mine"})
			for name, value := range c.env {
				s.env[name] = value
			}
			s.recorded("kubectl", c.failing, "refused")
			s.file("bin/kubectl", strings.Replace(read(t, s, "bin/kubectl"), "case", fmt.Sprintf("if [[ $* == *nodes* ]]; then seq %d; fi\ncase", c.nodes), 1), 0o755)
			ok, out := s.run("apply-specs.sh")
			if ok == c.fails {
				t.Errorf("well: %t\n%s", ok, out)
			}
			if diff := cmp.Diff(c.want, s.calls()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

func read(t *testing.T, s *stage, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSmokeTests(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		nodes, failing, says string
		fails                bool
	}{
		"well":                 {nodes: "a True\nb True", says: "Pods run."},
		"a node not ready":     {nodes: "a True\nb Unknown", says: "Node b is not ready.", fails: true},
		"no nodes":             {nodes: "", says: "The cluster has no nodes.", fails: true},
		"no API":               {nodes: "a True", failing: "*readyz*", says: "refused", fails: true},
		"pods that do not run": {nodes: "a True", failing: "rollout*", says: "refused", fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, map[string]string{"IMAGE": "localhost/pause:1", "NODES": c.nodes})
			s.recorded("kubectl", c.failing, "refused")
			s.file("bin/kubectl", strings.Replace(read(t, s, "bin/kubectl"), "case", "if [[ $* == *nodes* ]]; then printf '%s' \"$NODES\"; fi\ncase", 1), 0o755)
			ok, out := s.run("smoke-tests.sh")
			if ok == c.fails || !strings.Contains(out, c.says) {
				t.Errorf("well: %t\n%s", ok, out)
			}
			all := strings.Join(s.calls(), "\n")
			if strings.Contains(all, "create namespace") != strings.Contains(all, "delete namespace") {
				t.Errorf("the namespace is left:\n%s", all)
			}
		})
	}
}
