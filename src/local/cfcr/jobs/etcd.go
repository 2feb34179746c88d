package jobs

import (
	"fmt"
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/agent"
)

// Ports of etcd. The last is for the probe alone and speaks plain HTTP to this machine only.
const (
	etcdClientPort = 2379
	etcdPeerPort   = 2380
	etcdProbePort  = 2381
)

// etcd is reference/cluster-manifest.md §5.6 and §9.2.
func etcd(t *template) {
	link := t.link("etcd")
	server := [...]string{
		t.secretFile("etcd-ca.crt", t.text("tls.etcd.ca")),
		t.secretFile("etcd.crt", t.text("tls.etcd.certificate")),
		t.secretFile("etcd.key", t.text("tls.etcd.private_key")),
	}
	peer := [...]string{
		t.secretFile("peer-ca.crt", t.text("tls.peer.ca")),
		t.secretFile("peer.crt", t.text("tls.peer.certificate")),
		t.secretFile("peer.key", t.text("tls.peer.private_key")),
	}
	client := map[string]string{
		"ETCDCTL_CACERT": t.secretFile("etcdctl-ca.crt", t.text("tls.etcdctl.ca")),
		"ETCDCTL_CERT":   t.secretFile("etcdctl.crt", t.text("tls.etcdctl.certificate")),
		"ETCDCTL_KEY":    t.secretFile("etcdctl.key", t.text("tls.etcdctl.private_key")),
	}
	t.secretFile("etcdctl-root.crt", t.text("tls.etcdctl-root.certificate"))
	t.secretFile("etcdctl-root.key", t.text("tls.etcdctl-root.private_key"))
	t.users()

	self := t.self(link)
	url := func(port int) string { return fmt.Sprintf("https://%s:%d", self, port) }
	listen := "0.0.0.0"
	if t.Simulated {
		listen = t.Address.String()
	}
	data := t.Vcap + "/store/etcd"
	a := arguments{}
	for flag, value := range map[string]string{
		"name":                        t.spec.ID,
		"data-dir":                    data,
		"listen-client-urls":          fmt.Sprintf("https://%s:%d", listen, etcdClientPort),
		"advertise-client-urls":       url(etcdClientPort),
		"listen-peer-urls":            fmt.Sprintf("https://%s:%d", listen, etcdPeerPort),
		"initial-advertise-peer-urls": url(etcdPeerPort),
		"trusted-ca-file":             server[0],
		"cert-file":                   server[1],
		"key-file":                    server[2],
		"client-cert-auth":            "true",
		"peer-trusted-ca-file":        peer[0],
		"peer-cert-file":              peer[1],
		"peer-key-file":               peer[2],
		"peer-client-cert-auth":       "true",
		"listen-metrics-urls":         t.metrics(self),
	} {
		a.set(flag, value)
	}
	if t.Simulated {
		// Connections between the members of one host come from 127.0.0.1, which has no member's name.
		a.set("peer-skip-client-san-verification", "true")
	}

	env := client
	env["DATA_DIR"] = data
	env["MEMBER_NAME"] = t.spec.ID
	env["PEER_URL"] = url(etcdPeerPort)
	env["BOOTSTRAP"] = fmt.Sprint(t.spec.Bootstrap)
	env["SELF"], env["OTHERS"] = t.clientURLs(link)
	if t.Simulated {
		// etcdctl is asked for addresses, for it knows no names here; who it is, is still checked.
		env["ETCDCTL_INSECURE_SKIP_TLS_VERIFY"] = "true"
		delete(env, "ETCDCTL_CACERT")
	}
	t.process("etcd", append([]string{t.script("etcd.sh", "etcd"), t.pkg("kubernetes", "bin", "etcd")}, a.list()...), env,
		&agent.Probe{HTTP: t.localURL("http", etcdProbePort, "/readyz")}, 30*time.Second)
	t.hook(machine.PostStart, "etcd-post-start.sh", 2*time.Minute, env)
	t.hook(machine.Drain, "etcd-drain.sh", 45*time.Second, env)
}

// self is how the other members reach this one.
func (t *template) self(link machine.Link) string {
	for _, i := range link.Instances {
		if i.ID == t.spec.ID {
			return t.etcdHost(link, i)
		}
	}
	t.fail("link etcd does not have this instance among its members")
	return ""
}

// clientURLs are the endpoints for etcdctl: this member's, and all others' joined by commas.
func (t *template) clientURLs(link machine.Link) (self, others string) {
	var rest []string
	for _, i := range link.Instances {
		host := t.etcdHost(link, i)
		if t.Simulated {
			host = t.firstAddress(i.Address)
		}
		url := fmt.Sprintf("https://%s:%d", host, etcdClientPort)
		if i.ID == t.spec.ID {
			self = url
		} else {
			rest = append(rest, url)
		}
	}
	return self, strings.Join(rest, ",")
}

// firstAddress resolves a link instance's address.
func (t *template) firstAddress(address string) string {
	if found := addressOf(t.spec, address); len(found) > 0 {
		return t.inside(found[0]).String()
	}
	return address
}

// metrics are the listeners for metrics: the manifest's, and the one that the probe asks.
func (t *template) metrics(self string) string {
	own := t.localURL("http", etcdProbePort, "")
	protocol, port := t.optional("etcd.metrics_protocol", ""), t.number("etcd.metrics_port", 0)
	switch {
	case (protocol == "") != (port == 0):
		t.fail("properties etcd.metrics_protocol and etcd.metrics_port: one is set without the other")
	case port == etcdClientPort || port == etcdPeerPort || port == etcdProbePort:
		t.fail("property etcd.metrics_port: port %d is taken", port)
	case port != 0 && protocol != "http" && protocol != "https":
		t.fail("property etcd.metrics_protocol is neither http nor https")
	case port != 0:
		host := "0.0.0.0"
		if t.Simulated {
			host = t.Address.String()
		}
		return fmt.Sprintf("%s,%s://%s:%d", own, protocol, host, port)
	}
	return own
}

// users tells what becomes of the users. Version 2 of etcd's API, and its users with it, went with etcd
// 3.6; certificates decide who gets in.
func (t *template) users() {
	for i, user := range t.entries("users") {
		name, _ := scalar(user["name"])
		versions, _ := user["versions"].([]any)
		if name == "" {
			t.fail("property users: element %d has no name", i)
		}
		for _, v := range versions {
			switch v {
			case "v2":
				t.warn("property users is left out for version v2 of etcd's API, which no longer exists; certificates still decide who gets in")
			case "v3":
				t.warn("property users: user %s is not set up: on a process machine every holder of a client certificate has all rights in etcd", name)
			default:
				t.fail("property users: user %s has a version that is neither v2 nor v3", name)
			}
		}
	}
}
