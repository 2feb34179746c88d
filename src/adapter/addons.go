package adapter

import "github.com/pivotal-cf/on-demand-services-sdk/bosh"

// applySpecsProperties is reference/cluster-manifest.md §5.12. The job takes its
// credentials from the kube-apiserver link.
type applySpecsProperties struct {
	AddOns       []string     `yaml:"addons"`
	AddOnsSpec   string       `yaml:"addons-spec,omitempty"` // YAML text
	DNSServiceIP string       `yaml:"kubedns-service-ip"`
	TimeoutSec   int          `yaml:"timeout-sec,omitempty"`
	TLS          applySpecTLS `yaml:"tls"`
}

type applySpecTLS struct {
	MetricsServer keyPair `yaml:"metrics-server"`
}

// applyAddOns is the errand that brings cluster DNS, metrics and the plan's own
// add-ons into a cluster (reference/cluster-manifest.md §4.1, §11).
func (c *cluster) applyAddOns() (bosh.InstanceGroup, error) {
	g := c.groupOf(addonsGroup, c.plan.addons, sizing{}, 0)
	g.Instances = 1
	g.Lifecycle = "errand"
	g.PersistentDiskType = ""

	jobs := &jobList{group: addonsGroup, software: c.software}
	c.consumeCloudProvider(jobs.add("apply-specs", applySpecsProperties{
		AddOns:       []string{"coredns", "metrics-server"},
		AddOnsSpec:   c.plan.AddOns,
		DNSServiceIP: c.network.dns.String(),
		TimeoutSec:   c.plan.AddonsIn,
		TLS:          applySpecTLS{c.pairOf(certMetrics, caKubo)},
	}), masterGroup)
	g.Jobs = jobs.jobs
	return g, jobs.err
}

// The addons of the deployment. Names that are not here are an operator's own
// and are kept.
const (
	addonAliases = "bosh-dns-aliases"
	addonSyslog  = "syslog"
	addonSysctl  = "sysctl"
)

// addons are jobs on every machine. The aliases have no filter on purpose: one
// by stemcell would drop them in silence when the stemcell changes
// (reference/cluster-manifest.md §3, §18).
func (c *cluster) addons() ([]bosh.Addon, error) {
	jobs := &jobList{software: c.software}
	aliases := *jobs.add("kubo-dns-aliases", nil)
	out := []bosh.Addon{{Name: addonAliases, Jobs: []bosh.Job{aliases}}}
	if c.plan.Syslog != nil {
		forwarder := *jobs.add("syslog_forwarder", c.plan.Syslog.properties())
		out = append(out, bosh.Addon{Name: addonSyslog, Jobs: []bosh.Job{forwarder}})
	}
	if c.plan.Watches > 0 {
		sysctl := *jobs.add("sysctl", sysctlProperties{Sysctl: []string{inotifyWatches(c.plan.Watches)}})
		out = append(out, bosh.Addon{Name: addonSysctl, Jobs: []bosh.Job{sysctl}})
	}
	return out, jobs.err
}
