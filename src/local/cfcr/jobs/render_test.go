package jobs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/cfcr/jobs"
	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/agent"
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

// TestSettingsReachTheirFiles changes one property and looks where it must arrive.
func TestSettingsReachTheirFiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		group, job, property string
		value                any
		environment          func(*jobs.Environment)
		file, want           string
		warning              string
	}{
		{"worker", "docker", "registry_mirrors", []any{"https://mirror.example.com"}, nil, "certs.d/docker.io/hosts.toml", `[host."https://mirror.example.com"]`, ""},
		{"worker", "docker", "insecure_registries", []any{"reg:5000"}, nil, "certs.d/reg:5000/hosts.toml", `skip_verify = true`, ""},
		{"worker", "docker", "insecure_registries", []any{"10.0.0.0/8"}, nil, "containerd.toml", "", "by host, not by range"},
		{"worker", "docker", "registry_ca_cert", []any{map[string]any{"domain_name": "reg.example.com", "ca_cert": "PEM"}}, nil, "certs.d/reg.example.com/hosts.toml", `ca = "/var/vcap/jobs/docker/config/certs.d/reg.example.com/ca.crt"`, ""},
		{"worker", "docker", "store_dir", "/var/vcap/store", nil, "containerd.toml", `root = "/var/vcap/store/containerd"`, ""},
		{"worker", "docker", "storage_driver", "vfs", nil, "containerd.toml", `snapshotter = "native"`, ""},
		{"worker", "docker", "storage_driver", "zfs", nil, "containerd.toml", `snapshotter = "overlayfs"`, "storage_driver zfs"},
		{"worker", "docker", "dns_servers", []any{"8.8.8.8"}, nil, "containerd.toml", "", "dns_servers"},
		{"worker", "docker", "iptables", true, nil, "containerd.toml", "", "property iptables"},
		{"worker", "docker", "tcp_address", "0.0.0.0", nil, "containerd.toml", "", "tcp_address"},
		{"worker", "docker", "log_options", []any{"labels=x", "max-size=1g", "max-file=3"}, nil, "kubeletconfig.yml", "containerLogMaxSize: 1Gi", "option labels"},
		{"worker", "docker", "default_ulimits", []any{"nproc=5"}, nil, "containerd.toml", "", "limit nproc"},
		{"worker", "docker", "bridge", "br9", nil, "50-flannel.conflist", `"bridge": "br9"`, ""},
		{"worker", "docker", "ip_masq", true, nil, "50-flannel.conflist", `"ipMasq": true`, ""},
		{"worker", "flanneld", "backend-type", "host-gw", nil, "50-flannel.conflist", "", ""},
		{"worker", "flanneld", "vni", 4096, nil, "50-flannel.conflist", "", "property vni"},
		{"worker", "kubelet", "kubelet-configuration.evictionHard", map[string]any{"memory.available": "1%", "nodefs.available": "10%"}, nil, "kubeletconfig.yml", "memory.available: 1%", "evictionHard.nodefs.available"},
		{"worker", "kubelet", "kubelet-configuration.failSwapOn", true, nil, "kubeletconfig.yml", "failSwapOn: false", "failSwapOn has no effect"},
		{"worker", "kubelet", "kubelet-configuration.featureGates", map[string]any{"NodeSwap": true}, func(e *jobs.Environment) { e.Rootless = true }, "kubeletconfig.yml", "KubeletInUserNamespace: true\n  NodeSwap: true", ""},
		{"worker", "kube-proxy", "kube-proxy-configuration.mode", "userspace", nil, "kube-proxy/config/config.yml", "mode: iptables", "userspace"},
		{"worker", "kube-proxy", "kube-proxy-configuration.mode", "iptables", func(e *jobs.Environment) { e.Nftables = true }, "kube-proxy/config/config.yml", "mode: nftables", "this host has no iptables"},
		{"worker", "kube-proxy", "kube-proxy-configuration.mode", "iptables", func(e *jobs.Environment) { e.NoBridgeFilter = true }, "kube-proxy/config/config.yml", "masqueradeAll: true", "br_netfilter"},
		{"worker", "kube-proxy", "kube-proxy-configuration.conntrack", map[string]any{"min": 5}, nil, "kube-proxy/config/config.yml", "maxPerCore: 0", "conntrack has no effect"},
		{"worker", "kube-proxy", "kube-proxy-configuration.udpIdleTimeout", "1s", nil, "kube-proxy/config/config.yml", "", "udpIdleTimeout"},
		{"worker", "kubernetes-dependencies", "nfs", true, nil, "containerd.toml", "", "mount.nfs"},
		{"master", "kube-apiserver", "audit-policy.apiVersion", "audit.k8s.io/v1beta1", nil, "audit_policy.yml", "apiVersion: audit.k8s.io/v1\n", "audit.k8s.io/v1beta1"},
		{"master", "kube-apiserver", "audit-policy", "text", nil, "audit_policy.yml", "text\n", ""},
		{"master", "kube-apiserver", "oidc.ca", "PEM", nil, "oidc-ca.pem", "PEM", ""},
		{"master", "kube-apiserver", "encryption-config", map[string]any{"kind": "EncryptionConfiguration"}, nil, "encryption-config.yml", "kind: EncryptionConfiguration", ""},
		{"master", "kube-apiserver", "admin-username", `a"d,min`, nil, "tokens.csv", `,"a""d,min","a""d,min",system:masters`, ""},
		{"master", "kube-scheduler", "kube-scheduler-configuration.schedulerName", "mine", nil, "kube-scheduler/config/config.yml", "schedulerName: mine", ""},
		{"master", "kube-scheduler", "kube-scheduler-configuration.disablePreemption", true, nil, "kube-scheduler/config/config.yml", "", "kube-scheduler-configuration.disablePreemption is left out"},
		{"master", "kube-scheduler", "kube-scheduler-configuration.algorithmSource", map[string]any{"provider": "x"}, nil, "kube-scheduler/config/config.yml", "", "kube-scheduler-configuration.algorithmSource is left out"},
		{"master", "kubernetes-roles", "post-start-custom-specs", []any{map[string]any{"name": "mine", "value": "kind: X"}}, nil, "custom-000.yml", "kind: X", ""},
		{"apply-addons", "apply-specs", "kubedns-service-ip", "10.9.0.10", nil, "coredns.yml", "clusterIP: 10.9.0.10", ""},
		{"apply-addons", "apply-specs", "addons-spec", "kind: Y", nil, "addons-spec.yml", "kind: Y", ""},
	} {
		spec := smallest(t)[c.group]
		set(t, spec, c.job, c.property, c.value)
		e := root(spec, "1.36.3")
		if c.environment != nil {
			c.environment(&e)
		}
		plan, warnings, err := jobs.Render(spec, e)
		if err != nil {
			t.Errorf("%s.%s: %v", c.job, c.property, err)
			continue
		}
		if content := contentOf(plan, c.file); !strings.Contains(content, c.want) {
			t.Errorf("%s.%s: no %q in %s:\n%s", c.job, c.property, c.want, c.file, content)
		}
		if all := strings.Join(warnings, "\n"); !strings.Contains(all, c.warning) {
			t.Errorf("%s.%s: no warning about %q:\n%s", c.job, c.property, c.warning, all)
		}
	}
}

// contentOf returns the file whose path ends so.
func contentOf(plan agent.Plan, end string) string {
	for _, job := range plan.Jobs {
		for _, file := range job.Files {
			if strings.HasSuffix(file.Path, end) {
				return string(file.Content)
			}
		}
	}
	return "no file " + end
}

// TestAPIServerArguments are those that depend on more than k8s-args.
func TestAPIServerArguments(t *testing.T) {
	t.Parallel()
	given := func(args map[string]any) machine.Spec {
		spec := smallest(t)["master"]
		for flag, value := range args {
			set(t, spec, "kube-apiserver", "k8s-args."+flag, value)
		}
		return spec
	}
	process := func(spec machine.Spec, e jobs.Environment) agent.Process {
		t.Helper()
		plan, _, err := jobs.Render(spec, e)
		if err != nil {
			t.Fatal(err)
		}
		for _, job := range plan.Jobs {
			if job.Name == "kube-apiserver" {
				return job.Processes[0]
			}
		}
		t.Fatal("no API server")
		return agent.Process{}
	}
	spec := given(map[string]any{"etcd-servers": "https://mine:2379", "service-account-issuer": "https://mine", "service-account-signing-key-file": "/mine"})
	p := process(spec, root(spec, "1.36.3"))
	for _, want := range []string{"--etcd-servers=https://mine:2379", "--service-account-issuer=https://mine", "--service-account-signing-key-file=/mine"} {
		if !slices.Contains(p.Command.Args, want) {
			t.Errorf("no %s in %s", want, p.Command.Args)
		}
	}
	spec = given(map[string]any{"anonymous-auth": false})
	if p = process(spec, root(spec, "1.36.3")); p.Ready.TCP != "127.0.0.1:8443" || p.Ready.HTTPS != "" {
		t.Errorf("an API server that lets nobody in unknown is asked %+v", *p.Ready)
	}
	p = process(spec, simulated(spec, "1.36.3"))
	for _, want := range []string{"--bind-address=" + spec.IPs[0].String(), "--endpoint-reconciler-type=none"} {
		if !slices.Contains(p.Command.Args, want) {
			t.Errorf("no %s in %s", want, p.Command.Args)
		}
	}
	if old := process(spec, root(spec, "1.17.9")); slices.ContainsFunc(old.Command.Args, func(a string) bool { return strings.HasPrefix(a, "--service-account-issuer") }) {
		t.Errorf("Kubernetes 1.17 is given an issuer: %s", old.Command.Args)
	}
	set(t, spec, "kube-apiserver", "http_proxy", "http://proxy:3128")
	if p = process(spec, root(spec, "1.36.3")); p.Command.Env["HTTP_PROXY"] != "http://proxy:3128" || p.Command.Env["http_proxy"] != "http://proxy:3128" {
		t.Errorf("proxy: %v", p.Command.Env)
	}
}

// TestEtcdWithoutNamesUsesAddresses: without a DNS suffix members are known by the addresses inside.
func TestEtcdWithoutNamesUsesAddresses(t *testing.T) {
	t.Parallel()
	spec := smallest(t)["master"]
	for i := range spec.Jobs {
		if link, ok := spec.Jobs[i].Links["etcd"]; ok {
			delete(link.Properties, "etcd")
			for n := range link.Instances {
				link.Instances[n].Address = spec.IPs[0].String()
			}
		}
	}
	plan, _, err := jobs.Render(spec, root(spec, "1.36.3"))
	if err != nil {
		t.Fatal(err)
	}
	url := "https://" + inside(spec.IPs[0]).String() + ":2379"
	for _, job := range plan.Jobs {
		switch job.Name {
		case "etcd":
			if !slices.Contains(job.Processes[0].Command.Args, "--advertise-client-urls="+url) {
				t.Error(job.Processes[0].Command.Args)
			}
		case "kube-apiserver":
			if !slices.Contains(job.Processes[0].Command.Args, "--etcd-servers="+url) {
				t.Error(job.Processes[0].Command.Args)
			}
		}
	}
}

func TestEtcdMetrics(t *testing.T) {
	t.Parallel()
	spec := smallest(t)["master"]
	set(t, spec, "etcd", "etcd.metrics_protocol", "http")
	set(t, spec, "etcd", "etcd.metrics_port", json.Number("2378"))
	for want, e := range map[string]jobs.Environment{
		"--listen-metrics-urls=http://127.0.0.1:2381,http://0.0.0.0:2378":                           root(spec, "1.36.3"),
		fmt.Sprintf("--listen-metrics-urls=http://%s:2381,http://%[1]s:2378", spec.IPs[0].String()): simulated(spec, "1.36.3"),
	} {
		plan, _, err := jobs.Render(spec, e)
		if err != nil {
			t.Fatal(err)
		}
		if args := plan.Jobs[0].Processes[0].Command.Args; !slices.Contains(args, want) {
			t.Errorf("no %s in %s", want, args)
		}
	}
}

// FuzzRender puts any value in place of any property: an error or a plan, never a panic.
func FuzzRender(f *testing.F) {
	for _, seed := range []string{`null`, `""`, `1e300`, `[]`, `[[null]]`, `{"a":{"b":[1]}}`, `"\u0000"`, `[{"name":1,"versions":[2]}]`, `{"":""}`, `"a,b=c:d"`} {
		f.Add(seed, uint16(0), byte(0))
		f.Add(seed, uint16(77), byte(1))
	}
	f.Fuzz(func(t *testing.T, text string, which uint16, kind byte) {
		var value any
		if json.Unmarshal([]byte(text), &value) != nil {
			t.Skip()
		}
		smallest(t)
		spec := clone(t, small.specs[int(which)%len(small.specs)])
		var paths []string
		for _, job := range spec.Jobs {
			paths = append(paths, leaves(job.Name, job.Properties)...)
		}
		if len(paths) == 0 {
			t.Skip()
		}
		path := paths[int(which)/len(small.specs)%len(paths)]
		job, property, _ := strings.Cut(path, ".")
		set(t, spec, job, property, value)
		e := []func(machine.Spec, string) jobs.Environment{root, rootless, simulated}[int(kind)%3](spec, "1.36.3")
		plan, _, err := jobs.Render(spec, e)
		if err == nil && len(plan.Jobs) != len(spec.Jobs) {
			t.Errorf("%s = %s: %d jobs became %d", path, text, len(spec.Jobs), len(plan.Jobs))
		}
		jobs.Hosts(spec, e, func(netip.Addr) bool { return false })
	})
}

// leaves are the paths of all properties below a path, of the inner ones too.
func leaves(path string, value any) []string {
	m, ok := value.(map[string]any)
	if !ok {
		return []string{path}
	}
	var out []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if !strings.Contains(key, ".") {
			out = append(out, path+"."+key)
			out = append(out, leaves(path+"."+key, m[key])...)
		}
	}
	return slices.Compact(out)
}
