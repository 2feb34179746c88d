package jobs

import (
	"maps"
	"time"

	"github.com/pks-community/pks-release/src/local/machine/agent"
)

// kubeProxy is reference/cluster-manifest.md §5.11. On simulated machines services have no traffic.
func kubeProxy(t *template) {
	ca := t.configFile("ca.pem", t.text("tls.kubernetes.ca"))
	t.kubeconfig("kubeconfig", "kube-proxy", t.text("api-token"), ca)
	const property = "kube-proxy-configuration"
	given := t.structure(property)
	if given == nil {
		t.fail("property %s is missing", property)
	}
	c, _ := t.hereAll(given).(map[string]any)
	if c == nil {
		c = map[string]any{}
	}
	t.configuredGates(property, c)
	if _, set := c["udpIdleTimeout"]; set && t.minor >= 26 {
		t.warn("property %s.udpIdleTimeout is left out: Kubernetes %s no longer has it", property, t.Kubernetes)
		delete(c, "udpIdleTimeout")
	}
	c["hostnameOverride"] = t.Address.String()
	t.mode(property, c)
	t.masquerade(property, c)
	// The limit of tracked connections is the host's to set (reference/local-kubernetes.md §3.6).
	conntrack, _ := c["conntrack"].(map[string]any)
	if len(conntrack) > 0 {
		t.warn("property %s.conntrack has no effect: these are settings of the whole host", property)
	}
	c["conntrack"] = map[string]any{"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
	file := t.document("config.yml", c)

	a := t.arguments()
	t.own(a, "config", file)
	t.builtInProvider()
	if t.Simulated {
		return
	}
	t.process("kube-proxy", append([]string{t.pkg("kubernetes", "bin", "kube-proxy")}, a.list()...), nil,
		&agent.Probe{HTTP: t.localURL("http", 10256, "/livez")}, 5*time.Second)
}

// mode chooses nftables where the host has nothing else.
func (t *template) mode(property string, c map[string]any) {
	mode, _ := scalar(c["mode"])
	switch {
	case mode == "userspace" && t.minor >= 26:
		t.warn("property %s.mode userspace is carried as iptables: Kubernetes %s no longer has it", property, t.Kubernetes)
		c["mode"] = "iptables"
		t.mode(property, c)
	case t.Nftables && mode != "nftables":
		if mode == "" {
			mode = "iptables"
		}
		t.warn("property %s.mode %s is carried as nftables: this host has no iptables", property, mode)
		c["mode"] = "nftables"
	}
}

// masquerade makes services reachable for the pods of one node where bridged packets pass by the packet
// filter: unless the service's address stays in them, answers take the short way and are not recognised.
func (t *template) masquerade(property string, c map[string]any) {
	if !t.NoBridgeFilter {
		return
	}
	mode, _ := scalar(c["mode"])
	if mode != "nftables" {
		mode = "iptables"
	}
	section, _ := c[mode].(map[string]any)
	section = maps.Clone(section)
	if section == nil {
		section = map[string]any{}
	}
	section["masqueradeAll"] = true
	c[mode] = section
	t.warn("property %s.%s.masqueradeAll is true: this host's kernel has no br_netfilter, so pods see the address of a node in place of their clients'", property, mode)
}
