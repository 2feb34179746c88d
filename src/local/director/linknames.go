package director

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/pks-community/pks-release/src/local/director/catalog"
	"github.com/pks-community/pks-release/src/local/director/manifest"
	"github.com/pks-community/pks-release/src/local/director/state"
)

// addressType is the type of the links that certificates take names from.
const addressType = "address"

// nameConsumer is a certificate that takes a name from a link.
type nameConsumer struct {
	*linkConsumer
	wildcard bool
}

// planNames finds the providers of the names that certificates take. It returns the complaints about
// those that cannot be found.
func (p *plan) planNames(ctx context.Context, l *linkPlan) (problems []string, err error) {
	for _, v := range p.manifest.Variables {
		for _, name := range slices.Sorted(maps.Keys(v.Consumes)) {
			wanted := v.Consumes[name]
			c := &linkConsumer{
				variable: v.Name, link: catalog.Link{Name: name, Type: addressType, Optional: true},
				request: wanted.Consume, explicit: true,
			}
			if wanted.Blocked {
				continue
			}
			problem, err := p.resolve(ctx, l, c)
			if err != nil {
				return nil, err
			}
			if problem != "" {
				problems = append(problems, problem)
			}
			l.names = append(l.names, nameConsumer{linkConsumer: c, wildcard: wanted.Wildcard})
		}
	}
	return problems, nil
}

// named adds the names that certificates take from links to their options.
func (l *linkPlan) named(variables []manifest.Variable) []manifest.Variable {
	out := slices.Clone(variables)
	for i, v := range out {
		for _, c := range l.names {
			if c.variable != v.Name || c.provider == nil {
				continue
			}
			out[i].Options = maps.Clone(out[i].Options)
			switch c.link.Name {
			case manifest.AlternativeName:
				alternatives, _ := out[i].Options["alternative_names"].([]any)
				out[i].Options["alternative_names"] = append(slices.Clone(alternatives), c.dnsName())
			case manifest.CommonName:
				if given, _ := out[i].Options["common_name"].(string); given == "" {
					out[i].Options["common_name"] = c.dnsName()
				}
			}
		}
	}
	return out
}

// dnsName is the name of the provider's group on the link's network, or of all its instances.
func (c nameConsumer) dnsName() string {
	prefix := "q-s0."
	if c.wildcard {
		prefix = "*."
	}
	return prefix + dnsSuffix(c.provider.row.Group, c.network, c.provider.row.Deployment)
}

// row is how GET /links tells of it.
func (c nameConsumer) row(deployment string) state.ResolvedLink {
	link := state.ResolvedLink{
		Consumer: state.LinkConsumer{
			Deployment: deployment, Owner: c.variable, OwnerType: "variable",
			Name: cmp.Or(c.request.From, c.link.Name), Link: c.link.Name, Type: c.link.Type, Optional: true,
		},
		Network: c.network,
	}
	if c.provider != nil {
		link.Provider = &c.provider.row
	}
	return link
}
