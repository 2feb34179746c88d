package agent

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// hostsFile is the content of a hosts(5) file: this machine, loopback, and names.
func (c Config) hostsFile(names map[string][]netip.Addr) string {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
	if c.Address.IsValid() && c.Name != "" {
		fmt.Fprintf(&b, "%s %s\n", c.Address, c.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		for _, address := range names[name] {
			fmt.Fprintf(&b, "%s %s\n", address, name)
		}
	}
	return b.String()
}

func checkHosts(names map[string][]netip.Addr) error {
	for name, addresses := range names {
		if name == "" || strings.ContainsAny(name, " \t\r\n#") {
			return fmt.Errorf("host name %q is not valid", name)
		}
		for _, address := range addresses {
			if !address.IsValid() {
				return fmt.Errorf("host name %s has an invalid address", name)
			}
		}
	}
	return nil
}
