package director

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cppforlife/go-semi-semantic/version"

	"github.com/pks-community/pks-release/src/local/director/catalog"
	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/manifest"
	"github.com/pks-community/pks-release/src/local/director/state"
)

// deployOptions are the parameters of a deploy (reference/director-api.md §8.1, §9.1).
type deployOptions struct {
	Recreate bool `json:"recreate,omitempty"`
	// CreatedBefore limits Recreate to machines older than that, in Unix seconds.
	CreatedBefore int64            `json:"created_before,omitempty"`
	Fix           bool             `json:"fix,omitempty"`
	DryRun        bool             `json:"dry_run,omitempty"`
	SkipDrain     []string         `json:"skip_drain,omitempty"`
	Canaries      *manifest.Amount `json:"canaries,omitempty"`
	MaxInFlight   *manifest.Amount `json:"max_in_flight,omitempty"`
	// CloudConfigs and RuntimeConfigs pin configs; nil means the newest.
	CloudConfigs   []int64 `json:"cloud_configs,omitempty"`
	RuntimeConfigs []int64 `json:"runtime_configs,omitempty"`
	// Pinned says that the configs and variables of the last deploy are to be used.
	Pinned bool `json:"pinned,omitempty"`
	// Change is a change of state of some instances.
	Change *stateChange `json:"change,omitempty"`
}

// stateChange is what PUT /deployments/NAME/jobs/… asks for.
type stateChange struct {
	// Group is a name or "*"; Instance is an id, or empty for all.
	Group    string `json:"group"`
	Instance string `json:"instance,omitempty"`
	State    string `json:"state"`
}

// skipsDrain tells whether the options say not to drain the group's instances.
func (o deployOptions) skipsDrain(group string) bool {
	return slices.Contains(o.SkipDrain, "*") || slices.Contains(o.SkipDrain, group)
}

// plan is a deploy thought through.
type plan struct {
	d        *Director
	manifest *manifest.Deployment
	cloud    *manifest.Cloud
	options  deployOptions
	row      state.Deployment
	// releases by name, stemcells by alias.
	releases  map[string]catalog.Release
	stemcells map[string]state.Stemcell
	groups    []*groupPlan
	// gone are the instances of groups that the manifest does not have any more.
	gone  []*state.Instance
	links *linkPlan
	vars  *resolver
	// dead are the instances whose agents do not answer and which are to be repaired.
	dead map[string]bool
}

// groupPlan is one group of a plan.
type groupPlan struct {
	*manifest.Group
	// size of the persistent disk in MB.
	disk      int
	instances []*instancePlan
	// unneeded are instances that are too many.
	unneeded []*state.Instance
}

// jobOf returns the release's job behind a job of the manifest.
func (p *plan) jobOf(job manifest.Job) catalog.Job {
	found, _ := p.releases[job.Release].Job(job.Name)
	return found
}

// read does the first part of planning: everything whose faults are known before a task's first stage.
func (d *Director) read(ctx context.Context, text string, options deployOptions) (*plan, error) {
	document, err := manifest.Document(text)
	if err != nil {
		return nil, err
	}
	name, err := manifest.Name(document)
	if err != nil {
		return nil, err
	}
	p := &plan{d: d, options: options}
	if p.row, err = d.state.Deployment(ctx, name); err != nil {
		return nil, err
	}
	if err := p.readConfigs(ctx, document); err != nil {
		return nil, err
	}
	if err := p.findReleases(ctx); err != nil {
		return nil, err
	}
	for i := range p.manifest.Groups {
		group, err := p.readGroup(&p.manifest.Groups[i])
		if err != nil {
			return nil, err
		}
		p.groups = append(p.groups, group)
	}
	if p.links, err = p.planLinks(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// readConfigs reads the cloud-configs, the manifest and the runtime-configs, in that order: a deploy
// without any cloud-config fails before its manifest is looked at.
func (p *plan) readConfigs(ctx context.Context, document *manifest.Map) error {
	clouds, err := p.configs(ctx, "cloud", p.options.CloudConfigs, p.row.CloudConfigs)
	if err != nil {
		return err
	}
	if p.row.CloudConfigs, err = ids(clouds), nil; len(clouds) == 0 {
		p.row.CloudConfigs = []int64{}
	}
	documents, err := parseConfigs(clouds)
	if err != nil {
		return err
	}
	if p.cloud, err = manifest.ReadCloud(documents); err != nil {
		return err
	}
	if p.manifest, err = manifest.ReadDeployment(document); err != nil {
		return err
	}
	runtimes, err := p.configs(ctx, "runtime", p.options.RuntimeConfigs, p.row.RuntimeConfigs)
	if err != nil {
		return err
	}
	p.row.RuntimeConfigs = ids(runtimes)
	if documents, err = parseConfigs(runtimes); err != nil {
		return err
	}
	for _, document := range documents {
		runtime, err := manifest.ReadRuntime(document)
		if err != nil {
			return err
		}
		p.manifest.ApplyRuntime(runtime)
	}
	return p.manifest.ApplyAddons()
}

func (p *plan) configs(ctx context.Context, kind string, wanted, last []int64) ([]state.Config, error) {
	switch {
	case wanted != nil:
		return p.d.state.ConfigsByID(ctx, wanted)
	case p.options.Pinned:
		return p.d.state.ConfigsByID(ctx, last)
	default:
		return p.d.newestConfigs(ctx, kind, p.row.Teams)
	}
}

// newestConfigs returns the configs of a kind that a deployment of the teams uses: the global ones
// and those of its teams.
func (d *Director) newestConfigs(ctx context.Context, kind string, teams []string) ([]state.Config, error) {
	configs, err := d.state.Configs(ctx, state.ConfigFilter{Type: kind, PerName: 1})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(configs, func(c state.Config) bool {
		return c.Team != nil && !slices.Contains(teams, *c.Team)
	}), nil
}

func ids(configs []state.Config) []int64 {
	out := make([]int64, len(configs))
	for i, c := range configs {
		out[i] = c.ID
	}
	slices.Sort(out)
	return out
}

func parseConfigs(configs []state.Config) ([]*manifest.Map, error) {
	var documents []*manifest.Map
	for _, c := range configs {
		document, err := manifest.Document(c.Content)
		if err != nil {
			return nil, err
		}
		documents = append(documents, document)
	}
	return documents, nil
}

func (p *plan) findReleases(ctx context.Context) error {
	p.releases = map[string]catalog.Release{}
	p.row.Releases = []state.Version{}
	for i, wanted := range p.manifest.Releases {
		if isLatest(wanted.Version) {
			newest, err := p.d.latestRelease(ctx, wanted)
			if err != nil {
				return err
			}
			p.manifest.Releases[i].Version, wanted.Version = newest, newest
		}
		release, err := p.d.state.Release(ctx, wanted.Name, wanted.Version)
		if errors.Is(err, state.ErrNotFound) {
			return p.d.releaseMissing(ctx, wanted)
		}
		if err != nil {
			return err
		}
		p.releases[wanted.Name] = release
		p.row.Releases = append(p.row.Releases, state.Version(wanted))
	}
	return nil
}

// isLatest tells whether a version is to be looked up: latest, or 1.latest.
func isLatest(version string) bool {
	return version == "latest" || strings.HasSuffix(version, ".latest")
}

func (d *Director) latestRelease(ctx context.Context, wanted manifest.Version) (string, error) {
	releases, err := d.state.Releases(ctx)
	if err != nil {
		return "", err
	}
	var found []string
	for _, r := range releases {
		if r.Name == wanted.Name {
			found = append(found, r.Version)
		}
	}
	if newest := latest(found, wanted.Version); newest != "" {
		return newest, nil
	}
	return "", d.releaseMissing(ctx, wanted)
}

// latest returns the highest of the versions that begin like wanted, which is latest or N.latest.
func latest(versions []string, wanted string) string {
	prefix := strings.TrimSuffix(wanted, "latest")
	versions = slices.DeleteFunc(versions, func(v string) bool { return !strings.HasPrefix(v, prefix) })
	if len(versions) == 0 {
		return ""
	}
	return slices.MaxFunc(versions, compareVersions)
}

func compareVersions(a, b string) int {
	va, errA := version.NewVersionFromString(a)
	vb, errB := version.NewVersionFromString(b)
	if errA != nil || errB != nil {
		return cmp.Compare(a, b)
	}
	return va.Compare(vb)
}

func (d *Director) releaseMissing(ctx context.Context, wanted manifest.Version) error {
	releases, err := d.state.Releases(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(releases, func(r catalog.Release) bool { return r.Name == wanted.Name }) {
		return fault.New(fault.ReleaseNotFound, "Release '%s' doesn't exist", wanted.Name)
	}
	return fault.New(fault.ReleaseVersion, "Release version '%s/%s' doesn't exist", wanted.Name, wanted.Version)
}

// readGroup checks what a group refers to.
func (p *plan) readGroup(g *manifest.Group) (*groupPlan, error) {
	group := &groupPlan{Group: g, disk: g.PersistentDisk}
	for _, job := range g.Jobs {
		if _, ok := p.releases[job.Release].Job(job.Name); !ok {
			return nil, fault.New(fault.UnknownJob, "Job '%s' not found in release '%s'", job.Name, job.Release)
		}
	}
	if g.PersistentDiskType != "" {
		size, ok := p.cloud.DiskTypes[g.PersistentDiskType]
		if !ok {
			return nil, fault.New(fault.UnknownDiskType, "Instance group '%s' references an unknown disk type '%s'", g.Name, g.PersistentDiskType)
		}
		group.disk = size
	}
	if _, ok := p.cloud.VMTypes[g.VMType]; !ok {
		return nil, fault.New(fault.UnknownVMType, "Instance group '%s' references an unknown vm type '%s'", g.Name, g.VMType)
	}
	for _, name := range g.VMExtensions {
		if _, ok := p.cloud.VMExtensions[name]; !ok {
			return nil, fault.New(unknownVMExtension, "Instance group '%s' references an unknown vm extension '%s'", g.Name, name)
		}
	}
	if !slices.ContainsFunc(p.manifest.Stemcells, func(s manifest.Stemcell) bool { return s.Alias == g.Stemcell }) {
		return nil, fault.New(fault.UnknownStemcell, "Instance group '%s' references an unknown stemcell '%s'", g.Name, g.Stemcell)
	}
	if p.options.Canaries != nil {
		g.Update.Canaries = *p.options.Canaries
	}
	if p.options.MaxInFlight != nil {
		g.Update.MaxInFlight = *p.options.MaxInFlight
	}
	return group, p.checkNetworks(g)
}

const unknownVMExtension = 140025

func (p *plan) checkNetworks(g *manifest.Group) error {
	for _, reference := range g.Networks {
		network, ok := p.cloud.Network(reference.Name)
		if !ok {
			return fault.New(fault.UnknownNetwork, "Instance group '%s' references an unknown network '%s'", g.Name, reference.Name)
		}
		if !network.Manual {
			continue
		}
		zoned := slices.ContainsFunc(network.Subnets, func(s manifest.Subnet) bool { return len(s.AZs) > 0 })
		if zoned && len(g.AZs) == 0 {
			return azMismatch(g, network)
		}
		for _, az := range g.AZs {
			inAZ := func(s manifest.Subnet) bool { return slices.Contains(s.AZs, az) }
			if zoned && !slices.ContainsFunc(network.Subnets, inAZ) {
				return azMismatch(g, network)
			}
		}
	}
	for _, az := range g.AZs {
		if !slices.Contains(p.cloud.AZs, az) {
			return fault.New(unknownAZ, "Instance group '%s' references unknown az '%s'", g.Name, az)
		}
	}
	return nil
}

const unknownAZ = 140023

func azMismatch(g *manifest.Group, n manifest.Network) error {
	return fault.New(fault.AZMismatch, "Instance group '%s' must specify availability zone that matches availability zones of network '%s'", g.Name, n.Name)
}

// findStemcells is the first thing that can fail inside a task's first stage.
func (p *plan) findStemcells(ctx context.Context) error {
	all, err := p.d.state.Stemcells(ctx)
	if err != nil {
		return err
	}
	p.stemcells = map[string]state.Stemcell{}
	used := map[state.Version]bool{}
	for _, wanted := range p.manifest.Stemcells {
		found, err := findStemcell(all, wanted)
		if err != nil {
			return err
		}
		p.stemcells[wanted.Alias] = found
		used[state.Version{Name: found.Name, Version: found.Version}] = true
	}
	p.row.Stemcells = slices.SortedFunc(maps.Keys(used), func(a, b state.Version) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	if p.row.Stemcells == nil {
		p.row.Stemcells = []state.Version{}
	}
	return nil
}

func findStemcell(all []state.Stemcell, wanted manifest.Stemcell) (state.Stemcell, error) {
	ofKind := slices.DeleteFunc(slices.Clone(all), func(s state.Stemcell) bool {
		return wanted.OS != "" && s.OS != wanted.OS || wanted.Name != "" && s.Name != wanted.Name
	})
	if isLatest(wanted.Version) {
		var versions []string
		for _, s := range ofKind {
			versions = append(versions, s.Version)
		}
		if wanted.Version = latest(versions, wanted.Version); wanted.Version == "" {
			return state.Stemcell{}, fault.New(fault.StemcellNotFound, "Stemcell %s doesn't exist", describe(wanted))
		}
	}
	i := slices.IndexFunc(ofKind, func(s state.Stemcell) bool { return s.Version == wanted.Version })
	if i < 0 && wanted.OS != "" {
		return state.Stemcell{}, fault.New(fault.StemcellNotFound, "Stemcell version '%s' for OS '%s' doesn't exist", wanted.Version, wanted.OS)
	}
	if i < 0 {
		return state.Stemcell{}, fault.New(fault.StemcellNotFound, "Stemcell '%s/%s' doesn't exist", wanted.Name, wanted.Version)
	}
	return ofKind[i], nil
}

func describe(s manifest.Stemcell) string {
	if s.OS != "" {
		return fmt.Sprintf("with Operating System '%s'", s.OS)
	}
	return fmt.Sprintf("'%s'", s.Name)
}
