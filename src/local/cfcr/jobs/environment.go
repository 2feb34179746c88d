package jobs

import (
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
)

// Environment is what rendering needs to know about a machine beside its specification.
type Environment struct {
	// Simulated says that there are no namespaces and that kwok stands in for workers: processes share
	// the host's network and listen on the machine's own loopback address.
	Simulated bool
	// Rootless says that the machine lives in a user namespace with a single id.
	Rootless bool
	// Nftables says that the host has no iptables, but nft.
	Nftables bool
	// NoBridgeFilter says that the host's kernel does not show bridged packets to its packet filter: it has
	// no /proc/sys/net/bridge.
	NoBridgeFilter bool
	// Vcap is the path that stands for /var/vcap.
	Vcap string
	// Address is the machine's own address as its processes see it.
	Address netip.Addr
	// Inside translates a machine's address in the manifest to what processes see. Nil: as it is.
	Inside func(netip.Addr) netip.Addr
	// Kubernetes is the version of the binaries in packages/kubernetes, such as 1.36.3.
	Kubernetes string
	// APIBalancer is host:port of the load balancer over the deployment's API servers; only for
	// simulated machines, which cannot have names of their own.
	APIBalancer string
	// Program is the path of pks-local as the machine sees it; empty: packages/pks-local/bin/pks-local.
	Program string
}

const (
	vcap           = "/var/vcap"
	masterInternal = "master.cfcr.internal"
	// apiPort cannot be changed: templates hold the number (reference/cluster-manifest.md §8).
	apiPort = 8443
)

func (e Environment) inside(a netip.Addr) netip.Addr {
	if e.Inside == nil || !a.IsValid() {
		return a
	}
	return e.Inside(a)
}

// translate is inside for a text that may be an address or a name.
func (e Environment) translate(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	return e.inside(a).String()
}

// here puts this machine's paths in place of those below /var/vcap.
func (e Environment) here(text string) string {
	if e.Vcap == vcap {
		return text
	}
	return strings.ReplaceAll(text, vcap+"/", e.Vcap+"/")
}

// hereAll is here for all texts of a tree. The tree is not changed.
func (e Environment) hereAll(tree any) any {
	switch v := tree.(type) {
	case string:
		return e.here(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = e.hereAll(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key := range v {
			out[key] = e.hereAll(v[key])
		}
		return out
	default:
		return tree
	}
}

func (e Environment) pkg(elements ...string) string {
	return path.Join(append([]string{e.Vcap, "packages"}, elements...)...)
}

func (e Environment) program() string {
	if e.Program != "" {
		return e.Program
	}
	return e.pkg("pks-local", "bin", "pks-local")
}

// local is where a process that only this machine talks to listens.
func (e Environment) local() string {
	if e.Simulated {
		return e.Address.String()
	}
	return "127.0.0.1"
}

// localURL is the URL of a port of this machine.
func (e Environment) localURL(scheme string, port int, path string) string {
	return scheme + "://" + net.JoinHostPort(e.local(), strconv.Itoa(port)) + path
}

// search is the PATH of everything that runs on a machine.
func (e Environment) search() string {
	dirs := []string{}
	for _, name := range []string{"kubernetes", "etcdctl", "containerd", "runc", "cni", "flannel"} {
		dirs = append(dirs, e.pkg(name, "bin"))
	}
	return strings.Join(append(dirs, "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"), ":")
}
