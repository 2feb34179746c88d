package jobs

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/pks-community/pks-release/src/local/machine"
)

// Hosts are the names a machine knows and their addresses as its processes see them: the records of BOSH
// DNS, and the aliases of the job kubo-dns-aliases if the machine has it (reference/cluster-manifest.md §3).
// As with BOSH DNS a name of several instances means the healthy ones, or all when none is. healthy is
// asked with the manifest's address.
func Hosts(spec machine.Spec, e Environment, healthy func(netip.Addr) bool) map[string][]netip.Addr {
	out := map[string][]netip.Addr{}
	set := func(name string, addresses []netip.Addr) {
		if len(addresses) > 0 {
			out[name] = insideAll(e, alive(addresses, healthy))
		}
	}
	for name, addresses := range spec.Records {
		set(name, addresses)
	}
	aliases, ok := spec.Job("kubo-dns-aliases")
	if !ok {
		return out
	}
	if link, ok := aliases.Links["kube-apiserver"]; ok {
		set(masterInternal, addressesOf(spec, link))
	}
	if link, ok := aliases.Links["etcd"]; ok && etcdSuffix(link) != "" {
		for _, i := range link.Instances {
			set(e.etcdHost(link, i), addressOf(spec, i.Address))
		}
	}
	return out
}

// addressesOf are those of a link's instances, or of its group's name when that is all there is.
func addressesOf(spec machine.Spec, link machine.Link) []netip.Addr {
	var all []netip.Addr
	for _, i := range link.Instances {
		all = append(all, addressOf(spec, i.Address)...)
	}
	if len(all) == 0 {
		all = addressOf(spec, strings.TrimSuffix(link.Address, "."))
	}
	return all
}

func alive(addresses []netip.Addr, healthy func(netip.Addr) bool) []netip.Addr {
	if len(addresses) < 2 || healthy == nil {
		return addresses
	}
	good := slices.DeleteFunc(slices.Clone(addresses), func(a netip.Addr) bool { return !healthy(a) })
	if len(good) == 0 {
		return addresses
	}
	return good
}

func insideAll(e Environment, addresses []netip.Addr) []netip.Addr {
	out := make([]netip.Addr, len(addresses))
	for i := range addresses {
		out[i] = e.inside(addresses[i])
	}
	return out
}
