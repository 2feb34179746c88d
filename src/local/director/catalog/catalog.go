// Package catalog holds what a Director has been given to deploy from: releases with their jobs and
// links, and stemcells.
package catalog

import (
	"maps"
	"slices"
	"strings"
)

// Release is one version of a BOSH release: no templates and no packages, only what planning a
// deployment needs.
type Release struct {
	// Name and Version identify the release; Version is compared as text.
	Name    string `json:"name"`
	Version string `json:"version"`
	// Jobs are the jobs the release ships.
	Jobs []Job `json:"jobs"`
}

// Job is one job of a release.
type Job struct {
	// Name is unique within its release.
	Name string `json:"name"`
	// Properties are the declared properties as dotted paths ("tls.kubernetes.ca"). Values given in a
	// manifest for any other path are dropped, as BOSH does (reference/cluster-manifest.md §18).
	Properties []string `json:"properties,omitempty"`
	// Defaults are the values of declared properties that a manifest leaves out, by dotted path.
	Defaults map[string]any `json:"defaults,omitempty"`
	// Provides and Consumes are the job's links.
	Provides []Link `json:"provides,omitempty"`
	Consumes []Link `json:"consumes,omitempty"`
	// Errand says that the job has a bin/run and can be run as an errand.
	Errand bool `json:"errand,omitempty"`
	// Processes are the names of the processes the job has monit watch. Empty for jobs that only
	// run scripts or only provide links.
	Processes []string `json:"processes,omitempty"`
}

// Link is one entry of a job's provides or consumes list.
type Link struct {
	// Name is the link's name in the job's specification, Type what is matched between jobs.
	Name string `json:"name"`
	Type string `json:"type"`
	// Properties are the dotted paths a provider shares. Unused for consumers.
	Properties []string `json:"properties,omitempty"`
	// Optional consumers work without a provider.
	Optional bool `json:"optional,omitempty"`
	// Shared providers may be consumed by other deployments even when the manifest does not say so.
	Shared bool `json:"shared,omitempty"`
}

// Stemcell is an operating system image the Director can make machines from.
type Stemcell struct {
	// Name is the full name, such as bosh-warden-boshlite-ubuntu-jammy-go_agent.
	Name string `json:"name"`
	// OS is what manifests usually name, such as ubuntu-jammy.
	OS string `json:"os"`
	// Version is compared as text.
	Version string `json:"version"`
	// CID is the image's id at the cloud. Empty: the Director makes one up.
	CID string `json:"cid,omitempty"`
}

// Job returns the release's job called name.
func (r Release) Job(name string) (Job, bool) {
	i := slices.IndexFunc(r.Jobs, func(j Job) bool { return j.Name == name })
	if i < 0 {
		return Job{}, false
	}
	return r.Jobs[i], true
}

// JobNames returns the names of the release's jobs in alphabetical order.
func (r Release) JobNames() []string {
	names := make([]string, 0, len(r.Jobs))
	for _, j := range r.Jobs {
		names = append(names, j.Name)
	}
	slices.Sort(names)
	return names
}

// ID returns name/version, the form BOSH prints.
func (r Release) ID() string { return r.Name + "/" + r.Version }

// ID returns name/version, the form BOSH prints.
func (s Stemcell) ID() string { return s.Name + "/" + s.Version }

// Select returns the part of properties that lies at or below one of the declared dotted paths.
// Anything else is dropped without a word, as the Director drops it.
func Select(properties map[string]any, declared []string) map[string]any {
	selected := map[string]any{}
	for _, path := range declared {
		if value, ok := lookup(properties, strings.Split(path, ".")); ok {
			place(selected, strings.Split(path, "."), value)
		}
	}
	return selected
}

// Complete returns the declared part of a manifest's properties with the defaults of what it leaves
// out. A property that is null has been left out.
func (j Job) Complete(properties map[string]any) map[string]any {
	complete := Select(properties, j.Properties)
	for _, path := range slices.Sorted(maps.Keys(j.Defaults)) {
		keys := strings.Split(path, ".")
		if value, ok := lookup(complete, keys); !ok || value == nil {
			place(complete, keys, j.Defaults[path])
		}
	}
	return complete
}

func lookup(tree map[string]any, path []string) (any, bool) {
	value, ok := tree[path[0]]
	if !ok || len(path) == 1 {
		return value, ok
	}
	branch, ok := value.(map[string]any)
	if !ok {
		return nil, false
	}
	return lookup(branch, path[1:])
}

// place puts value at path. Branches made on the way are new maps, so that the source of a value is
// never written to.
func place(tree map[string]any, path []string, value any) {
	if len(path) == 1 {
		tree[path[0]] = value
		return
	}
	branch, ok := tree[path[0]].(map[string]any)
	if ok {
		branch = maps.Clone(branch)
	} else {
		branch = map[string]any{}
	}
	tree[path[0]] = branch
	place(branch, path[1:], value)
}
