package jobs_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pks-community/pks-release/src/local/cfcr/jobs"
	"github.com/pks-community/pks-release/src/local/machine"
)

func addresses(texts ...string) []netip.Addr {
	var out []netip.Addr
	for _, text := range texts {
		out = append(out, netip.MustParseAddr(text))
	}
	return out
}

// threeMasters is a worker of a deployment with three masters, which links know by name or by address.
func threeMasters(named bool) machine.Spec {
	link := machine.Link{Group: "master_x", Properties: map[string]any{"etcd": map[string]any{"dns_suffix": "etcd.cfcr.internal"}}}
	records := map[string][]netip.Addr{"q-s0.master-x.default.d.bosh": addresses("127.9.0.1", "127.9.0.2", "127.9.0.3")}
	for i, id := range []string{"a", "b", "c"} {
		address := netip.AddrFrom4([4]byte{127, 9, 0, byte(i + 1)})
		name := id + ".master-x.default.d.bosh"
		records[name] = []netip.Addr{address}
		if !named {
			name = address.String()
		}
		link.Instances = append(link.Instances, machine.LinkInstance{Name: "master_x", ID: id, Index: i, Address: name})
	}
	return machine.Spec{
		Records: records,
		Jobs:    []machine.Job{{Name: "kubo-dns-aliases", Links: map[string]machine.Link{"etcd": link, "kube-apiserver": link}}},
	}
}

func TestHostsNamesHealthyMasters(t *testing.T) {
	t.Parallel()
	fixed := map[string][]netip.Addr{
		"a.master-x.default.d.bosh": addresses("172.30.0.1"), "b.master-x.default.d.bosh": addresses("172.30.0.2"),
		"c.master-x.default.d.bosh":     addresses("172.30.0.3"),
		"master-x-0.etcd.cfcr.internal": addresses("172.30.0.1"), "master-x-1.etcd.cfcr.internal": addresses("172.30.0.2"),
		"master-x-2.etcd.cfcr.internal": addresses("172.30.0.3"),
	}
	for name, c := range map[string]struct {
		healthy []netip.Addr
		want    []netip.Addr
	}{
		"all":  {addresses("127.9.0.1", "127.9.0.2", "127.9.0.3"), addresses("172.30.0.1", "172.30.0.2", "172.30.0.3")},
		"some": {addresses("127.9.0.2"), addresses("172.30.0.2")},
		"none": {nil, addresses("172.30.0.1", "172.30.0.2", "172.30.0.3")},
	} {
		for _, named := range []bool{true, false} {
			want := map[string][]netip.Addr{"master.cfcr.internal": c.want, "q-s0.master-x.default.d.bosh": c.want}
			for name, address := range fixed {
				want[name] = address
			}
			healthy := map[netip.Addr]bool{}
			for _, a := range c.healthy {
				healthy[a] = true
			}
			got := jobs.Hosts(threeMasters(named), jobs.Environment{Inside: inside}, func(a netip.Addr) bool { return healthy[a] })
			if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("%s, links by name: %t (-want +got):\n%s", name, named, diff)
			}
		}
	}
}

func TestHostsWithoutAliasesAreTheRecords(t *testing.T) {
	t.Parallel()
	spec := threeMasters(true)
	spec.Jobs = nil
	got := jobs.Hosts(spec, jobs.Environment{}, nil)
	if diff := cmp.Diff(spec.Records, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	plain := threeMasters(true)
	link := plain.Jobs[0].Links["etcd"]
	link.Properties = nil
	plain.Jobs[0].Links["etcd"] = link
	if _, named := jobs.Hosts(plain, jobs.Environment{}, nil)["master-x-0.etcd.cfcr.internal"]; named {
		t.Error("a member has a name although etcd has no suffix")
	}
}
