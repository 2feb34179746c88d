package manifest

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/pks-community/pks-release/src/local/director/fault"
)

// Subnet is one subnet of a manual network.
type Subnet struct {
	Range   netip.Prefix
	Gateway netip.Addr
	DNS     []string
	AZs     []string
	// Reserved addresses are never given out, Static ones only on demand.
	Reserved, Static []Range
}

// Range is a span of addresses, both ends included.
type Range struct {
	First, Last netip.Addr
}

// Contains tells whether ip lies in the range.
func (r Range) Contains(ip netip.Addr) bool {
	return r.First.Compare(ip) <= 0 && ip.Compare(r.Last) <= 0
}

// maxAddresses bounds the lists that Addresses makes.
const maxAddresses = 1 << 16

// Addresses lists the addresses of the range.
func (r Range) Addresses() []netip.Addr {
	var out []netip.Addr
	for ip := r.First; ip.IsValid() && ip.Compare(r.Last) <= 0 && len(out) < maxAddresses; ip = ip.Next() {
		out = append(out, ip)
	}
	return out
}

// ParseRange reads "10.0.0.4", "10.0.0.4-10.0.0.9" or "10.0.0.0/28".
func ParseRange(text string) (Range, error) {
	if strings.Contains(text, "/") {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return Range{}, fmt.Errorf("read addresses %q: %w", text, err)
		}
		return Range{First: prefix.Masked().Addr(), Last: last(prefix)}, nil
	}
	from, to, span := strings.Cut(text, "-")
	first, err := netip.ParseAddr(strings.TrimSpace(from))
	if err != nil {
		return Range{}, fmt.Errorf("read addresses %q: %w", text, err)
	}
	if !span {
		return Range{First: first, Last: first}, nil
	}
	end, err := netip.ParseAddr(strings.TrimSpace(to))
	if err != nil {
		return Range{}, fmt.Errorf("read addresses %q: %w", text, err)
	}
	if end.Less(first) {
		return Range{}, fmt.Errorf("addresses %q end before they begin", text)
	}
	return Range{First: first, Last: end}, nil
}

// last returns the highest address of a prefix.
func last(prefix netip.Prefix) netip.Addr {
	bytes := prefix.Masked().Addr().AsSlice()
	for bit := prefix.Bits(); bit < len(bytes)*8; bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	ip, _ := netip.AddrFromSlice(bytes)
	return ip
}

// First and Last return the lowest and highest address that a machine can have: neither the
// network's own nor the broadcast address.
func (s Subnet) First() netip.Addr { return s.Range.Masked().Addr().Next() }

// Last is the counterpart of First.
func (s Subnet) Last() netip.Addr {
	highest := last(s.Range)
	if highest.Is4() {
		return highest.Prev()
	}
	return highest
}

// Dynamic tells whether ip may be given to an instance that wants any address.
func (s Subnet) Dynamic(ip netip.Addr) bool {
	return s.Usable(ip) && !s.IsStatic(ip)
}

// Usable tells whether a machine may have the address at all.
func (s Subnet) Usable(ip netip.Addr) bool {
	if ip.Less(s.First()) || s.Last().Less(ip) || ip == s.Gateway {
		return false
	}
	for _, r := range s.Reserved {
		if r.Contains(ip) {
			return false
		}
	}
	return true
}

// IsStatic tells whether ip is set aside for static use.
func (s Subnet) IsStatic(ip netip.Addr) bool {
	for _, r := range s.Static {
		if r.Contains(ip) {
			return true
		}
	}
	return false
}

// InAZ tells whether instances of the zone may use the subnet.
func (s Subnet) InAZ(az string) bool { return len(s.AZs) == 0 || az == "" || contains(s.AZs, az) }

const (
	reservedOutOfRange = 160002
	staticOutOfRange   = 160003
	gatewayOutOfRange  = 160007
	gatewayInvalid     = 160009
	rangeInvalid       = 160013
)

func readSubnet(m *Map, network string) (Subnet, error) {
	var s Subnet
	cidr, err := requiredText(m, "range")
	if err != nil {
		return Subnet{}, err
	}
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil {
		return Subnet{}, fault.New(rangeInvalid, "Invalid subnet range '%s' of network '%s'", cidr, network)
	}
	s.Range = prefix.Masked()
	gateway, err := requiredText(m, "gateway")
	if err != nil {
		return Subnet{}, err
	}
	if s.Gateway, err = netip.ParseAddr(gateway); err != nil {
		return Subnet{}, fault.New(gatewayInvalid, "Invalid gateway for network '%s': '%s'", network, gateway)
	}
	if !s.Range.Contains(s.Gateway) {
		return Subnet{}, fault.New(gatewayOutOfRange, "Gateway '%s' of network '%s' is out of range", gateway, network)
	}
	if s.DNS, err = texts(m, "dns"); err != nil {
		return Subnet{}, err
	}
	if s.AZs, err = texts(m, "azs"); err != nil {
		return Subnet{}, err
	}
	if az, err := text(m, "az"); err != nil {
		return Subnet{}, err
	} else if az != "" {
		s.AZs = append(s.AZs, az)
	}
	if s.Reserved, err = s.ranges(m, "reserved", network, reservedOutOfRange); err != nil {
		return Subnet{}, err
	}
	s.Static, err = s.ranges(m, "static", network, staticOutOfRange)
	return s, err
}

// ranges reads a list of addresses, or a single one.
func (s Subnet) ranges(m *Map, key, network string, code int) ([]Range, error) {
	items := []string{}
	if single, ok := m.Get(key).(string); ok {
		items = append(items, single)
	} else {
		var err error
		if items, err = texts(m, key); err != nil {
			return nil, err
		}
	}
	var ranges []Range
	for _, item := range items {
		r, err := ParseRange(item)
		if err != nil {
			return nil, fault.New(code, "Invalid %s IP '%s' in network '%s'", key, item, network)
		}
		if !s.Range.Contains(r.First) || !s.Range.Contains(r.Last) {
			return nil, fault.New(code, "%s IP '%s' is out of network '%s' range", strings.ToUpper(key[:1])+key[1:], item, network)
		}
		ranges = append(ranges, r)
	}
	return ranges, nil
}
