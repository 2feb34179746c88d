package jobs_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/cfcr/jobs"
	"github.com/pks-community/pks-release/src/local/machine"
)

// shared is one resolved deployment for the tests that change a copy of it.
type shared struct {
	once  sync.Once
	specs []machine.Spec
}

var small shared

// smallest returns the machines of the smallest golden manifest: copies, which a test may change.
func smallest(t *testing.T) map[string]machine.Spec {
	t.Helper()
	small.once.Do(func() { small.specs = newResolver(t, "127.95.0.0/16").resolve(manifests(t)["smallest"]) })
	out := map[string]machine.Spec{}
	for _, spec := range small.specs {
		if spec.Index == 0 {
			out[spec.Group] = clone(t, spec)
		}
	}
	if len(out) != 3 {
		t.Fatalf("groups: %v", slices.Collect(maps.Keys(out)))
	}
	return out
}

// clone takes the way through JSON that specifications take when a Director restarts.
func clone(t *testing.T, spec machine.Spec) machine.Spec {
	t.Helper()
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var out machine.Spec
	if err := decoder.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// environments are one of each kind.
func environments() map[string]func(machine.Spec, string) jobs.Environment {
	return map[string]func(machine.Spec, string) jobs.Environment{"root": root, "rootless": rootless, "simulated": simulated}
}

func TestRestartedDirectorRendersTheSame(t *testing.T) {
	t.Parallel()
	smallest(t)
	for _, spec := range small.specs {
		for name, environment := range environments() {
			want, told, err := jobs.Render(spec, environment(spec, "1.36.3"))
			if err != nil {
				t.Fatal(err)
			}
			got, again, err := jobs.Render(clone(t, spec), environment(spec, "1.36.3"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s/%d as %s (-want +got):\n%s", spec.Group, spec.Index, name, diff)
			}
			if diff := cmp.Diff(told, again); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		}
	}
}

// TestMissingPropertiesAreNamed takes each property away that a template does not render without.
func TestMissingPropertiesAreNamed(t *testing.T) {
	t.Parallel()
	required := map[string]map[string][]string{
		"master": {
			"etcd": {
				"tls.etcd.ca", "tls.etcd.certificate", "tls.etcd.private_key", "tls.peer.ca", "tls.peer.certificate", "tls.peer.private_key",
				"tls.etcdctl.ca", "tls.etcdctl.certificate", "tls.etcdctl.private_key", "tls.etcdctl-root.certificate", "tls.etcdctl-root.private_key",
			},
			"kube-apiserver": {
				"admin-username", "admin-password", "kubelet-password", "kubelet-drain-password", "kube-proxy-password",
				"kube-controller-manager-password", "kube-scheduler-password", "service-account-public-key", "tls.kubernetes.ca",
				"tls.kubernetes.certificate", "tls.kubernetes.private_key", "tls.kubelet-client.certificate", "tls.kubelet-client.private_key",
			},
			"kube-controller-manager": {
				"api-token", "service-account-private-key", "cluster-signing.certificate", "cluster-signing.private_key", "tls.kubernetes.ca",
				"tls.kube-controller-manager.certificate", "tls.kube-controller-manager.private_key",
			},
			"kube-scheduler":   {"api-token", "tls.kubernetes.ca", "kube-scheduler-configuration"},
			"kubernetes-roles": {"admin-username", "admin-password", "tls.kubernetes.ca"},
		},
		"worker": {
			"flanneld":   {"tls.etcdctl.ca", "tls.etcdctl.certificate", "tls.etcdctl.private_key"},
			"kubelet":    {"api-token", "drain-api-token", "kubelet-configuration", "tls.kubelet.ca", "tls.kubelet.certificate", "tls.kubelet.private_key", "tls.kubelet-client-ca.certificate", "tls.kubernetes.ca"},
			"kube-proxy": {"api-token", "kube-proxy-configuration", "tls.kubernetes.ca"},
		},
		"apply-addons": {
			"apply-specs": {"addons", "tls.metrics-server.ca", "tls.metrics-server.certificate", "tls.metrics-server.private_key"},
		},
	}
	for group, byJob := range required {
		for job, properties := range byJob {
			for _, property := range properties {
				for name, environment := range environments() {
					spec := smallest(t)[group]
					set(t, spec, job, property, nil)
					_, _, err := jobs.Render(spec, environment(spec, "1.36.3"))
					if err == nil || !strings.Contains(err.Error(), "job "+job+": property "+property+" is missing") {
						t.Errorf("%s without %s as %s: %v", job, property, name, err)
					}
				}
			}
		}
	}
}

// set changes a property; nil takes it away.
func set(t *testing.T, spec machine.Spec, job, property string, value any) {
	t.Helper()
	j, ok := spec.Job(job)
	if !ok {
		t.Fatalf("no job %s", job)
	}
	keys := strings.Split(property, ".")
	at := j.Properties
	for _, key := range keys[:len(keys)-1] {
		next, _ := at[key].(map[string]any)
		if next == nil {
			next = map[string]any{}
			at[key] = next
		}
		at = next
	}
	last := keys[len(keys)-1]
	if value == nil {
		delete(at, last)
		return
	}
	at[last] = value
}

// TestWrongPropertiesAreNamed: what cannot be rendered is an error that names job and property.
func TestWrongPropertiesAreNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		group, job, property string
		value                any
		want                 string
	}{
		{"master", "etcd", "etcd.metrics_port", 2379, "etcd.metrics_p"},
		{"master", "etcd", "etcd.metrics_protocol", "https", "etcd.metrics_p"},
		{"master", "etcd", "users", []any{map[string]any{"versions": []any{"v2"}}}, "users: element 0 has no name"},
		{"master", "etcd", "users", []any{map[string]any{"name": "x", "versions": []any{"v9"}}}, "users: user x"},
		{"master", "etcd", "users", "x", "users is not a list"},
		{"master", "flanneld", "pod-network-cidr", "ten", "pod-network-cidr"},
		{"master", "kube-apiserver", "k8s-args", []any{"--v=2"}, "k8s-args is not a mapping"},
		{"master", "kube-apiserver", "admin-password", []any{"x"}, "admin-password is not a single value"},
		{"master", "kube-controller-manager", "service-account-private-key", nil, "service-account"},
		{"master", "kubernetes-roles", "post-start-custom-specs", []any{map[string]any{"name": "x", "value": map[string]any{}}}, "post-start-custom-specs: element 0"},
		{"worker", "kubelet", "kubectl-drain-timeout", "soon", "kubectl-drain-timeout"},
		{"worker", "kubelet", "kubelet-drain-grace-period", "long", "kubelet-drain-grace-period"},
		{"worker", "kubelet", "kubelet-drain-force", "perhaps", "kubelet-drain-force"},
		{"worker", "kubelet", "kubelet-configuration", "text", "kubelet-configuration is not a mapping"},
		{"worker", "docker", "log_level", "loud", "log_level"},
		{"worker", "docker", "insecure_registries", []any{".."}, "insecure_registries"},
		{"worker", "docker", "registry_ca_cert", []any{map[string]any{"domain_name": "a/b", "ca_cert": "x"}}, "registry_ca_cert: element 0"},
		{"worker", "docker", "default_ulimits", []any{"nofile=many"}, "default_ulimits"},
		{"worker", "kubernetes-dependencies", "nfs", "perhaps", "nfs"},
		{"apply-addons", "apply-specs", "addons", []any{"dashboard"}, "addons: \"dashboard\""},
		{"apply-addons", "apply-specs", "kubedns-service-ip", "ten", "kubedns-service-ip"},
		{"apply-addons", "apply-specs", "timeout-sec", 0, "timeout-sec"},
	} {
		spec := smallest(t)[c.group]
		set(t, spec, c.job, c.property, c.value)
		_, _, err := jobs.Render(spec, root(spec, "1.36.3"))
		if err == nil || !strings.Contains(err.Error(), "job "+c.job+": ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s.%s = %v: %v", c.job, c.property, c.value, err)
		}
	}
}

func TestWhatIsNotKnownIsRefused(t *testing.T) {
	t.Parallel()
	spec := smallest(t)["worker"]
	spec.Jobs = append(spec.Jobs, machine.Job{Name: "mysql", Release: "cf-mysql"})
	if _, _, err := jobs.Render(spec, root(spec, "1.36.3")); err == nil || !strings.Contains(err.Error(), "job mysql of release cf-mysql") {
		t.Error(err)
	}
	spec = smallest(t)["worker"]
	if _, _, err := jobs.Render(spec, root(spec, "0.44.0")); err == nil || !strings.Contains(err.Error(), "0.44.0") {
		t.Error(err)
	}
	spec = smallest(t)["master"]
	spec.ID = "another"
	if _, _, err := jobs.Render(spec, root(spec, "1.36.3")); err == nil || !strings.Contains(err.Error(), "job etcd: link etcd does not have this instance") {
		t.Error(err)
	}
	for _, link := range []string{"etcd", "kube-apiserver"} {
		spec = smallest(t)["master"]
		for i := range spec.Jobs {
			delete(spec.Jobs[i].Links, link)
		}
		if _, _, err := jobs.Render(spec, root(spec, "1.36.3")); err == nil || !strings.Contains(err.Error(), "link "+link+" has no provider") {
			t.Error(err)
		}
	}
}

// TestSecretsAreForTheJobAlone: they are in files that nobody else reads, and nowhere else.
func TestSecretsAreForTheJobAlone(t *testing.T) {
	t.Parallel()
	smallest(t)
	secrets := map[string]string{}
	for _, spec := range small.specs {
		for _, job := range spec.Jobs {
			generated(secrets, job.Name, job.Properties)
		}
	}
	hidden := func(text string) string {
		for value, name := range secrets {
			public := strings.Contains(value, "CERTIFICATE") || strings.Contains(value, "PUBLIC KEY")
			if !public && strings.Contains(text, value) {
				return name
			}
		}
		return ""
	}
	for _, spec := range small.specs {
		for kind, environment := range environments() {
			plan, warnings, err := jobs.Render(spec, environment(spec, "1.36.3"))
			if err != nil {
				t.Fatal(err)
			}
			found := 0
			for _, job := range plan.Jobs {
				for _, file := range job.Files {
					name := hidden(string(file.Content))
					if name != "" {
						found++
					}
					if name != "" && file.Mode != 0o600 {
						t.Errorf("%s (%04o) holds %s", file.Path, file.Mode, name)
					}
				}
				job.Files = nil
				text, err := json.Marshal(job)
				if err != nil {
					t.Fatal(err)
				}
				if name := hidden(string(text)); name != "" {
					t.Errorf("job %s as %s shows %s", job.Name, kind, name)
				}
			}
			if name := hidden(strings.Join(warnings, "\n")); name != "" {
				t.Errorf("the warnings show %s", name)
			}
			if found == 0 {
				t.Errorf("%s has no secrets at all", spec.Group)
			}
		}
	}
}

// TestErrorsHoldNoSecrets takes one property of each secret's job away.
func TestErrorsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	spec := smallest(t)["master"]
	set(t, spec, "kube-apiserver", "admin-password", []any{"very-secret"})
	_, _, err := jobs.Render(spec, root(spec, "1.36.3"))
	if err == nil || strings.Contains(err.Error(), "very-secret") {
		t.Error(err)
	}
}

// TestOrderOfProcesses: what others need starts first, and so stops last.
func TestOrderOfProcesses(t *testing.T) {
	t.Parallel()
	for group, want := range map[string][]string{
		"master":       {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "flanneld"},
		"worker":       {"flanneld", "docker", "kubelet", "kube-proxy"},
		"apply-addons": nil,
	} {
		spec := smallest(t)[group]
		slices.Reverse(spec.Jobs)
		plan, _, err := jobs.Render(spec, root(spec, "1.36.3"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, job := range plan.Jobs {
			for _, process := range job.Processes {
				got = append(got, process.Name)
				if process.Ready == nil || process.StopTimeout <= 0 {
					t.Errorf("%s has no probe or no bound", process.Name)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", group, diff)
		}
	}
}
