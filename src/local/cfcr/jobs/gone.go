package jobs

import (
	"slices"
	"strings"
)

// gone is what Kubernetes does not have any more from a minor version on.
type gone struct {
	name string
	from int
}

// goneLogging are the flags of the logging library that left all programs together.
func goneLogging() []gone {
	return named(26, "add-dir-header", "alsologtostderr", "log-backtrace-at", "log-dir", "log-file",
		"log-file-max-size", "logtostderr", "one-output", "skip-headers", "skip-log-headers", "stderrthreshold")
}

// goneServing are those of serving without TLS, which the three servers had.
func goneServing() []gone {
	return named(24, "address", "port", "insecure-bind-address", "insecure-port")
}

// goneFlags are the flags of Kubernetes 1.17, which the CFCR releases were made for, that left it later
// (Kubernetes changelogs; the newest versions' own --help).
func goneFlags(job string) []gone {
	switch job {
	case "kube-apiserver":
		return slices.Concat(goneLogging(), goneServing(), named(18, "enable-swagger-ui"),
			named(19, "audit-dynamic-configuration", "basic-auth-file", "ssh-keyfile", "ssh-user"),
			named(22, "experimental-encryption-provider-config", "kubelet-https"),
			named(25, "service-account-api-audiences"),
			named(26, "deserialization-cache-size", "enable-inflight-quota-handler", "target-ram-mb"),
			named(30, "master-service-namespace"),
			named(33, "cloud-config", "cloud-provider"))
	case "kube-controller-manager":
		return slices.Concat(goneLogging(), goneServing(), named(18, "horizontal-pod-autoscaler-upscale-delay"),
			named(22, "horizontal-pod-autoscaler-downscale-delay", "horizontal-pod-autoscaler-use-rest-clients"),
			named(24, "deleting-pods-burst", "deleting-pods-qps", "experimental-cluster-signing-duration", "register-retry-count"),
			named(25, "deployment-controller-sync-period"),
			named(27, "enable-taint-manager", "pod-eviction-timeout"))
	case "kube-scheduler":
		return slices.Concat(goneLogging(), goneServing(),
			named(23, "algorithm-provider", "policy-config-file", "policy-configmap", "policy-configmap-namespace", "use-legacy-policy-config"),
			named(24, "hard-pod-affinity-symmetric-weight", "lock-object-name", "lock-object-namespace", "scheduler-name"))
	case "kubelet":
		return slices.Concat(goneLogging(),
			named(18, "chaos-chance", "bootstrap-checkpoint-path", "enable-cadvisor-json-endpoints"),
			named(19, "redirect-container-streaming"),
			named(23, "experimental-bootstrap-kubeconfig", "experimental-check-node-capabilities-before-mount", "register-schedulable"),
			named(24, "cni-bin-dir", "cni-cache-dir", "cni-conf-dir", "docker", "docker-endpoint", "docker-env-metadata-whitelist",
				"docker-only", "docker-root", "docker-tls", "docker-tls-ca", "docker-tls-cert", "docker-tls-key", "dynamic-config-dir",
				"experimental-dockershim", "experimental-dockershim-root-directory", "experimental-kernel-memcg-notification",
				"image-pull-progress-deadline", "network-plugin", "network-plugin-mtu", "non-masquerade-cidr",
				"really-crash-for-testing", "seccomp-profile-root", "disk-usage-stats-cadvisor"),
			named(27, "container-runtime", "master-service-namespace"),
			named(30, "azure-container-registry-config", "iptables-drop-bit", "iptables-masquerade-bit"),
			named(31, "cloud-config", "keep-terminated-pod-volumes"),
			named(35, "pod-infra-container-image"))
	case "kube-proxy":
		return slices.Concat(goneLogging(), named(26, "udp-timeout"), named(29, "cleanup-ipvs"), named(33, "proxy-port-range"))
	default:
		return nil
	}
}

// gonePlugins are the admission plugins of 1.17 that left Kubernetes.
func gonePlugins() []gone {
	return slices.Concat(named(20, "PodPreset"), named(21, "DenyEscalatingExec", "DenyExecOnPrivileged"),
		named(25, "PodSecurityPolicy"), named(30, "SecurityContextDeny"), named(31, "PersistentVolumeLabel"))
}

func named(from int, names ...string) []gone {
	out := make([]gone, len(names))
	for i := range names {
		out[i] = gone{names[i], from}
	}
	return out
}

// goneFlag tells since when a job's program has no such flag. Flags may be written with underscores.
func goneFlag(job, flag string, minor int) (from int, is bool) {
	return find(goneFlags(job), strings.ReplaceAll(flag, "_", "-"), minor)
}

func find(list []gone, name string, minor int) (from int, is bool) {
	for _, g := range list {
		if g.name == name && minor >= g.from {
			return g.from, true
		}
	}
	return 0, false
}

// knownPlugins keeps of a list of admission plugins those that this version has.
func (t *template) knownPlugins(property string, names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool {
		from, is := find(gonePlugins(), name, t.minor)
		if is {
			t.warn("property %s: admission plugin %s is left out: Kubernetes %s does not have it (gone since 1.%d)", property, name, t.Kubernetes, from)
		}
		return is
	})
}
