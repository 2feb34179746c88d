package manifest

import "slices"

// Runtime is a runtime-config: releases, addons and variables for every deployment.
type Runtime struct {
	Releases  []Version
	Addons    []Addon
	Variables []Variable
}

// ReadRuntime reads a runtime-config.
func ReadRuntime(document *Map) (Runtime, error) {
	var r Runtime
	entries, err := objects(document, "releases")
	if err != nil {
		return Runtime{}, err
	}
	if r.Releases, err = versions(entries); err != nil {
		return Runtime{}, err
	}
	if r.Addons, err = readAddons(document); err != nil {
		return Runtime{}, err
	}
	r.Variables, err = readVariables(document)
	return r, err
}

// ApplyRuntime adds what a runtime-config brings that concerns the deployment: the addons that select
// one of its groups, and of the releases only those such an addon uses.
func (d *Deployment) ApplyRuntime(r Runtime) {
	for _, addon := range r.Addons {
		if !d.selects(addon) {
			continue
		}
		d.Addons = append(d.Addons, addon)
		for _, job := range addon.Jobs {
			for _, release := range r.Releases {
				if release.Name == job.Release && !d.HasRelease(release.Name) {
					d.Releases = append(d.Releases, release)
				}
			}
		}
	}
	for _, v := range r.Variables {
		if !slices.ContainsFunc(d.Variables, func(own Variable) bool { return own.Name == v.Name }) {
			d.Variables = append(d.Variables, v)
		}
	}
}

func (d *Deployment) selects(addon Addon) bool {
	return slices.ContainsFunc(d.Groups, func(g Group) bool { return addon.matches(d, &g) })
}

// ApplyAddons puts the addons' jobs into the groups they select. An addon's job that a group has
// already is an error of the manifest, as in BOSH.
func (d *Deployment) ApplyAddons() error {
	for _, addon := range d.Addons {
		for i := range d.Groups {
			g := &d.Groups[i]
			if !addon.matches(d, g) {
				continue
			}
			for _, job := range addon.Jobs {
				if err := d.addJob(g, job); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (a Addon) matches(d *Deployment, g *Group) bool {
	if a.Include != nil && !a.Include.matches(d, g) {
		return false
	}
	return a.Exclude == nil || !a.Exclude.matches(d, g)
}

func (f *AddonFilter) matches(d *Deployment, g *Group) bool {
	allows := func(wanted []string, has func(string) bool) bool {
		return wanted == nil || slices.ContainsFunc(wanted, has)
	}
	lifecycle := "service"
	if g.Errand {
		lifecycle = "errand"
	}
	return allows(f.Deployments, func(name string) bool { return name == d.Name }) &&
		allows(f.InstanceGroups, func(name string) bool { return name == g.Name }) &&
		allows(f.Jobs, func(name string) bool { return g.Job(name) != nil }) &&
		allows(f.StemcellOS, func(os string) bool { return os == d.stemcellOS(g.Stemcell) }) &&
		allows(f.AZs, func(az string) bool { return slices.Contains(g.AZs, az) }) &&
		allows(f.Networks, func(name string) bool {
			return slices.ContainsFunc(g.Networks, func(n GroupNetwork) bool { return n.Name == name })
		}) &&
		(f.Lifecycle == "" || f.Lifecycle == lifecycle)
}

func (d *Deployment) stemcellOS(alias string) string {
	for _, s := range d.Stemcells {
		if s.Alias == alias {
			return s.OS
		}
	}
	return ""
}
