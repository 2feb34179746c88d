package director

import (
	"net/netip"
	"sync"

	"github.com/pks-community/pks-release/src/local/director/manifest"
)

// addressBook knows which instance has which address, over all deployments.
type addressBook struct {
	mu     sync.Mutex
	owners map[netip.Addr]string
	// lowest is, for each subnet, an address below which all are taken.
	lowest map[netip.Prefix]netip.Addr
}

func newAddressBook() *addressBook {
	return &addressBook{owners: map[netip.Addr]string{}, lowest: map[netip.Prefix]netip.Addr{}}
}

// take gives the address to an instance. It returns false when another one has it.
func (b *addressBook) take(ip netip.Addr, instance string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if owner, taken := b.owners[ip]; taken && owner != instance {
		return false
	}
	b.owners[ip] = instance
	return true
}

// any gives an instance the lowest free address of the subnets that is not kept for static use.
func (b *addressBook) any(subnets []manifest.Subnet, instance string) (netip.Addr, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, subnet := range subnets {
		from, known := b.lowest[subnet.Range]
		if !known {
			from = subnet.First()
		}
		ip, found := b.search(subnet, from)
		if !found && known { // the subnet may have been given more room meanwhile
			ip, found = b.search(subnet, subnet.First())
		}
		if found {
			b.owners[ip] = instance
			b.lowest[subnet.Range] = ip
			return ip, true
		}
	}
	return netip.Addr{}, false
}

// search returns the lowest free address of a subnet that is not below from.
func (b *addressBook) search(subnet manifest.Subnet, from netip.Addr) (netip.Addr, bool) {
	limit := subnet.Last()
	for ip := from; ip.IsValid() && !limit.Less(ip); ip = ip.Next() {
		if _, taken := b.owners[ip]; !taken && subnet.Dynamic(ip) {
			return ip, true
		}
	}
	return netip.Addr{}, false
}

// free gives an address back.
func (b *addressBook) free(ip netip.Addr, instance string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.owners[ip] != instance {
		return
	}
	delete(b.owners, ip)
	for prefix := range b.lowest {
		if prefix.Contains(ip) {
			delete(b.lowest, prefix)
		}
	}
}
