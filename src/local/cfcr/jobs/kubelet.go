package jobs

import (
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/agent"
)

const kubeletHealthPort = 10248

// kubelet is reference/cluster-manifest.md §5.10. On a simulated machine kwok plays the node.
func kubelet(t *template) {
	ca := t.configFile("ca.pem", t.text("tls.kubernetes.ca"))
	config := t.kubeconfig("kubeconfig", "kubelet", t.text("api-token"), ca)
	drain := t.kubeconfig("kubeconfig-drain", "kubelet-drain", t.text("drain-api-token"), ca)
	t.secretFile("kubelet.pem", t.text("tls.kubelet.certificate"))
	t.secretFile("kubelet-key.pem", t.text("tls.kubelet.private_key"))
	t.text("tls.kubelet.ca")
	t.configFile("kubelet-client-ca.pem", t.text("tls.kubelet-client-ca.certificate"))
	configuration := t.document("kubeletconfig.yml", t.kubeletConfiguration())

	a := t.arguments()
	labels, refused := t.labels(a)
	t.own(a, "config", configuration)
	t.own(a, "hostname-override", t.Address.String())
	a.add("node-ip", t.Address.String())
	a.add("kubeconfig", config)
	a.set("node-labels", labels)
	t.builtInProvider()

	run := path.Join(t.Vcap, "sys", "run", "kubelet")
	env := map[string]string{
		"NODE": t.Address.String(), "RUN": run, "BOSH_ID": t.spec.ID, "KUBELET_VERSION": "v" + strings.TrimPrefix(t.Kubernetes, "v"),
	}
	if t.Simulated {
		t.kwok(config, env, a)
	} else {
		start := maps.Clone(env)
		maps.Copy(start, t.proxies(""))
		start["IMAGES"], start["CONTAINERD"] = t.pkg("images"), containerdSocket
		t.process("kubelet", append([]string{t.script("kubelet.sh", "kubelet"), t.pkg("kubernetes", "bin", "kubelet")}, a.list()...), start,
			&agent.Probe{HTTP: t.localURL("http", kubeletHealthPort, "/healthz")}, 10*time.Second)
	}

	hooks := maps.Clone(env)
	maps.Copy(hooks, map[string]string{
		"KUBECONFIG": drain, "LABELS": refused,
		"DRAIN_TIMEOUT":      t.duration("kubectl-drain-timeout", "0s"),
		"DRAIN_GRACE_PERIOD": t.wholeSeconds("kubelet-drain-grace-period", 10),
		"DRAIN_FORCE":        t.truth("kubelet-drain-force", true),
		"DRAIN_DAEMON_SETS":  t.truth("kubelet-drain-ignore-daemonsets", true),
		"DRAIN_LOCAL_DATA":   t.truth("kubelet-drain-delete-local-data", true),
		"DRAIN_FORCE_NODE":   t.truth("kubelet-drain-force-node", false),
	})
	t.hook(machine.PreStart, "kubelet-pre-start.sh", time.Minute, hooks)
	t.hook(machine.PostStart, "kubelet-post-start.sh", 2*time.Minute, hooks)
	t.hook(machine.Drain, "kubelet-drain.sh", 0, hooks)
}

// labels puts the labels of every node (reference/cluster-manifest.md §9.3) and the manifest's together.
// Those that a kubelet may not give itself are returned apart, separated by spaces, for the post-start hook.
func (t *template) labels(a arguments) (own, refused string) {
	all := []string{"spec.ip=" + t.Address.String(), "bosh.id=" + t.spec.ID}
	if t.spec.AZ != "" && !strings.Contains(t.spec.AZ, " ") {
		all = append(all, "bosh.zone="+t.spec.AZ)
	}
	var apart []string
	for label := range strings.SplitSeq(a.value("node-labels"), ",") {
		key, _, _ := strings.Cut(label, "=")
		switch {
		case label == "":
		case kubeletMaySet(key):
			all = append(all, label)
		default:
			t.warn("property k8s-args.node-labels: label %s is set once the node is ready, for a kubelet may not give itself labels of Kubernetes' own", key)
			apart = append(apart, label)
		}
	}
	return strings.Join(all, ","), strings.Join(apart, " ")
}

// kubeletMaySet tells whether a kubelet starts with a label: keys of kubernetes.io and k8s.io are kept for
// others, with exceptions (k8s.io/kubelet/pkg/apis/well_known_labels.go).
func kubeletMaySet(key string) bool {
	domain, _, qualified := strings.Cut(key, "/")
	within := func(parent string) bool { return domain == parent || strings.HasSuffix(domain, "."+parent) }
	if !qualified || !within("kubernetes.io") && !within("k8s.io") || within("kubelet.kubernetes.io") || within("node.kubernetes.io") {
		return true
	}
	return slices.Contains([]string{
		"kubernetes.io/hostname", "kubernetes.io/arch", "kubernetes.io/os", "beta.kubernetes.io/arch", "beta.kubernetes.io/os",
		"beta.kubernetes.io/instance-type", "topology.kubernetes.io/zone", "topology.kubernetes.io/region",
		"failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region",
	}, key)
}
