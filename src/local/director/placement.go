package director

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/manifest"
	"github.com/pks-community/pks-release/src/local/director/state"
)

// place decides for every group which instances stay, which are too many and which are to be made,
// and gives each its addresses.
func (p *plan) place(existing []*state.Instance) error {
	byGroup := map[string][]*state.Instance{}
	for _, i := range existing {
		byGroup[i.Group] = append(byGroup[i.Group], i)
	}
	for _, g := range p.groups {
		mine := byGroup[g.Name]
		delete(byGroup, g.Name)
		for _, former := range g.MigratedFrom {
			if err := p.mayMigrate(former, g); err != nil {
				return err
			}
			for _, i := range byGroup[former] {
				i.Group = g.Name
				mine = append(mine, i)
			}
			delete(byGroup, former)
		}
		if err := p.placeGroup(g, mine); err != nil {
			return err
		}
	}
	for _, left := range byGroup {
		p.gone = append(p.gone, left...)
	}
	slices.SortFunc(p.gone, byIndex)
	if slices.ContainsFunc(p.gone, func(i *state.Instance) bool { return i.Ignored }) {
		return fault.New(fault.IgnoredRemoval, "You are trying to delete instance group that contains ignored instance(s). Operation not allowed.")
	}
	return p.reserve()
}

// badMigration is the Director's code for a migrated_from that cannot be.
const badMigration = 190018

// mayMigrate refuses a former name that is in use, or that two groups claim.
func (p *plan) mayMigrate(former string, to *groupPlan) error {
	for _, g := range p.groups {
		switch {
		case g == to:
		case g.Name == former:
			return fault.New(badMigration, "Failed to migrate instance group '%[1]s' to '%[2]s'. A deployment can not migrate an instance group and also specify it. Please remove instance group '%[1]s'.", former, to.Name)
		case slices.Contains(g.MigratedFrom, former):
			return fault.New(badMigration, "Failed to migrate instance group '%s' to '%s'. An instance group may be migrated to only one instance group.", former, to.Name)
		}
	}
	return nil
}

func byIndex(a, b *state.Instance) int {
	return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Index, b.Index))
}

func (p *plan) placeGroup(g *groupPlan, existing []*state.Instance) error {
	slices.SortFunc(existing, func(a, b *state.Instance) int { return cmp.Compare(a.Index, b.Index) })
	var zones []string // of the instances to be made
	var kept []*state.Instance
	if static := staticIPs(g.Group); static != nil {
		kept, zones = p.placeStatic(g, existing, static)
	} else {
		kept, zones = placeByAZ(g, existing)
	}
	for _, i := range existing {
		if !slices.Contains(kept, i) {
			g.unneeded = append(g.unneeded, i)
		}
	}
	if slices.ContainsFunc(g.unneeded, func(i *state.Instance) bool { return i.Ignored }) {
		return fault.New(fault.IgnoredRemoval, "In instance group '%s', an attempt was made to delete a ignored instance: Operation not allowed.", g.Name)
	}
	for _, i := range kept {
		g.instances = append(g.instances, &instancePlan{Instance: i, group: g, was: i.State})
	}
	taken := map[int]bool{}
	for _, i := range existing {
		taken[i.Index] = true
	}
	next := 0
	for _, az := range zones {
		for taken[next] {
			next++
		}
		taken[next] = true
		g.instances = append(g.instances, &instancePlan{Instance: p.newInstance(g, az, next), group: g, fresh: true, was: state.Started})
	}
	slices.SortFunc(g.instances, func(a, b *instancePlan) int { return cmp.Compare(a.Index, b.Index) })
	appointBootstrap(g.instances)
	return nil
}

func (p *plan) newInstance(g *groupPlan, az string, index int) *state.Instance {
	i := &state.Instance{
		ID: uuid.NewString(), Deployment: p.manifest.Name, Group: g.Name, Index: index, AZ: az, State: state.Started,
		Lifecycle: "service", Jobs: []string{}, Addresses: []state.Address{},
	}
	if g.Errand {
		i.Lifecycle = "errand"
	}
	return i
}

// appointBootstrap makes exactly one instance the bootstrap one: it stays who it is as long as it
// exists, else the lowest index gets it.
func appointBootstrap(instances []*instancePlan) {
	found := false
	for _, i := range instances {
		i.Bootstrap = i.Bootstrap && !found
		found = found || i.Bootstrap
	}
	if !found && len(instances) > 0 {
		instances[0].Bootstrap = true
	}
}

// placeByAZ keeps instances where they are as long as the zones stay balanced, lowest indexes first,
// and returns the zones of those that are to be made. Instances with a disk stay even when another
// zone has become emptier: their data cannot move.
func placeByAZ(g *groupPlan, existing []*state.Instance) (kept []*state.Instance, zones []string) {
	azs := g.AZs
	if len(azs) == 0 {
		azs = []string{""}
	}
	count := map[string]int{}
	var candidates []*state.Instance
	for _, i := range existing {
		if slices.Contains(azs, i.AZ) {
			count[i.AZ]++
			candidates = append(candidates, i)
		}
	}
	quota := quotas(azs, count, g.Instances)
	if g.disk > 0 {
		quota = diskQuotas(azs, count, g.Instances)
	}
	for _, i := range candidates {
		if quota[i.AZ] > 0 {
			quota[i.AZ]--
			kept = append(kept, i)
		}
	}
	for len(kept)+len(zones) < g.Instances {
		for _, az := range azs {
			if quota[az] > 0 {
				quota[az]--
				zones = append(zones, az)
			}
		}
	}
	return kept, zones
}

// quotas spreads n instances evenly over the zones. What is left over goes to zones that have most
// already, then in the manifest's order.
func quotas(azs []string, count map[string]int, n int) map[string]int {
	quota := map[string]int{}
	order := slices.Clone(azs)
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(count[b], count[a]) })
	for i, az := range order {
		quota[az] = n / len(azs)
		if i < n%len(azs) {
			quota[az]++
		}
	}
	return quota
}

// diskQuotas keeps every instance if it can: it takes from the fullest zones and adds to the emptiest.
func diskQuotas(azs []string, count map[string]int, n int) map[string]int {
	quota, total := map[string]int{}, 0
	for _, az := range azs {
		quota[az] = count[az]
		total += count[az]
	}
	for ; total > n; total-- {
		fullest := azs[0]
		for _, az := range azs {
			if quota[az] >= quota[fullest] {
				fullest = az
			}
		}
		quota[fullest]--
	}
	for ; total < n; total++ {
		emptiest := azs[0]
		for _, az := range azs {
			if quota[az] < quota[emptiest] {
				emptiest = az
			}
		}
		quota[emptiest]++
	}
	return quota
}

func staticIPs(g *manifest.Group) []netip.Addr {
	for _, n := range g.Networks {
		if n.StaticIPs != nil {
			return n.StaticIPs
		}
	}
	return nil
}

// placeStatic keeps the instances that have one of the static addresses, then others in the zones of
// the addresses that are left.
func (p *plan) placeStatic(g *groupPlan, existing []*state.Instance, static []netip.Addr) (kept []*state.Instance, zones []string) {
	open := []netip.Addr{}
	for _, ip := range static {
		i := slices.IndexFunc(existing, func(i *state.Instance) bool {
			return slices.ContainsFunc(i.Addresses, func(a state.Address) bool { return a.IP == ip })
		})
		if i >= 0 && slices.Contains(p.zonesOf(g, ip), existing[i].AZ) {
			kept = append(kept, existing[i])
			continue
		}
		open = append(open, ip)
	}
	count := map[string]int{}
	for _, i := range kept {
		count[i.AZ]++
	}
	for _, ip := range open {
		candidates := p.zonesOf(g, ip)
		i := slices.IndexFunc(existing, func(i *state.Instance) bool {
			return !slices.Contains(kept, i) && slices.Contains(candidates, i.AZ)
		})
		if i >= 0 {
			kept = append(kept, existing[i])
			count[existing[i].AZ]++
			continue
		}
		az := slices.MinFunc(candidates, func(a, b string) int { return cmp.Compare(count[a], count[b]) })
		count[az]++
		zones = append(zones, az)
	}
	return kept, zones
}

// zonesOf returns the group's zones in which an instance may have the address.
func (p *plan) zonesOf(g *groupPlan, ip netip.Addr) []string {
	var zones []string
	for _, reference := range g.Networks {
		network, _ := p.cloud.Network(reference.Name)
		for _, subnet := range network.Subnets {
			if !subnet.Range.Contains(ip) {
				continue
			}
			for _, az := range g.AZs {
				if subnet.InAZ(az) {
					zones = append(zones, az)
				}
			}
		}
	}
	if len(zones) == 0 {
		return append(slices.Clone(g.AZs), "")
	}
	return zones
}

// reserve gives every instance an address on each of its networks. Those it has and may keep, it
// keeps; static ones are taken first, so that nobody gets in their way.
func (p *plan) reserve() error {
	for _, g := range p.groups {
		for n := range g.Networks {
			if g.Networks[n].StaticIPs != nil {
				if err := p.reserveStatic(g, &g.Networks[n]); err != nil {
					return err
				}
			}
		}
	}
	for _, g := range p.groups {
		for _, i := range g.instances {
			if err := p.reserveFor(g, i); err != nil {
				return err
			}
		}
	}
	return nil
}

const (
	staticIPNowhere = 130013
	staticIPInUse   = 130009
)

func (p *plan) reserveStatic(g *groupPlan, reference *manifest.GroupNetwork) error {
	network, _ := p.cloud.Network(reference.Name)
	open := slices.Clone(reference.StaticIPs)
	for _, i := range g.instances {
		if a := i.address(reference.Name); a != nil && slices.Contains(open, a.IP) {
			a.Static = true
			open = slices.DeleteFunc(open, func(ip netip.Addr) bool { return ip == a.IP })
			i.addressed(reference.Name)
		}
	}
	for _, i := range g.instances {
		if i.isAddressed(reference.Name) {
			continue
		}
		at := slices.IndexFunc(open, func(ip netip.Addr) bool { return slices.Contains(p.zonesOf(g, ip), i.AZ) })
		if at < 0 {
			return fault.New(fault.StaticIPs, "Instance group '%s' has no static IP for zone '%s' in network '%s'", g.Name, i.AZ, network.Name)
		}
		ip := open[at]
		open = slices.Delete(open, at, at+1)
		inside := func(s manifest.Subnet) bool { return s.Range.Contains(ip) && s.Usable(ip) }
		if !slices.ContainsFunc(network.Subnets, inside) {
			return fault.New(staticIPNowhere, "Instance group '%s' with network '%s' declares static ip '%s', which belongs to no subnet", g.Name, network.Name, ip)
		}
		if !p.d.addresses.take(ip, i.ID) {
			return fault.New(staticIPInUse, "Failed to reserve IP '%s' for instance '%s' on network '%s': already reserved", ip, instanceStep(i.Instance), network.Name)
		}
		i.setAddress(p.d.addresses, state.Address{Network: network.Name, IP: ip, Static: true})
	}
	return nil
}

func (p *plan) reserveFor(g *groupPlan, i *instancePlan) error {
	for _, reference := range g.Networks {
		network, _ := p.cloud.Network(reference.Name)
		if i.isAddressed(network.Name) || !network.Manual {
			continue
		}
		subnets := slices.DeleteFunc(slices.Clone(network.Subnets), func(s manifest.Subnet) bool { return !s.InAZ(i.AZ) })
		if a := i.address(network.Name); a != nil && slices.ContainsFunc(subnets, func(s manifest.Subnet) bool { return s.Dynamic(a.IP) }) {
			a.Static = false
			i.addressed(network.Name)
			continue
		}
		ip, ok := p.d.addresses.any(subnets, i.ID)
		if !ok {
			return fault.New(fault.NoFreeIP, "Failed to reserve IP for '%s' for manual network '%s': no more available", instanceStep(i.Instance), network.Name)
		}
		i.setAddress(p.d.addresses, state.Address{Network: network.Name, IP: ip})
	}
	i.dropOtherAddresses(p.d.addresses, g)
	return nil
}

// unreserve gives back what a failed planning took for instances that were never stored.
func (p *plan) unreserve() {
	for _, g := range p.groups {
		for _, i := range g.instances {
			if i.fresh {
				for _, a := range i.Addresses {
					p.d.addresses.free(a.IP, i.ID)
				}
			}
		}
	}
}

func (i *instancePlan) String() string { return fmt.Sprintf("%s/%s", i.Group, i.ID) }
