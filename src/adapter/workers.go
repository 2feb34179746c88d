package adapter

import "github.com/pivotal-cf/on-demand-services-sdk/bosh"

// pool is a set of equal workers: the plan's worker group, or a node pool of a
// compute profile.
type pool struct {
	group     string // name of the instance group
	instances int
	size      sizing
	labels    string // "k=v,k2=v2"
	taints    string // "k=v:Effect,…"
}

// workers is one group per pool (reference/cluster-manifest.md §4.3, §4.4).
func (c *cluster) workers() ([]bosh.InstanceGroup, error) {
	var groups []bosh.InstanceGroup
	for i, p := range c.pools {
		g := c.groupOf(p.group, c.plan.worker, p.size, c.masterCount()+i)
		g.Instances = p.instances
		g.Update = c.workerUpdate(p.instances)
		g.MigratedFrom = append(g.MigratedFrom, c.migrations(p.group, i == 0)...)
		if c.plan.Swap != nil && !*c.plan.Swap {
			g.Env = map[string]any{"bosh": map[string]any{"swap_size": 0}}
		}

		jobs := &jobList{group: p.group, software: c.software}
		c.flanneld(jobs)
		c.docker(jobs, g.PersistentDiskType != "")
		jobs.add("kubernetes-dependencies", dependencies{NFS: c.plan.NFS})
		c.kubelet(jobs, p)
		c.kubeProxy(jobs)
		c.cloudProviderJob(jobs, workerGroup)
		c.nsxWorker(jobs)
		if c.plan.SMB {
			jobs.add("cifs-utils", nil)
		}
		if jobs.err != nil {
			return nil, jobs.err
		}
		g.Jobs = jobs.jobs
		groups = append(groups, g)
	}
	return groups, nil
}

// dependencies is reference/cluster-manifest.md §5.9.
type dependencies struct {
	NFS bool `yaml:"nfs,omitempty"`
}
