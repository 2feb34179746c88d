package jobs

import (
	"cmp"
	"time"

	"github.com/pks-community/pks-release/src/local/machine/agent"
)

// controllerManager is reference/cluster-manifest.md §5.3.
func controllerManager(t *template) {
	ca := t.configFile("ca.pem", t.text("tls.kubernetes.ca"))
	config := t.kubeconfig("kubeconfig", "system:kube-controller-manager", t.text("api-token"), ca)
	t.secretFile("cluster-signing-ca.pem", t.text("cluster-signing.certificate"))
	t.secretFile("cluster-signing-key.pem", t.text("cluster-signing.private_key"))
	t.secretFile("service-account-private-key.pem", t.text("service-account-private-key"))
	t.secretFile("kube-controller-manager-cert.pem", t.text("tls.kube-controller-manager.certificate"))
	t.secretFile("kube-controller-manager-private-key.pem", t.text("tls.kube-controller-manager.private_key"))

	a := t.arguments()
	t.serveLocally(a)
	t.builtInProvider()
	t.process("kube-controller-manager", append([]string{t.pkg("kubernetes", "bin", "kube-controller-manager")}, a.list()...),
		t.proxies(""), t.healthy(a, 10257, "/healthz"), 10*time.Second)
	if a.value("leader-elect") != "false" {
		t.leads(cmp.Or(a.value("leader-elect-resource-name"), "kube-controller-manager"), config)
	}
}

// serveLocally makes a server of a simulated machine listen on that machine's address, for all of them
// share the host's ports.
func (t *template) serveLocally(a arguments) {
	if t.Simulated {
		t.own(a, "bind-address", t.Address.String())
	}
}

// healthy is the probe of a server with TLS whose port the manifest may have changed.
func (t *template) healthy(a arguments, port int, path string) *agent.Probe {
	if given := a.value("secure-port"); given != "" {
		return &agent.Probe{HTTPS: "https://" + t.local() + ":" + given + path}
	}
	return &agent.Probe{HTTPS: t.localURL("https", port, path)}
}
