package adapter

import "github.com/pivotal-cf/on-demand-services-sdk/bosh"

const watchTime = "10000-300000" // milliseconds, from-to

// update is the deployment's block (reference/cluster-manifest.md §10): the
// plan's, or one canary and one machine at a time. Groups are updated in the
// order of the manifest, masters first: workers would wait for an API server
// that does not exist yet.
func (c *cluster) update() *bosh.Update {
	u := &bosh.Update{Canaries: 1, CanaryWatchTime: watchTime, UpdateWatchTime: watchTime, MaxInFlight: 1}
	if p := c.plan.update; p != nil {
		*u = bosh.Update{
			Canaries:                      p.Canaries,
			CanaryWatchTime:               p.CanaryWatchTime,
			UpdateWatchTime:               p.UpdateWatchTime,
			MaxInFlight:                   p.MaxInFlight,
			InitialDeployAZUpdateStrategy: p.InitialDeployAZUpdateStrategy,
		}
	}
	serial := true
	u.Serial = &serial
	return u
}

// masterUpdate holds whatever the plan says elsewhere: one after the other, or
// etcd loses its majority.
func (c *cluster) masterUpdate() *bosh.Update {
	u := c.update()
	u.Canaries, u.MaxInFlight = 1, 1
	return u
}

// fewestParallel is how many workers a group must have for two of them to be away
// at once (reference/pks-cli.md §7.1).
const fewestParallel = 3

// workerUpdate is how many nodes of a group may be away at once: the plan's word,
// or that of the last upgrade.
func (c *cluster) workerUpdate(workers int) *bosh.Update {
	u := c.update()
	switch v := c.plan.Workers.MaxInFlight.(type) {
	case int64:
		u.MaxInFlight = int(v)
	case string:
		u.MaxInFlight = v
	}
	if c.plan.Workers.Canaries > 0 {
		u.Canaries = c.plan.Workers.Canaries
	}
	switch n := c.spec.NodesParallel; {
	case n > 0 && workers < fewestParallel:
		u.MaxInFlight = 1
	case n > 0:
		u.MaxInFlight = n
	}
	return u
}
