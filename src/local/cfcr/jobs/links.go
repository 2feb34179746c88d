package jobs

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/pks-community/pks-release/src/local/machine"
)

// link returns a link that the job cannot do without.
func (t *template) link(name string) machine.Link {
	l, ok := t.job.Links[name]
	if !ok {
		t.fail("link %s has no provider", name)
	}
	return l
}

// shared returns a required property of a link.
func (t *template) shared(l machine.Link, name string) string {
	v, _ := lookup(l.Properties, name)
	s, ok := scalar(v)
	if !ok || s == "" {
		t.fail("link %s: property %s is missing", l.Name, name)
	}
	return s
}

// etcdSuffix is the DNS suffix of the members' names; without one they have only addresses.
func etcdSuffix(l machine.Link) string {
	v, _ := lookup(l.Properties, "etcd.dns_suffix")
	s, _ := scalar(v)
	return s
}

// etcdHost is the name of one member (reference/cluster-manifest.md §5.6), or its address.
func (e Environment) etcdHost(l machine.Link, i machine.LinkInstance) string {
	suffix := etcdSuffix(l)
	if suffix == "" {
		return e.translate(i.Address)
	}
	group := i.Name
	if group == "" {
		group = l.Group
	}
	return fmt.Sprintf("%s-%d.%s", strings.ReplaceAll(group, "_", "-"), i.Index, suffix)
}

// etcdEndpoints are the members' client URLs.
func (t *template) etcdEndpoints(l machine.Link) []string {
	var out []string
	for _, i := range l.Instances {
		out = append(out, "https://"+t.etcdHost(l, i)+":2379")
	}
	if len(out) == 0 {
		t.fail("link %s has no instances", l.Name)
	}
	return out
}

// addressOf finds the addresses behind a link instance's address, which is an address or a name.
func addressOf(spec machine.Spec, address string) []netip.Addr {
	if a, err := netip.ParseAddr(address); err == nil {
		return []netip.Addr{a}
	}
	return spec.Records[address]
}
