package jobs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKubeletDrain(t *testing.T) {
	t.Parallel()
	const (
		cordon = "kubectl cordon n"
		drain  = "kubectl drain n --timeout=5m --grace-period=10 --force=true --ignore-daemonsets=true --delete-emptydir-data=true"
		ready  = "kubectl get --raw /readyz"
		remove = "kubectl delete node n --ignore-not-found"
		force  = "kubectl delete pods --all-namespaces --field-selector spec.nodeName=n --grace-period=0 --force"
	)
	repeat := func(n int, call string) []string {
		var out []string
		for range n {
			out = append(out, call)
		}
		return out
	}
	for name, c := range map[string]struct {
		stopped          bool
		env              map[string]string
		failing, message string
		want             []string
		fails            bool
	}{
		"a machine that comes back":       {want: []string{cordon, drain}},
		"an instance that goes":           {env: map[string]string{"BOSH_INSTANCE_DELETED": "1"}, want: []string{cordon, drain, remove}},
		"a deployment that goes":          {env: map[string]string{"BOSH_INSTANCE_DELETED": "1", "BOSH_DEPLOYMENT_NEXT_STATE": "delete"}},
		"no kubelet":                      {stopped: true},
		"no kubelet, an instance goes":    {stopped: true, env: map[string]string{"BOSH_INSTANCE_DELETED": "1"}, want: []string{remove}},
		"no API":                          {failing: "*cordon*", message: "connection refused", want: repeat(10, cordon), fails: true},
		"no node":                         {failing: "*cordon*", message: "Error from server (NotFound): nodes n not found", want: []string{cordon}},
		"pods that stay":                  {failing: "drain*", message: "error: global timeout reached: 5m0s", want: []string{cordon, drain}, fails: true},
		"pods that stay, forced":          {failing: "drain*", message: "error: global timeout reached: 5m0s", env: map[string]string{"DRAIN_FORCE_NODE": "true"}, want: []string{cordon, drain, force}},
		"a drain that is refused":         {failing: "drain*", message: "forbidden", want: []string{cordon, drain, drain, ready}, fails: true},
		"an API that goes in the middle":  {failing: "drain*|*readyz*", message: "connection refused", want: []string{cordon, drain, drain, ready, drain, ready, drain, ready, drain, ready}, fails: true},
		"a node that cannot be deleted":   {env: map[string]string{"BOSH_INSTANCE_DELETED": "1"}, failing: "*delete?node*", message: "forbidden", want: []string{cordon, drain, remove}, fails: true},
		"pods that cannot even be forced": {failing: "drain*|*delete?pods*", message: "timeout reached", env: map[string]string{"DRAIN_FORCE_NODE": "true"}, want: []string{cordon, drain, force}, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, map[string]string{
				"NODE": "n", "DRAIN_TIMEOUT": "5m", "DRAIN_GRACE_PERIOD": "10", "DRAIN_FORCE": "true", "DRAIN_DAEMON_SETS": "true",
				"DRAIN_LOCAL_DATA": "true", "DRAIN_FORCE_NODE": "false",
			})
			s.env["RUN"] = s.dir
			for name, value := range c.env {
				s.env[name] = value
			}
			if !c.stopped {
				s.file("kubelet.pid", fmt.Sprint(os.Getpid()), 0o644)
			}
			s.recorded("kubectl", c.failing, c.message)
			ok, out := s.run("kubelet-drain.sh")
			if ok == c.fails {
				t.Errorf("well: %t\n%s", ok, out)
			}
			if c.fails && !strings.Contains(out, c.message) {
				t.Errorf("the cause is not told: %s", out)
			}
			if diff := cmp.Diff(c.want, s.calls()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKubeletPostStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer string
		fails  bool
	}{
		"ready":             {answer: "v1.36.3 True 2026-01-01T00:00:05Z"},
		"ready at once":     {answer: "v1.36.3 True 2026-01-01T00:00:04Z"},
		"ready from before": {answer: "v1.36.3 True 2026-01-01T00:00:03Z", fails: true},
		"the old version":   {answer: "v1.35.4 True 2026-01-01T00:00:05Z", fails: true},
		"not ready":         {answer: "v1.36.3 False 2026-01-01T00:00:05Z", fails: true},
		"no node":           {answer: "", fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, map[string]string{"NODE": "n", "KUBELET_VERSION": "v1.36.3", "LABELS": "a=b c="})
			s.env["RUN"] = s.dir
			s.file("started", "2026-01-01T00:00:04Z\n", 0o644)
			s.program("kubectl", fmt.Sprintf(`case "$*" in *"get node"*) echo %q ;; *) echo "kubectl $*" >>%s/calls ;; esac`, c.answer, s.dir))
			ok, out := s.run("kubelet-post-start.sh")
			if ok == c.fails {
				t.Errorf("well: %t\n%s", ok, out)
			}
			want := []string{"kubectl label node n --overwrite a=b c=", "kubectl uncordon n"}
			if c.fails {
				want = nil
			}
			if diff := cmp.Diff(want, s.calls()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKubeletPreStartDeletesTheNodeOfAnotherAddress(t *testing.T) {
	t.Parallel()
	s := newStage(t, map[string]string{"NODE": "n", "BOSH_ID": "i"})
	s.env["RUN"] = s.dir
	s.file("kubelet.pid", "1", 0o644)
	s.program("kubectl", fmt.Sprintf(`case "$*" in *"get nodes -l bosh.id=i"*) printf 'n Unknown\nold Unknown\nlive True\nbare <none>\n' ;; *) echo "kubectl $*" >>%s/calls ;; esac`, s.dir))
	if ok, out := s.run("kubelet-pre-start.sh"); !ok {
		t.Error(out)
	}
	want := []string{"kubectl delete node old --ignore-not-found", "kubectl delete node bare --ignore-not-found"}
	if diff := cmp.Diff(want, s.calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "kubelet.pid")); !os.IsNotExist(err) {
		t.Error("the process id of an earlier start is left")
	}
	s.program("kubectl", "echo refused >&2; exit 1")
	if ok, out := s.run("kubelet-pre-start.sh"); ok || !strings.Contains(out, "refused") {
		t.Errorf("without an API: %s", out)
	}
}
