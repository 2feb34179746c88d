package jobs_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/local/cfcr/jobs"
	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/agent"
)

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
