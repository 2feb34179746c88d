package adapter

import "github.com/pivotal-cf/on-demand-services-sdk/bosh"

// backupEtcd is reference/cluster-manifest.md §5.14: rendering fails without it.
type backupEtcd struct {
	BBR struct {
		OneBacksUpAll bool `yaml:"backup_one_restore_all"`
	} `yaml:"bbr"`
}

// masters is the group that holds etcd and the control plane
// (reference/cluster-manifest.md §4.2). They are replaced one by one, whatever
// the rest of the deployment does, so that etcd keeps its majority.
func (c *cluster) masters() (bosh.InstanceGroup, error) {
	g := c.groupOf(masterGroup, c.plan.master, c.size.master, 0)
	g.Instances = c.masterCount()
	g.Update = c.masterUpdate()

	jobs := &jobList{group: masterGroup, software: c.software}
	jobs.add("bpm", nil)
	c.flanneld(jobs)
	c.apiServer(jobs)
	c.controllerManager(jobs)
	c.scheduler(jobs)
	c.roles(jobs)
	c.etcd(jobs)
	jobs.add("smoke-tests", nil)
	c.cloudProviderJob(jobs, masterGroup)
	c.ncpMaster(jobs)
	if c.plan.Backup {
		var p backupEtcd
		p.BBR.OneBacksUpAll = true
		jobs.add("bbr-etcd", p)
		jobs.add("bbr-kube-apiserver", nil)
	}
	g.Jobs = jobs.jobs
	return g, jobs.err
}
