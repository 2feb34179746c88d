package adapter

import (
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

// checkSoftware refuses a cloud provider that the Kubernetes version no longer
// has in its own binaries.
func (c *cluster) checkSoftware() error {
	for _, gone := range []struct{ provider, from string }{
		{iaasOpenStack, "1.26"}, {iaasAWS, "1.27"}, {iaasAzure, "1.31"}, {iaasGCP, "1.31"}, {iaasVSphere, "1.31"},
	} {
		if c.plan.IaaS.kind() == gone.provider && atLeast(c.kubernetes, gone.from) {
			return refuse("plan.properties.cloud_provider.type is %s, which Kubernetes %s no longer has built in.", gone.provider, c.kubernetes).
				WithRemedy("Choose none and bring the provider with add_ons.")
		}
	}
	return nil
}
