package adapter

import (
	"slices"

	"github.com/pivotal-cf/on-demand-services-sdk/bosh"
)

// previous is the manifest that the cluster has now.
type previous struct {
	manifest bosh.BoshManifest
	record   record
}

func newPrevious(m bosh.BoshManifest) (*previous, error) {
	r, err := readRecord(m)
	if err != nil {
		return nil, err
	}
	return &previous{manifest: m, record: r}, nil
}

func (p *previous) group(name string) (bosh.InstanceGroup, bool) {
	i := slices.IndexFunc(p.manifest.InstanceGroups, func(g bosh.InstanceGroup) bool { return g.Name == name })
	if i < 0 {
		return bosh.InstanceGroup{}, false
	}
	return p.manifest.InstanceGroups[i], true
}

// workerGroups are the names of the groups whose machines are nodes.
func (p *previous) workerGroups() []string {
	var names []string
	for _, g := range p.manifest.InstanceGroups {
		if slices.ContainsFunc(g.Jobs, func(j bosh.Job) bool { return j.Name == jobKubelet }) {
			names = append(names, g.Name)
		}
	}
	return names
}

// checkPrevious refuses what would lose data or cannot work on a live cluster.
func (c *cluster) checkPrevious() error {
	if c.previous == nil {
		return nil
	}
	for _, check := range []func() error{
		c.checkAddressing, c.checkMasters, c.checkMasterCA, c.checkRotation, c.checkZones, c.checkPools, c.checkEncryption,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) checkAddressing() error {
	was := c.previous.record
	for _, fixed := range []struct{ what, was, is string }{
		{"plan.properties.network.cni", was.CNI, c.network.cni},
		{"the range of pods (pod_cidr)", was.PodCIDR, c.network.pods.String()},
		{"the range of services (service_cidr)", was.ServiceCIDR, c.network.services.String()},
		{"plan.properties.cloud_provider.type", was.CloudProvider, c.plan.IaaS.kind()},
	} {
		if fixed.was != fixed.is {
			return refuse("%s cannot change from %s to %s on a cluster that exists.", fixed.what, fixed.was, fixed.is).
				WithRemedy("Set it back to %s, or create a new cluster.", fixed.was)
		}
	}
	return nil
}

func (c *cluster) checkMasters() error {
	was, ok := c.previous.group(masterGroup)
	if !ok {
		return refuse("previous_manifest has no instance group master.").WithRemedy("Restore the manifest as the broker made it.")
	}
	if n := c.masterCount(); n < was.Instances {
		return refuse("the number of masters cannot go down from %d to %d: etcd could lose its majority.", was.Instances, n).
			WithRemedy("Set the plan's or compute profile's master instances back to %d.", was.Instances)
	}
	return nil
}

// checkZones: a persistent disk lives in one zone; its machine cannot leave.
func (c *cluster) checkZones() error {
	azs := map[string][]string{masterGroup: c.azsOf(c.plan.master.AZs, c.size.master)}
	for _, p := range c.pools {
		azs[p.group] = c.azsOf(c.plan.worker.AZs, p.size)
	}
	for _, name := range sortedKeys(azs) {
		was, ok := c.previous.group(name)
		if !ok || was.PersistentDiskType == "" {
			continue
		}
		for _, az := range was.AZs {
			if !slices.Contains(azs[name], az) {
				return refuse("instance group %s cannot leave availability zone %s: its persistent disks are there.", name, az).
					WithRemedy("Add %s to the group's azs again.", az)
			}
		}
	}
	return nil
}

func (c *cluster) azsOf(plan []string, size sizing) []string {
	if len(size.azs) > 0 {
		return size.azs
	}
	return plan
}

// checkPools: adding and deleting pools at once is how a renamed pool looks, and
// would drain all its nodes (reference/pks-product.md §8).
func (c *cluster) checkPools() error {
	was := c.previous.workerGroups()
	if len(was) == 0 {
		return nil
	}
	var added, removed []string
	for _, p := range c.pools {
		if !slices.Contains(was, p.group) {
			added = append(added, p.group)
		}
	}
	for _, name := range was {
		if !slices.ContainsFunc(c.pools, func(p pool) bool { return p.group == name }) {
			removed = append(removed, name)
		}
	}
	pools := !slices.Contains(was, workerGroup) && c.pools[0].group != workerGroup
	if pools && len(added) > 0 && len(removed) > 0 {
		return refuse("the compute profile adds %s and removes %s at once, which looks like a renamed node pool.", list(added), list(removed)).
			WithRemedy("Add pools with one update and remove others with the next.")
	}
	return nil
}

// migrations lets the first pool take over the machines of the worker groups
// when none of those groups is left: from the plan's one group to pools or back,
// the nodes are replaced one by one instead of all at once.
func (c *cluster) migrations(group string, first bool) []bosh.Migration {
	if c.previous == nil {
		return nil
	}
	if was, ok := c.previous.group(group); ok {
		return was.MigratedFrom
	}
	if !first {
		return nil
	}
	var out []bosh.Migration
	for _, name := range c.previous.workerGroups() {
		if slices.ContainsFunc(c.pools, func(p pool) bool { return p.group == name }) {
			return nil
		}
		out = append(out, bosh.Migration{Name: name})
	}
	return out
}

// checkEncryption: without its keys the API server could not read what it
// stored.
func (c *cluster) checkEncryption() error {
	was, _ := c.previous.group(masterGroup)
	for _, job := range was.Jobs {
		if job.Name != jobAPIServer || job.Properties["encryption-config"] == nil {
			continue
		}
		if _, ok := c.custom[jobAPIServer].FileArguments[flagEncryption]; !ok {
			return refuse("the cluster's secrets are encrypted, but the Kubernetes profile has no encryption-provider-config.").
				WithRemedy("Use a profile that still holds the keys, as first or as further entry.")
		}
	}
	return nil
}
