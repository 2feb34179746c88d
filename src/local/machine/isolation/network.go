package isolation

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
)

const (
	bridgeName    = "br0"
	interfaceName = "eth0"
)

// makeBridge makes the segment's bridge with the gateway's address.
func makeBridge(gateway netip.Prefix) (*netlink.Bridge, error) {
	if err := linkUp("lo"); err != nil {
		return nil, err
	}
	attributes := netlink.NewLinkAttrs()
	attributes.Name = bridgeName
	// A bridge without an address of its own takes over that of a port, and changes it with the ports.
	attributes.HardwareAddr = hardwareAddress(gateway.Addr())
	bridge := &netlink.Bridge{LinkAttrs: attributes}
	if err := netlink.LinkAdd(bridge); err != nil {
		return nil, fmt.Errorf("make a bridge: %w", err)
	}
	if err := netlink.AddrAdd(bridge, &netlink.Addr{IPNet: ipNet(gateway)}); err != nil {
		return nil, fmt.Errorf("give the bridge its address: %w", err)
	}
	if err := netlink.LinkSetUp(bridge); err != nil {
		return nil, fmt.Errorf("switch the bridge on: %w", err)
	}
	return bridge, nil
}

// plug connects the machine whose first process is pid to the bridge, by a port of this name.
func plug(bridge *netlink.Bridge, port string, pid int, address netip.Addr) error {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = port
	attributes.MasterIndex = bridge.Attrs().Index
	veth := &netlink.Veth{
		LinkAttrs:     attributes,
		PeerName:      interfaceName,
		PeerNamespace: netlink.NsPid(pid),
		// The same address for each machine that has this IP address: its neighbours need not find out
		// that it was made anew.
		PeerHardwareAddr: hardwareAddress(address),
	}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("connect the machine to the bridge: %w", err)
	}
	if err := linkUp(port); err != nil {
		unplug(port)
		return err
	}
	return nil
}

// unplug removes a port at once; the kernel does so too, some time after its machine has ended.
func unplug(port string) {
	if link, err := netlink.LinkByName(port); err == nil {
		_ = netlink.LinkDel(link) // the kernel may have been faster
	}
}

// connectInside sets up the machine's end.
func connectInside(address netip.Prefix, gateway netip.Addr) error {
	if err := linkUp("lo"); err != nil {
		return err
	}
	link, err := netlink.LinkByName(interfaceName)
	if err != nil {
		return fmt.Errorf("find the network interface: %w", err)
	}
	// Tell the neighbours at once where this address is now.
	if err := writeSysctl("net/ipv4/conf/"+interfaceName+"/arp_notify", "1"); err != nil {
		return err
	}
	if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: ipNet(address)}); err != nil {
		return fmt.Errorf("give the machine its address: %w", err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("switch the network interface on: %w", err)
	}
	route := &netlink.Route{LinkIndex: link.Attrs().Index, Gw: gateway.AsSlice()}
	if err := netlink.RouteAdd(route); err != nil {
		return fmt.Errorf("set the default route: %w", err)
	}
	if err := writeSysctl("net/ipv4/ip_forward", "1"); err != nil {
		return err
	}
	for _, name := range []string{"bridge-nf-call-iptables", "bridge-nf-call-ip6tables"} {
		// Only where the module is loaded.
		if err := writeSysctl("net/bridge/"+name, "1"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func linkUp(name string) error {
	link, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetUp(link)
	}
	if err != nil {
		return fmt.Errorf("switch network interface %s on: %w", name, err)
	}
	return nil
}

func writeSysctl(name, value string) error {
	if err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0); err != nil {
		return fmt.Errorf("set a kernel parameter: %w", err)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// hardwareAddress is a locally administered address made of an IPv4 one.
func hardwareAddress(a netip.Addr) net.HardwareAddr {
	ip := a.As4()
	return net.HardwareAddr{0x02, 0x00, ip[0], ip[1], ip[2], ip[3]}
}

// addProbeBridge makes a bridge and removes it again.
func addProbeBridge() error {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = "probe0"
	bridge := &netlink.Bridge{LinkAttrs: attributes}
	if err := netlink.LinkAdd(bridge); err != nil {
		return err
	}
	return netlink.LinkDel(bridge)
}
