package director

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pks-community/pks-release/src/local/director/catalog"
	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/manifest"
	"github.com/pks-community/pks-release/src/local/director/state"
	"github.com/pks-community/pks-release/src/local/machine"
)

type jobKey struct{ group, job string }

// linkPlan is which job gets which link.
type linkPlan struct {
	providers []*linkProvider
	consumers []*linkConsumer
	// properties are the jobs' own properties as far as their releases declare them, defaults
	// included, with absolute placeholders.
	properties map[jobKey]map[string]any
	// names are the links that certificates take names from.
	names []nameConsumer
}

// linkProvider is a link that a job offers, of this deployment or another.
type linkProvider struct {
	row        state.LinkProvider
	group      *groupPlan // nil for another deployment's
	properties map[string]any
	foreign    sharedLink
}

// sharedLink is what a consumer in another deployment gets.
type sharedLink struct {
	Properties map[string]any                    `json:"properties"`
	Addresses  map[string]string                 `json:"addresses"`
	Instances  map[string][]machine.LinkInstance `json:"instances"`
}

// linkConsumer is a link that a job takes.
type linkConsumer struct {
	group    *groupPlan
	job      manifest.Job
	variable string // whose link it is; empty: the job's
	link     catalog.Link
	request  manifest.Consume
	explicit bool
	provider *linkProvider
	network  string
}

// planLinks finds a provider for every link that a job takes. All that cannot be found are reported
// together.
func (p *plan) planLinks(ctx context.Context) (*linkPlan, error) {
	l := &linkPlan{properties: map[jobKey]map[string]any{}}
	names := p.d.resolver(ctx, p.manifest.Name, map[string]string{})
	var unknown []string
	for _, g := range p.groups {
		for _, job := range g.Jobs {
			release := p.jobOf(job)
			properties, _ := names.absolute(job.Properties).(map[string]any)
			complete := release.Complete(properties)
			l.properties[jobKey{g.Name, job.Name}] = complete
			unknown = append(unknown, unknownLinks(job, release)...)
			l.addProviders(p, g, job, release, complete)
			l.addConsumers(g, job, release)
		}
	}
	if len(unknown) > 0 {
		return nil, fault.New(fault.General, "Manifest defines unknown providers or consumers:\n  - %s", strings.Join(unknown, "\n  - "))
	}
	var problems []string
	for _, c := range l.consumers {
		problem, err := p.resolve(ctx, l, c)
		if err != nil {
			return nil, err
		}
		if problem != "" {
			problems = append(problems, problem)
		}
	}
	more, err := p.planNames(ctx, l)
	if err != nil {
		return nil, err
	}
	problems = append(problems, more...)
	if len(problems) > 0 {
		return nil, fault.New(fault.General, "Failed to resolve links from deployment '%s'. See errors below:\n  - %s",
			p.manifest.Name, strings.Join(problems, "\n  - "))
	}
	return l, nil
}

// unknownLinks lists links that the manifest names and the release does not have.
func unknownLinks(job manifest.Job, release catalog.Job) []string {
	var out []string
	has := func(links []catalog.Link, name string) bool {
		return slices.ContainsFunc(links, func(l catalog.Link) bool { return l.Name == name })
	}
	provided := offered(job, release)
	for _, name := range slices.Sorted(maps.Keys(job.Provides)) {
		if !has(provided, name) {
			out = append(out, fmt.Sprintf("Job '%s' does not define link provider '%s' in the release spec", job.Name, name))
		}
	}
	for _, c := range job.Custom {
		if has(release.Provides, c.Name) {
			out = append(out, fmt.Sprintf("Custom provider '%s' in job '%s' is already defined in release '%s'", c.Name, job.Name, job.Release))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(job.Consumes)) {
		if !has(release.Consumes, name) {
			out = append(out, fmt.Sprintf("Job '%s' does not define link consumer '%s' in the release spec", job.Name, name))
		}
	}
	return out
}

// offered are the links of a job: its release's and those that the manifest defines.
func offered(job manifest.Job, release catalog.Job) []catalog.Link {
	links := slices.Clone(release.Provides)
	for _, c := range job.Custom {
		links = append(links, catalog.Link{Name: c.Name, Type: c.Type, Properties: c.Properties})
	}
	return links
}

func (l *linkPlan) addProviders(p *plan, g *groupPlan, job manifest.Job, release catalog.Job, properties map[string]any) {
	for _, link := range offered(job, release) {
		given := job.Provides[link.Name]
		if given.Hidden {
			continue
		}
		row := state.LinkProvider{
			Deployment: p.manifest.Name, Group: g.Name, Job: job.Name, Name: cmp.Or(given.As, link.Name), Link: link.Name,
			Type: link.Type, Shared: given.Shared || link.Shared && !given.SharedSet,
		}
		for _, n := range g.Networks {
			row.Networks = append(row.Networks, n.Name)
		}
		l.providers = append(l.providers, &linkProvider{row: row, group: g, properties: catalog.Select(properties, link.Properties)})
	}
}

func (l *linkPlan) addConsumers(g *groupPlan, job manifest.Job, release catalog.Job) {
	for _, link := range release.Consumes {
		request, explicit := job.Consumes[link.Name]
		if request.Blocked {
			if !link.Optional {
				l.consumers = append(l.consumers, &linkConsumer{group: g, job: job, link: link, request: request, explicit: true})
			}
			continue
		}
		l.consumers = append(l.consumers, &linkConsumer{
			group: g, job: job, link: link, request: request,
			explicit: explicit && (request.From != "" || request.Deployment != "" || request.Manual != nil),
		})
	}
}

// resolve gives a consumer its provider. It returns the complaint when it cannot.
func (p *plan) resolve(ctx context.Context, l *linkPlan, c *linkConsumer) (problem string, err error) {
	if c.request.Manual != nil {
		return "", nil
	}
	candidates := l.providers
	if c.request.Deployment != "" && c.request.Deployment != p.manifest.Name {
		if candidates, err = p.foreignProviders(ctx, c.request.Deployment); err != nil {
			return "", err
		}
	}
	candidates = slices.DeleteFunc(slices.Clone(candidates), func(candidate *linkProvider) bool {
		return candidate.row.Type != c.link.Type || c.request.From != "" && candidate.row.Name != c.request.From
	})
	if c.request.Blocked {
		candidates = nil
	}
	switch len(candidates) {
	case 1:
		return c.join(candidates[0]), nil
	case 0:
		if c.link.Optional && !c.explicit {
			return "", nil
		}
		return c.complain("No link providers found"), nil
	default:
		lines := []string{"Multiple link providers found:"}
		for _, candidate := range candidates {
			alias := ""
			if candidate.row.Name != candidate.row.Link {
				alias = fmt.Sprintf(" with alias '%s'", candidate.row.Name)
			}
			lines = append(lines, fmt.Sprintf("  - Link provider '%s'%s from job '%s' in instance group '%s' in deployment '%s'",
				candidate.row.Link, alias, candidate.row.Job, candidate.row.Group, candidate.row.Deployment))
		}
		return c.complain(strings.Join(lines, "\n    ")), nil
	}
}

func (c *linkConsumer) join(provider *linkProvider) (problem string) {
	c.provider = provider
	c.network = c.request.Network
	switch {
	case c.network != "" && !slices.Contains(provider.row.Networks, c.network):
		return c.complain(fmt.Sprintf("Link provider '%s' does not belong to network '%s'", provider.row.Name, c.network))
	case c.network == "" && provider.group != nil:
		c.network = provider.group.DefaultNetwork()
	case c.network == "":
		c.network = provider.row.Networks[0]
	}
	return ""
}

func (c *linkConsumer) complain(details string) string {
	alias := ""
	if c.request.From != "" {
		alias = fmt.Sprintf(" with alias '%s' and type '%s'", c.request.From, c.link.Type)
	} else {
		alias = fmt.Sprintf(" with type '%s'", c.link.Type)
	}
	owner := "variable '" + c.variable + "'"
	if c.variable == "" {
		owner = fmt.Sprintf("job '%s' in instance group '%s'", c.job.Name, c.group.Name)
	}
	return fmt.Sprintf("Failed to resolve link '%s'%s from %s. Details below:\n    - %s", c.link.Name, alias, owner, details)
}

// foreignProviders are the shared providers of another deployment.
func (p *plan) foreignProviders(ctx context.Context, deployment string) ([]*linkProvider, error) {
	rows, err := p.d.state.LinkProviders(ctx, deployment)
	if err != nil {
		return nil, err
	}
	var providers []*linkProvider
	for _, row := range rows {
		if !row.Shared {
			continue
		}
		provider := &linkProvider{row: row}
		if err := json.Unmarshal([]byte(row.Content), &provider.foreign); err != nil {
			return nil, fmt.Errorf("read link provider %d: %w", row.ID, err)
		}
		providers = append(providers, provider)
	}
	return providers, nil
}

// linksOf returns the links of a job by their names in its release.
func (l *linkPlan) linksOf(p *plan, g *groupPlan, job string) map[string]machine.Link {
	links := map[string]machine.Link{}
	for _, c := range l.consumers {
		if c.group == g && c.job.Name == job {
			if link, ok := c.content(p); ok {
				links[c.link.Name] = link
			}
		}
	}
	return links
}

func (c *linkConsumer) content(p *plan) (machine.Link, bool) {
	link := machine.Link{Name: c.link.Name, Type: c.link.Type, Deployment: p.manifest.Name, Properties: map[string]any{}}
	switch {
	case c.request.Manual != nil:
		link.Address, link.Properties = c.request.Manual.Address, c.request.Manual.Properties
		for i, address := range c.request.Manual.Instances {
			link.Instances = append(link.Instances, machine.LinkInstance{Index: i, Address: address})
		}
		return link, true
	case c.provider == nil:
		return machine.Link{}, false
	}
	link.Deployment, link.Group = c.provider.row.Deployment, c.provider.row.Group
	if c.provider.group == nil {
		link.Properties, link.Address = c.provider.foreign.Properties, c.provider.foreign.Addresses[c.network]
		link.Instances = c.provider.foreign.Instances[c.network]
		return link, true
	}
	shared := c.provider.share(c.network, p.manifest.Features.UseDNSAddresses && !c.request.IPAddresses)
	link.Properties, link.Address, link.Instances = c.provider.properties, shared.Addresses[c.network], shared.Instances[c.network]
	return link, true
}

// share describes the provider's instances on a network.
func (lp *linkProvider) share(network string, names bool) sharedLink {
	shared := sharedLink{
		Properties: lp.properties,
		Addresses:  map[string]string{network: "q-s0." + dnsSuffix(lp.row.Group, network, lp.row.Deployment)},
		Instances:  map[string][]machine.LinkInstance{},
	}
	for _, i := range lp.group.instances {
		shared.Instances[network] = append(shared.Instances[network], machine.LinkInstance{
			Name: i.Group, ID: i.ID, Index: i.Index, AZ: i.AZ, Address: i.reachable(network, names), Bootstrap: i.Bootstrap,
		})
	}
	return shared
}

// saveLinks stores which links there are, for GET /links and other deployments.
func (p *plan) saveLinks(ctx context.Context) error {
	providers := make([]*state.LinkProvider, len(p.links.providers))
	for n, provider := range p.links.providers {
		content := sharedLink{Properties: provider.properties, Addresses: map[string]string{}, Instances: map[string][]machine.LinkInstance{}}
		for _, network := range provider.row.Networks {
			shared := provider.share(network, p.manifest.Features.UseDNSAddresses)
			maps.Copy(content.Addresses, shared.Addresses)
			maps.Copy(content.Instances, shared.Instances)
		}
		text, err := json.Marshal(content)
		if err != nil {
			return fmt.Errorf("store link provider: %w", err)
		}
		row := provider.row
		row.Content = string(text)
		providers[n] = &row
	}
	var links []state.ResolvedLink
	for _, c := range p.links.consumers {
		link := state.ResolvedLink{
			Consumer: state.LinkConsumer{
				Deployment: p.manifest.Name, Group: c.group.Name, Owner: c.job.Name, OwnerType: "job",
				Name: cmp.Or(c.request.From, c.link.Name), Link: c.link.Name, Type: c.link.Type, Optional: c.link.Optional,
			},
			Network: c.network,
		}
		if c.provider != nil {
			link.Provider = &c.provider.row
		}
		links = append(links, link)
	}
	for _, c := range p.links.names {
		links = append(links, c.row(p.manifest.Name))
	}
	return p.d.state.ReplaceLinks(ctx, p.manifest.Name, providers, links)
}
