package adapter

import (
	"slices"
	"strings"

	"github.com/cppforlife/go-semi-semantic/version"
)

// removal is a flag that a component no longer has from some Kubernetes version
// on; a component that is given an unknown flag does not start.
type removal struct {
	job  string
	flag string
	from string // Kubernetes version
}

// removals holds the flags of the base manifest that left Kubernetes after 1.17
// (Kubernetes changelogs; reference/cluster-manifest.md §5).
func removals() []removal {
	return []removal{
		{jobAPIServer, "enable-swagger-ui", "1.18"},
		{jobKubelet, "container-runtime", "1.27"},
		{jobKubelet, "docker", "1.24"},
		{jobKubelet, "docker-endpoint", "1.24"},
		{jobKubelet, "network-plugin", "1.24"},
		{jobKubelet, "cni-bin-dir", "1.24"},
	}
}

// kubernetesOf gives the Kubernetes version that a kubo release carries: before
// 1.0 the release had numbers of its own, of which 0.44 has Kubernetes 1.17;
// since then the version of the release is that of Kubernetes.
func kubernetesOf(kubo string) string {
	if strings.HasPrefix(kubo, "0.") {
		return "1.17"
	}
	return kubo
}

// supported takes the flags out that the Kubernetes version does not have.
func (a arguments) supported(job, kubernetes string) arguments {
	for _, r := range removals() {
		if r.job == job && atLeast(kubernetes, r.from) {
			delete(a, r.flag)
		}
	}
	return a
}

// atLeast tells whether the Kubernetes version is oldest or newer. A version
// that cannot be read counts as new: releases were checked before.
func atLeast(kubernetes, oldest string) bool {
	have, err := version.NewVersionFromString(kubernetes)
	return err != nil || !have.IsLt(version.MustNewVersionFromString(oldest))
}

const oldestScheduler = "kubescheduler.config.k8s.io/v1alpha1"

// schedulerVersion is the newest version of its configuration file that a scheduler
// reads (Kubernetes changelogs).
func schedulerVersion(kubernetes string) string {
	for _, v := range []struct{ from, version string }{
		{"1.25", "kubescheduler.config.k8s.io/v1"},
		{"1.22", "kubescheduler.config.k8s.io/v1beta2"},
		{"1.19", "kubescheduler.config.k8s.io/v1beta1"},
	} {
		if atLeast(kubernetes, v.from) {
			return v.version
		}
	}
	return oldestScheduler
}

// gone is what an operator or a user can ask for, but Kubernetes does not have any
// more from some version on (Kubernetes changelogs).
type gone struct{ what, from string }

func goneProviders() []gone {
	return []gone{{iaasOpenStack, "1.26"}, {iaasAWS, "1.27"}, {iaasAzure, "1.31"}, {iaasGCP, "1.31"}, {iaasVSphere, "1.31"}}
}

func gonePlugins() []gone {
	return []gone{{"DenyEscalatingExec", "1.21"}, {"PodSecurityPolicy", "1.25"}, {"SecurityContextDeny", "1.30"}}
}

// oldestBoundTokens is the first Kubernetes version whose API server always has the
// key to sign tokens that end by themselves.
const oldestBoundTokens = "1.20"

// checkSoftware refuses what the Kubernetes version does not have: components that
// are told of it would not start, half an hour later.
func (c *cluster) checkSoftware() error {
	for _, g := range goneProviders() {
		if c.plan.IaaS.kind() == g.what && atLeast(c.kubernetes, g.from) {
			return refuse("plan.properties.cloud_provider.type is %s, which Kubernetes %s no longer has built in.", g.what, c.kubernetes).
				WithRemedy("Choose none and bring the provider with add_ons.")
		}
	}
	for _, asker := range []struct {
		field   string
		plugins []string
	}{
		{"plan.properties.admission_plugins", c.plan.AdmissionPlugins},
		{"kubernetes_profile: enable-admission-plugins", strings.Split(c.custom[jobAPIServer].Arguments["enable-admission-plugins"], ",")},
	} {
		for _, g := range gonePlugins() {
			if slices.Contains(asker.plugins, g.what) && atLeast(c.kubernetes, g.from) {
				return refuse("%s has %s, which Kubernetes %s no longer has.", asker.field, g.what, c.kubernetes).
					WithRemedy("Remove it; Pod Security Admission does its work.")
			}
		}
	}
	if c.plan.Binding.TokenLifetime != "" && !atLeast(c.kubernetes, oldestBoundTokens) {
		return refuse("plan.properties.binding.token_lifetime is set, but Kubernetes %s makes no tokens that end.", c.kubernetes).
			WithRemedy("Leave it out, or offer a kubo release with Kubernetes %s or newer.", oldestBoundTokens)
	}
	return nil
}
