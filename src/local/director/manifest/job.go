package manifest

import (
	"github.com/pks-community/pks-release/src/local/director/fault"
)

// hidden is the text that switches a link off.
const hidden = "nil"

func readJob(m *Map) (Job, error) {
	job := Job{Provides: map[string]Provide{}, Consumes: map[string]Consume{}}
	var err error
	if job.Name, err = requiredText(m, "name"); err != nil {
		return Job{}, err
	}
	if job.Release, err = text(m, "release"); err != nil {
		return Job{}, err
	}
	properties, err := object(m, "properties")
	if err != nil {
		return Job{}, err
	}
	job.Properties = PlainMap(properties)
	if job.Custom, err = readCustomProviders(m, job.Name); err != nil {
		return Job{}, err
	}
	provides, err := object(m, "provides")
	if err != nil {
		return Job{}, err
	}
	if provides != nil {
		for _, name := range provides.Keys {
			if job.Provides[name], err = readProvide(provides, name); err != nil {
				return Job{}, err
			}
		}
	}
	consumes, err := object(m, "consumes")
	if err != nil {
		return Job{}, err
	}
	if consumes != nil {
		for _, name := range consumes.Keys {
			if job.Consumes[name], err = readConsume(consumes, name); err != nil {
				return Job{}, err
			}
		}
	}
	return job, nil
}

func readProvide(m *Map, name string) (Provide, error) {
	if m.Get(name) == hidden {
		return Provide{Hidden: true}, nil
	}
	entry, err := object(m, name)
	if err != nil {
		return Provide{}, err
	}
	var p Provide
	if entry == nil {
		return p, nil
	}
	if p.As, err = text(entry, "as"); err != nil {
		return Provide{}, err
	}
	p.SharedSet = entry.Get("shared") != nil
	p.Shared, err = flag(entry, "shared", false)
	return p, err
}

func readConsume(m *Map, name string) (Consume, error) {
	if m.Get(name) == hidden {
		return Consume{Blocked: true}, nil
	}
	entry, err := object(m, name)
	if err != nil {
		return Consume{}, err
	}
	var c Consume
	if entry == nil {
		return c, nil
	}
	for key, field := range map[string]*string{"from": &c.From, "deployment": &c.Deployment, "network": &c.Network} {
		if *field, err = text(entry, key); err != nil {
			return Consume{}, err
		}
	}
	if c.IPAddresses, err = flag(entry, "ip_addresses", false); err != nil {
		return Consume{}, err
	}
	if entry.Get("instances") != nil {
		c.Manual, err = readManualLink(entry)
	}
	return c, err
}

func readManualLink(m *Map) (*ManualLink, error) {
	link := &ManualLink{}
	var err error
	if link.Address, err = text(m, "address"); err != nil {
		return nil, err
	}
	instances, err := objects(m, "instances")
	if err != nil {
		return nil, err
	}
	for _, entry := range instances {
		address, err := requiredText(entry, "address")
		if err != nil {
			return nil, err
		}
		link.Instances = append(link.Instances, address)
	}
	properties, err := object(m, "properties")
	if err != nil {
		return nil, err
	}
	link.Properties = PlainMap(properties)
	return link, nil
}

// Addon adds jobs to the instance groups its filters select.
type Addon struct {
	Name    string
	Jobs    []Job
	Include *AddonFilter
	Exclude *AddonFilter
}

// AddonFilter selects instance groups; an absent list selects all, several lists must all match.
type AddonFilter struct {
	Deployments    []string
	InstanceGroups []string
	Jobs           []string
	StemcellOS     []string
	Networks       []string
	AZs            []string
	Lifecycle      string
}

const (
	addonWithoutName = 530001
	addonUnknownKey  = 530002
)

func readAddons(document *Map) ([]Addon, error) {
	entries, err := objects(document, "addons")
	if err != nil {
		return nil, err
	}
	var addons []Addon
	for _, entry := range entries {
		addon := Addon{}
		if addon.Name, err = requiredText(entry, "name"); err != nil {
			return nil, fault.New(addonWithoutName, "%s", err.Error())
		}
		jobs, err := objects(entry, "jobs")
		if err != nil {
			return nil, err
		}
		for _, item := range jobs {
			job, err := readJob(item)
			if err != nil {
				return nil, err
			}
			if job.Release == "" {
				return nil, missing("release", item)
			}
			addon.Jobs = append(addon.Jobs, job)
		}
		if addon.Include, err = readFilter(entry, "include"); err != nil {
			return nil, err
		}
		if addon.Exclude, err = readFilter(entry, "exclude"); err != nil {
			return nil, err
		}
		addons = append(addons, addon)
	}
	return addons, nil
}

func readFilter(entry *Map, key string) (*AddonFilter, error) {
	m, err := object(entry, key)
	if err != nil || m == nil {
		return nil, err
	}
	f := &AddonFilter{}
	for _, name := range m.Keys {
		switch name {
		case "deployments":
			f.Deployments, err = texts(m, name)
		case "instance_groups":
			f.InstanceGroups, err = texts(m, name)
		case "networks":
			f.Networks, err = texts(m, name)
		case "azs":
			f.AZs, err = texts(m, name)
		case "lifecycle":
			f.Lifecycle, err = text(m, name)
		case "jobs":
			f.Jobs, err = names(m, name, "name")
		case "stemcell":
			f.StemcellOS, err = names(m, name, "os")
		case "teams":
		default:
			err = fault.New(addonUnknownKey, "Addon filter has an unknown key '%s'", name)
		}
		if err != nil {
			return nil, err
		}
	}
	return f, nil
}

func names(m *Map, key, field string) ([]string, error) {
	entries, err := objects(m, key)
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, entry := range entries {
		name, err := requiredText(entry, field)
		if err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	return out, nil
}

// addJob adds an addon's job to a group.
func (d *Deployment) addJob(g *Group, job Job) error {
	if !d.HasRelease(job.Release) {
		return fault.New(fault.UnknownRelease, "Job '%s' (instance group '%s') references an unknown release '%s'", job.Name, g.Name, job.Release)
	}
	if g.Job(job.Name) != nil {
		return fault.New(duplicateJob, "Colocated job '%s' is already added to the instance group '%s'.", job.Name, g.Name)
	}
	g.Jobs = append(g.Jobs, job)
	return nil
}
