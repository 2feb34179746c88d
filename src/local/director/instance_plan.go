package director

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/pks-community/pks-release/src/local/director/manifest"
	"github.com/pks-community/pks-release/src/local/director/state"
	"github.com/pks-community/pks-release/src/local/machine"
)

// instancePlan is one instance of a plan: what it is, and what it is to become.
type instancePlan struct {
	*state.Instance
	group *groupPlan
	// fresh says that the instance is new; was is its wanted state before this task.
	fresh bool
	was   string
	// wanted is the state after this task; empty means as before.
	wanted string
	// restart and recreate are asked for by the request.
	restart, recreate bool
	// spec is what the machine is to be, with variables unresolved; resolved has them filled in.
	spec, resolved machine.Spec
	// digest is that of everything an update must bring to the machine, vmDigest that of everything
	// that needs another machine.
	digest, vmDigest string
	stemcell         state.Stemcell

	done map[string]bool // networks whose address is settled
}

func (i *instancePlan) address(network string) *state.Address {
	at := slices.IndexFunc(i.Addresses, func(a state.Address) bool { return a.Network == network })
	if at < 0 {
		return nil
	}
	return &i.Addresses[at]
}

func (i *instancePlan) addressed(network string) {
	if i.done == nil {
		i.done = map[string]bool{}
	}
	i.done[network] = true
}

func (i *instancePlan) isAddressed(network string) bool { return i.done[network] }

func (i *instancePlan) setAddress(book *addressBook, address state.Address) {
	if old := i.address(address.Network); old != nil {
		if old.IP != address.IP {
			book.free(old.IP, i.ID)
		}
		*old = address
	} else {
		i.Addresses = append(i.Addresses, address)
	}
	i.addressed(address.Network)
}

// dropOtherAddresses frees the addresses on networks the group has no more, and sorts the others as
// the group does.
func (i *instancePlan) dropOtherAddresses(book *addressBook, g *groupPlan) {
	ordered := []state.Address{}
	for _, reference := range g.Networks {
		if a := i.address(reference.Name); a != nil {
			ordered = append(ordered, *a)
		}
	}
	for _, a := range i.Addresses {
		if !slices.ContainsFunc(ordered, func(o state.Address) bool { return o.Network == a.Network }) {
			book.free(a.IP, i.ID)
		}
	}
	i.Addresses = ordered
}

// dnsLabel is a name as BOSH DNS writes it (reference/cluster-manifest.md §3).
func dnsLabel(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r == '_':
			return '-'
		default:
			return -1
		}
	}, strings.ToLower(name))
}

// dnsSuffix is what the names of a group's instances on a network end in.
func dnsSuffix(group, network, deployment string) string {
	return dnsLabel(group) + "." + dnsLabel(network) + "." + dnsLabel(deployment) + ".bosh"
}

// reachable is the address of an instance on a network: its DNS name or its IP.
func (i *instancePlan) reachable(network string, names bool) string {
	if a := i.address(network); a != nil && !names {
		return a.IP.String()
	}
	return i.ID + "." + dnsSuffix(i.Group, network, i.Deployment)
}

// describe fills in what the machine is to be.
func (p *plan) describe(g *groupPlan, i *instancePlan) error {
	i.stemcell = p.stemcells[g.Stemcell]
	spec := machine.Spec{
		Deployment: i.Deployment, Group: i.Group, ID: i.ID, Index: i.Index, AZ: i.AZ, Bootstrap: i.Bootstrap,
		Lifecycle: i.Lifecycle, Address: i.reachable(g.DefaultNetwork(), p.manifest.Features.UseDNSAddresses),
		VMType: g.VMType, VMExtensions: g.VMExtensions, CloudProperties: p.cloudProperties(g), PersistentDiskMB: g.disk,
		Stemcell: machine.Stemcell{Name: i.stemcell.Name, OS: i.stemcell.OS, Version: i.stemcell.Version},
		Releases: map[string]string{}, Env: p.vars.absolute(g.Env).(map[string]any), // a map stays one
	}
	for _, release := range p.manifest.Releases {
		spec.Releases[release.Name] = release.Version
	}
	for _, a := range i.Addresses {
		spec.IPs = append(spec.IPs, a.IP)
		spec.Networks = append(spec.Networks, p.network(a))
	}
	for _, job := range g.Jobs {
		release := p.jobOf(job)
		spec.Jobs = append(spec.Jobs, machine.Job{
			Name: job.Name, Release: job.Release, Version: p.releases[job.Release].Version,
			Properties: p.links.properties[jobKey{g.Name, job.Name}], Links: p.links.linksOf(p, g, job.Name),
			Processes: release.Processes, Errand: release.Errand,
		})
	}
	i.spec = spec
	var err error
	if i.resolved, err = p.vars.spec(spec); err != nil {
		return err
	}
	if i.digest, err = digest(i.resolved, updateParts); err != nil {
		return err
	}
	i.vmDigest, err = digest(i.resolved, machineParts)
	return err
}

func (p *plan) cloudProperties(g *groupPlan) map[string]any {
	merged := maps.Clone(p.cloud.VMTypes[g.VMType])
	for _, extension := range g.VMExtensions {
		maps.Copy(merged, p.cloud.VMExtensions[extension])
	}
	return merged
}

func (p *plan) network(a state.Address) machine.Network {
	n := machine.Network{Name: a.Network, IP: a.IP}
	network, _ := p.cloud.Network(a.Network)
	at := slices.IndexFunc(network.Subnets, func(s manifest.Subnet) bool { return s.Range.Contains(a.IP) })
	if at >= 0 {
		s := network.Subnets[at]
		n.Range, n.Gateway, n.DNS = s.Range.String(), s.Gateway.String(), s.DNS
	}
	return n
}

// updateParts leaves of a specification what makes an update necessary when it changes: all but what
// differs from machine to machine of the same instance, and the names of other instances.
func updateParts(s machine.Spec) machine.Spec {
	s.AgentID, s.DiskCID, s.Records, s.Releases = "", "", nil, nil
	return s
}

// machineParts leaves what makes another machine necessary.
func machineParts(s machine.Spec) machine.Spec {
	return machine.Spec{
		AZ: s.AZ, Networks: s.Networks, VMType: s.VMType, VMExtensions: s.VMExtensions, CloudProperties: s.CloudProperties,
		Stemcell: s.Stemcell, Env: s.Env,
	}
}

func digest(s machine.Spec, parts func(machine.Spec) machine.Spec) (string, error) {
	text, err := json.Marshal(parts(s)) // map keys are sorted
	if err != nil {
		return "", fmt.Errorf("digest the specification of %s/%s: %w", s.Group, s.ID, err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// needsMachine tells whether the instance has no machine but should.
func (i *instancePlan) needsMachine() bool {
	return i.VMCID == "" && i.target() != state.Detached && i.group != nil && !i.group.Errand
}

// replacesMachine tells whether the instance's machine must be replaced by another.
func (i *instancePlan) replacesMachine() bool {
	return i.VMCID != "" && (i.recreate || i.VMDigest != i.vmDigest)
}

// target is the state the instance is to have.
func (i *instancePlan) target() string {
	if i.wanted != "" {
		return i.wanted
	}
	return i.State
}

// changed tells whether anything is to be done with the instance.
func (i *instancePlan) changed() bool {
	if i.Ignored {
		return false
	}
	if i.target() != i.was {
		return true
	}
	switch i.target() {
	case state.Detached:
		return i.VMCID != ""
	case state.Stopped:
		return i.VMCID == "" || i.recreate || i.VMDigest != i.vmDigest
	default:
		return i.Dirty || i.VMCID == "" || i.restart || i.recreate || i.Digest != i.digest || i.VMDigest != i.vmDigest || i.DiskSize != i.group.disk
	}
}

// records are the DNS names of the plan's instances and groups.
func (p *plan) records() map[string][]netip.Addr {
	records := map[string][]netip.Addr{}
	for _, g := range p.groups {
		for _, i := range g.instances {
			addRecords(records, i.Instance)
		}
	}
	return records
}

func addRecords(records map[string][]netip.Addr, i *state.Instance) {
	for _, a := range i.Addresses {
		suffix := dnsSuffix(i.Group, a.Network, i.Deployment)
		for _, name := range []string{i.ID + "." + suffix, fmt.Sprintf("%d.%s", i.Index, suffix), "q-s0." + suffix} {
			records[name] = append(records[name], a.IP)
		}
	}
}
