package adapter

import (
	"github.com/pivotal-cf/on-demand-services-sdk/bosh"
)

// The values of cloud_provider.type in a plan.
const (
	iaasNone      = "none"
	iaasVSphere   = "vsphere"
	iaasAWS       = "aws"
	iaasGCP       = "gcp"
	iaasAzure     = "azure"
	iaasOpenStack = "openstack"
)

// cloudProvider is the plan's "cloud_provider" object: the type, and the object
// of that name with its settings.
type cloudProvider struct {
	Type      string             `json:"type"`
	VSphere   *vsphereProvider   `json:"vsphere"`
	AWS       *awsProvider       `json:"aws"`
	GCP       *gcpProvider       `json:"gcp"`
	Azure     *azureProvider     `json:"azure"`
	OpenStack *openstackProvider `json:"openstack"`
}

// provider is one IaaS (reference/cluster-manifest.md §13).
type provider interface {
	check(field string) error
	// jobType is the value of cloud-provider.type.
	jobType() string
	// properties of the cloud-provider job of a group, master or worker.
	properties(c *cluster, group string) cloudProviderProperties
	// extensions are the vm_extensions that the group needs.
	extensions(group string) []string
	// tags of the deployment.
	tags(c *cluster) map[string]string
}

func (p cloudProvider) chosen() provider {
	switch p.Type {
	case iaasVSphere:
		return p.VSphere
	case iaasAWS:
		return p.AWS
	case iaasGCP:
		return p.GCP
	case iaasAzure:
		return p.Azure
	case iaasOpenStack:
		return p.OpenStack
	default:
		return nil
	}
}

// kind is the type, also when the plan names none.
func (p cloudProvider) kind() string { return or(p.Type, iaasNone) }

func (p cloudProvider) jobType() string {
	if p.kind() == iaasNone {
		return ""
	}
	return p.chosen().jobType()
}

func (p cloudProvider) check() error {
	const field = "plan.properties.cloud_provider"
	given := map[string]bool{
		iaasVSphere: p.VSphere != nil, iaasAWS: p.AWS != nil, iaasGCP: p.GCP != nil,
		iaasAzure: p.Azure != nil, iaasOpenStack: p.OpenStack != nil,
	}
	names := []string{iaasVSphere, iaasAWS, iaasGCP, iaasAzure, iaasOpenStack}
	if _, known := given[p.kind()]; !known && p.kind() != iaasNone {
		return refuse("%s.type is %q.", field, p.Type).WithRemedy("Choose one of %s, %s.", list(names), iaasNone)
	}
	for _, name := range names {
		if given[name] && name != p.kind() {
			return refuse("%s.%s is set although the type is %s.", field, name, p.kind()).WithRemedy("Remove it, or change the type.")
		}
	}
	if p.kind() == iaasNone {
		return nil
	}
	if !given[p.kind()] {
		return refuse("%s.%s is missing.", field, p.kind()).WithRemedy("Add the object with the settings of that cloud, see docs/plans.md.")
	}
	return p.chosen().check(field + "." + p.kind())
}

// cloudProviderProperties is reference/cluster-manifest.md §5.13.
type cloudProviderProperties struct {
	Provider cloudProviderSettings `yaml:"cloud-provider"`
	// Config becomes an INI file (section → key → value), or flat YAML for Azure.
	Config map[string]any `yaml:"cloud-config,omitempty"`
}

type cloudProviderSettings struct {
	Type      string          `yaml:"type"`
	GCE       *gceKey         `yaml:"gce,omitempty"`
	AWS       *awsKey         `yaml:"aws,omitempty"`
	OpenStack *openstackTrust `yaml:"openstack,omitempty"`
}

const linkCloudProvider = "cloud-provider"

func cloudProviderLink(group string) string { return group + "-cloud-provider" }

// cloudProviderJob puts the link provider on a group. Two providers of one type
// are ambiguous, so each has a name of its own (reference/cluster-manifest.md §6.1).
func (c *cluster) cloudProviderJob(jobs *jobList, kind string) {
	if c.plan.IaaS.kind() == iaasNone {
		return
	}
	as := cloudProviderLink(kind)
	if kind == workerGroup && jobs.group != c.pools[0].group {
		as = cloudProviderLink(jobs.group)
	}
	job := jobs.add("cloud-provider", c.plan.IaaS.chosen().properties(c, kind))
	job.Provides = map[string]bosh.ProvidesLink{linkCloudProvider: {As: as}}
}

// consumeCloudProvider names which of the providers a job takes.
func (c *cluster) consumeCloudProvider(job *bosh.Job, kind string) {
	if c.plan.IaaS.kind() == iaasNone {
		return
	}
	job.Consumes = map[string]any{linkCloudProvider: bosh.ConsumesLink{From: cloudProviderLink(kind)}}
}

func (c *cluster) iaasExtensions(group string) []string {
	if c.plan.IaaS.kind() == iaasNone || group == addonsGroup {
		return nil
	}
	if group != masterGroup {
		group = workerGroup
	}
	return c.plan.IaaS.chosen().extensions(group)
}

func (c *cluster) iaasTags() map[string]string {
	if c.plan.IaaS.kind() == iaasNone {
		return nil
	}
	return c.plan.IaaS.chosen().tags(c)
}

// missing names the first setting that is empty.
func missing(field string, settings ...[2]string) error {
	for _, s := range settings {
		if s[1] == "" {
			return refuse("%s.%s is missing.", field, s[0]).WithRemedy("Give it as the cloud's administrator knows it, see docs/plans.md.")
		}
	}
	return nil
}

func present(word string) []string {
	if word == "" {
		return nil
	}
	return []string{word}
}
