package manifest

import (
	"net/netip"

	"github.com/pks-community/pks-release/src/local/director/fault"
)

// Group is an instance group.
type Group struct {
	Name      string
	Instances int
	AZs       []string
	// Errand says that the group's lifecycle is errand: its machines exist only while it runs.
	Errand       bool
	VMType       string
	VMExtensions []string
	Stemcell     string
	Networks     []GroupNetwork
	// PersistentDisk is in MB, PersistentDiskType the name of a disk type; at most one is set.
	PersistentDisk     int
	PersistentDiskType string
	Jobs               []Job
	Update             Update
	Env                map[string]any
	// MigratedFrom are former names of the group.
	MigratedFrom []string
}

// GroupNetwork is one network of a group.
type GroupNetwork struct {
	Name      string
	StaticIPs []netip.Addr
	// Default is what the network is the default for: dns, gateway, addressable.
	Default []string
}

// Job is one job of a group.
type Job struct {
	Name, Release string
	Properties    map[string]any
	// Provides and Consumes say what becomes of the job's links.
	Provides map[string]Provide
	Consumes map[string]Consume
	// Custom are links that it offers besides those of its release.
	Custom []CustomProvider
}

// Provide is an entry of a job's provides.
type Provide struct {
	// Hidden is set by the text "nil": the link is not offered.
	Hidden bool
	As     string
	Shared bool
	// SharedSet tells whether the manifest says anything about Shared.
	SharedSet bool
}

// Consume is an entry of a job's consumes.
type Consume struct {
	// Blocked is set by the text "nil": the link is not taken, even if there is one.
	Blocked bool
	From    string
	// Deployment is empty for this one.
	Deployment string
	Network    string
	// IPAddresses asks for IPs instead of names.
	IPAddresses bool
	// Manual is a link written out in the manifest; nil otherwise.
	Manual *ManualLink
}

// ManualLink is a link whose content stands in the manifest.
type ManualLink struct {
	Address    string
	Instances  []string
	Properties map[string]any
}

// Job returns the group's job called name.
func (g *Group) Job(name string) *Job {
	for i := range g.Jobs {
		if g.Jobs[i].Name == name {
			return &g.Jobs[i]
		}
	}
	return nil
}

// DefaultNetwork returns the name of the network whose addresses the group's links use.
func (g *Group) DefaultNetwork() string {
	for _, purpose := range []string{"addressable", "gateway"} {
		for _, n := range g.Networks {
			for _, d := range n.Default {
				if d == purpose {
					return n.Name
				}
			}
		}
	}
	return g.Networks[0].Name
}

func (d *Deployment) readGroup(m *Map) (Group, error) {
	var g Group
	var err error
	if g.Name, err = requiredText(m, "name"); err != nil {
		return Group{}, err
	}
	lifecycle, err := text(m, "lifecycle")
	if err != nil {
		return Group{}, err
	}
	switch lifecycle {
	case "", "service":
	case "errand":
		g.Errand = true
	default:
		return Group{}, fault.New(unknownLifecycle, "Invalid lifecycle '%s' for '%s', valid lifecycle profiles are: service, errand", lifecycle, g.Name)
	}
	if err := d.readJobs(m, &g); err != nil {
		return Group{}, err
	}
	if err := readDisk(m, &g); err != nil {
		return Group{}, err
	}
	if err := readResources(m, &g); err != nil {
		return Group{}, err
	}
	g.Update = d.Update
	update, err := object(m, "update")
	if err != nil {
		return Group{}, err
	}
	if update != nil {
		if g.Update, err = readUpdate(update, &d.Update); err != nil {
			return Group{}, err
		}
	}
	if g.Instances, err = requiredNumber(m, "instances"); err != nil {
		return Group{}, err
	}
	if g.Instances < 0 {
		return Group{}, fault.New(fault.TooSmall, "'instances' value (%d) should be greater than 0", g.Instances)
	}
	return g, d.readNetworks(m, &g)
}

const (
	unknownLifecycle      = 140014
	diskBothWays          = 140013
	duplicateJob          = 140026
	groupWithoutJobs      = 140024
	groupWithoutNetwork   = 140020
	invalidStaticIP       = 150003
	unknownNetworkDefault = 150004
)

func readDisk(m *Map, g *Group) (err error) {
	if g.PersistentDisk, err = number(m, "persistent_disk"); err != nil {
		return err
	}
	if g.PersistentDisk < 0 {
		return fault.New(140010, "Instance group '%s' references an invalid persistent disk size '%d'", g.Name, g.PersistentDisk)
	}
	if g.PersistentDiskType, err = text(m, "persistent_disk_type"); err != nil {
		return err
	}
	if g.PersistentDisk > 0 && g.PersistentDiskType != "" {
		return fault.New(diskBothWays, "Instance group '%s' specifies more than one of the following keys: 'persistent_disk', 'persistent_disk_type', and 'persistent_disk_pool'. Choose one.", g.Name)
	}
	return nil
}

// badVMConfiguration: the size of a group's machines is not given exactly once.
const badVMConfiguration = 140003

func readResources(m *Map, g *Group) (err error) {
	if g.VMType, err = text(m, "vm_type"); err != nil {
		return err
	}
	if g.VMType == "" {
		return fault.New(badVMConfiguration, "Instance group '%s' is missing either 'vm_type' or 'vm_resources' or 'resource_pool' section.", g.Name)
	}
	if m.Get("vm_resources") != nil {
		return fault.New(badVMConfiguration, "Instance group '%s' can only specify one of 'resource_pool', 'vm_type' or 'vm_resources' keys.", g.Name)
	}
	if g.VMExtensions, err = texts(m, "vm_extensions"); err != nil {
		return err
	}
	if g.Stemcell, err = requiredText(m, "stemcell"); err != nil {
		return err
	}
	env, err := object(m, "env")
	if err != nil {
		return err
	}
	g.Env = PlainMap(env)
	if g.AZs, err = texts(m, "azs"); err != nil {
		return err
	}
	former, err := objects(m, "migrated_from")
	if err != nil {
		return err
	}
	for _, entry := range former {
		name, err := requiredText(entry, "name")
		if err != nil {
			return err
		}
		g.MigratedFrom = append(g.MigratedFrom, name)
	}
	return nil
}

func (d *Deployment) readNetworks(m *Map, g *Group) error {
	entries, err := requiredObjects(m, "networks")
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return fault.New(groupWithoutNetwork, "Instance group '%s' must specify at least one network", g.Name)
	}
	for _, entry := range entries {
		var n GroupNetwork
		if n.Name, err = requiredText(entry, "name"); err != nil {
			return err
		}
		ips, err := texts(entry, "static_ips")
		if err != nil {
			return err
		}
		for _, item := range ips {
			r, err := ParseRange(item)
			if err != nil {
				return fault.New(invalidStaticIP, "Invalid static IP '%s' of instance group '%s'", item, g.Name)
			}
			n.StaticIPs = append(n.StaticIPs, r.Addresses()...)
		}
		if n.Default, err = texts(entry, "default"); err != nil {
			return err
		}
		if n.StaticIPs != nil && len(n.StaticIPs) != g.Instances {
			return fault.New(fault.StaticIPs, "Instance group '%s' has %d instances but was allocated %d static IPs in network '%s'",
				g.Name, g.Instances, len(n.StaticIPs), n.Name)
		}
		g.Networks = append(g.Networks, n)
	}
	return checkDefaults(g)
}

func checkDefaults(g *Group) error {
	for _, purpose := range []string{"dns", "gateway"} {
		found := 0
		for _, n := range g.Networks {
			for _, d := range n.Default {
				switch d {
				case purpose:
					found++
				case "dns", "gateway", "addressable":
				default:
					return fault.New(unknownNetworkDefault, "Instance group '%s' network '%s' specifies an invalid default network property '%s', valid properties are: dns, gateway, addressable", g.Name, n.Name, d)
				}
			}
		}
		if len(g.Networks) > 1 && found != 1 {
			return fault.New(150005, "Instance group '%s' must specify which network is default for %s, since it has more than one network configured", g.Name, purpose)
		}
	}
	return nil
}

func (d *Deployment) readJobs(m *Map, g *Group) error {
	entries, err := objects(m, "jobs")
	if err != nil {
		return err
	}
	if m.Get("jobs") == nil {
		return fault.New(groupWithoutJobs, "Instance group '%s' does not specify jobs key", g.Name)
	}
	for _, entry := range entries {
		job, err := readJob(entry)
		if err != nil {
			return err
		}
		if job.Release == "" {
			if len(d.Releases) != 1 {
				return missing("release", entry)
			}
			job.Release = d.Releases[0].Name
		}
		if !d.HasRelease(job.Release) {
			return fault.New(fault.UnknownRelease, "Job '%s' (instance group '%s') references an unknown release '%s'", job.Name, g.Name, job.Release)
		}
		if g.Job(job.Name) != nil {
			return fault.New(duplicateJob, "Colocated job '%s' is already added to the instance group '%s'.", job.Name, g.Name)
		}
		g.Jobs = append(g.Jobs, job)
	}
	return nil
}
