package adapter

import (
	"slices"

	"github.com/pivotal-cf/on-demand-services-sdk/bosh"
	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
)

// jobList gathers the jobs of a group and remembers the first that no release
// has, so that the lists read without an error check per line.
type jobList struct {
	group    string
	software *software
	jobs     []bosh.Job
	err      error
}

// add appends the job; what it returns may be given links until the next add.
func (l *jobList) add(name string, props any) *bosh.Job {
	job, err := l.software.job(name, props)
	if err != nil && l.err == nil {
		l.err = err
	}
	l.jobs = append(l.jobs, job)
	return &l.jobs[len(l.jobs)-1]
}

// sizing is what a compute profile says about the machines of a group. Empty
// members leave the plan's word.
type sizing struct {
	vmType   string
	diskType string
	azs      []string
}

// groupOf begins an instance group from the plan's.
func (c *cluster) groupOf(name string, from serviceadapter.InstanceGroup, size sizing, placed int) bosh.InstanceGroup {
	azs := from.AZs
	if len(size.azs) > 0 {
		azs = size.azs
	}
	g := bosh.InstanceGroup{
		Name:               name,
		Stemcell:           stemcellAlias,
		VMType:             or(size.vmType, from.VMType),
		VMExtensions:       slices.Concat(from.VMExtensions, c.iaasExtensions(name), c.extensionsOf(name)),
		PersistentDiskType: or(size.diskType, from.PersistentDiskType),
		AZs:                c.rotated(azs, placed),
		Networks:           networks(from.Networks),
	}
	for _, m := range from.MigratedFrom {
		g.MigratedFrom = append(g.MigratedFrom, bosh.Migration{Name: m.Name})
	}
	return g
}

// networks gives the machine's address book and default route to the first
// network when there are several; BOSH wants to be told.
func networks(names []string) []bosh.Network {
	var out []bosh.Network
	for i, name := range names {
		n := bosh.Network{Name: name}
		if i == 0 && len(names) > 1 {
			n.Default = []string{"dns", "gateway"}
		}
		out = append(out, n)
	}
	return out
}
