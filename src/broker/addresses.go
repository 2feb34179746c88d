package broker

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/director"
)

// addressesByGroup maps instance groups to their VMs' addresses, by index.
func addressesByGroup(vms []director.VM) map[string][]string {
	vms = slices.SortedFunc(slices.Values(vms), func(a, b director.VM) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Index, b.Index))
	})
	groups := map[string][]string{}
	for _, vm := range vms {
		groups[vm.Group] = append(groups[vm.Group], vm.IPs...)
	}
	return groups
}

// consumerName is the name under which the broker asks for a link's address.
const consumerName = "external_consumer_id"

// dnsAddresses finds the BOSH DNS names that the plan wants its bindings to have.
func (b *Broker) dnsAddresses(ctx context.Context, deployment string, p config.Plan) (map[string]string, error) {
	addresses := map[string]string{}
	if len(p.BindingWithDNS) == 0 {
		return addresses, nil
	}
	providers, err := b.director.LinkProviders(ctx, deployment)
	if err != nil {
		return nil, fmt.Errorf("list the link providers of %s: %w", deployment, err)
	}
	for _, wanted := range p.BindingWithDNS {
		address, err := b.dnsAddress(ctx, providers, wanted)
		if err != nil {
			return nil, fmt.Errorf("find the DNS address %s of %s: %w", wanted.Name, deployment, err)
		}
		addresses[wanted.Name] = address
	}
	return addresses, nil
}

func (b *Broker) dnsAddress(ctx context.Context, providers []director.LinkProvider, wanted config.BindingDNS) (string, error) {
	i := slices.IndexFunc(providers, func(p director.LinkProvider) bool {
		return p.Shared && p.Name == wanted.LinkProvider && p.Owner.Info.InstanceGroup == wanted.InstanceGroup
	})
	if i < 0 {
		return "", fmt.Errorf("no shared link provider %s in instance group %s", wanted.LinkProvider, wanted.InstanceGroup)
	}
	link, err := b.director.CreateLink(ctx, providers[i].ID, consumerName)
	if err != nil {
		return "", err
	}
	address, err := b.director.LinkAddress(ctx, link, wanted.Properties.AZs, wanted.Properties.Status)
	if deleteErr := b.director.DeleteLink(ctx, link); err == nil && deleteErr != nil {
		b.logger.WarnContext(ctx, "link could not be removed", "error", deleteErr)
	}
	return address, err
}
