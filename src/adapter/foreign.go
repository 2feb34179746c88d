package adapter

import (
	"slices"

	"github.com/pivotal-cf/on-demand-services-sdk/bosh"
)

// keepForeign carries over what an operator added to the deployed manifest at
// the places that docs/plans.md names: addons, jobs of a group, releases those
// come from, variables, tags, features, and the env of a group.
func (p *previous) keepForeign(c *cluster, m *bosh.BoshManifest) {
	was := p.manifest
	for _, addon := range was.Addons {
		if !slices.Contains([]string{addonAliases, addonSyslog, addonSysctl}, addon.Name) {
			m.Addons = append(m.Addons, addon)
		}
	}
	for i := range m.InstanceGroups {
		if old, ok := p.group(m.InstanceGroups[i].Name); ok {
			keepForeignOfGroup(old, &m.InstanceGroups[i])
		}
	}
	for _, v := range was.Variables {
		if !slices.Contains(ownVariables(), v.Name) && !isAuthority(v.Name) {
			m.Variables = append(m.Variables, v)
		}
	}
	for name, value := range was.Tags {
		if _, ours := m.Tags[name]; ours || slices.Contains(p.record.Tags, name) {
			continue
		}
		if m.Tags == nil {
			m.Tags = map[string]any{}
		}
		m.Tags[name] = value
	}
	for name, value := range was.Features.ExtraFeatures {
		if name != recordKey {
			m.Features.ExtraFeatures[name] = value
		}
	}
	m.Features.RandomizeAZPlacement = was.Features.RandomizeAZPlacement
	m.Features.UseShortDNSAddresses = was.Features.UseShortDNSAddresses
	p.keepReleases(m)
}

func keepForeignOfGroup(old bosh.InstanceGroup, g *bosh.InstanceGroup) {
	for _, job := range old.Jobs {
		if !slices.Contains(ownJobs(), job.Name) {
			g.Jobs = append(g.Jobs, job)
		}
	}
	for key, value := range old.Env {
		if key == "bosh" {
			continue
		}
		if g.Env == nil {
			g.Env = map[string]any{}
		}
		g.Env[key] = value
	}
}

// keepReleases keeps a release when something that was carried over needs it.
func (p *previous) keepReleases(m *bosh.BoshManifest) {
	needed := map[string]bool{}
	for _, a := range m.Addons {
		for _, j := range a.Jobs {
			needed[j.Release] = true
		}
	}
	for _, g := range m.InstanceGroups {
		for _, j := range g.Jobs {
			needed[j.Release] = true
		}
	}
	for _, r := range m.Releases {
		delete(needed, r.Name)
	}
	for _, r := range p.manifest.Releases {
		if needed[r.Name] {
			m.Releases = append(m.Releases, r)
		}
	}
}

// ownJobs are all that this adapter ever puts on a group.
func ownJobs() []string {
	return []string{
		"bpm", "flanneld", jobAPIServer, jobManager, jobScheduler, jobRoles, "etcd", "smoke-tests", "cloud-provider",
		"bbr-etcd", "bbr-kube-apiserver", "ncp", "docker", "kubernetes-dependencies", jobKubelet, jobKubeProxy, "cifs-utils",
		"ovsdb-server", "ovs-vswitchd", "nsx-node-agent", "nsx-kube-proxy", "apply-specs",
	}
}

// ownVariables are all that this adapter ever declares.
func ownVariables() []string {
	return []string{
		passwordAdmin, passwordKubelet, passwordKubeletDrain, passwordKubeProxy, passwordManager, passwordScheduler,
		passwordEtcdRoot, passwordEtcdFlanneld, keyServiceAccount,
		caKubo, certKubelet, certToNodes, certMaster, certManager, certMetrics, caEtcd, certEtcd, certEtcdctl, certRoot, certFlanneld,
	}
}
