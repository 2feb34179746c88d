package jobs

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/agent"
)

// serviceAccountIssuer is what Kubernetes signs tokens as unless told otherwise.
const serviceAccountIssuer = "https://kubernetes.default.svc.cluster.local"

// apiServer is reference/cluster-manifest.md §5.2. That it adds no certificate, no authentication and no
// authorisation of its own is on purpose: those flags are the manifest's.
func apiServer(t *template) {
	etcd := t.link("etcd")
	masters := t.link("kube-apiserver")
	t.secretFile("tokens.csv", t.tokens())
	t.secretFile("kubernetes.pem", t.text("tls.kubernetes.certificate"))
	t.secretFile("kubernetes-key.pem", t.text("tls.kubernetes.private_key"))
	ca := t.configFile("kubernetes-ca.pem", t.text("tls.kubernetes.ca"))
	t.secretFile("kubelet-client-cert.pem", t.text("tls.kubelet-client.certificate"))
	t.secretFile("kubelet-client-key.pem", t.text("tls.kubelet-client.private_key"))
	t.secretFile("etcd-ca.crt", t.shared(etcd, "tls.etcdctl.ca"))
	t.secretFile("etcd-client.crt", t.shared(etcd, "tls.etcdctl.certificate"))
	t.secretFile("etcd-client.key", t.shared(etcd, "tls.etcdctl.private_key"))
	t.secretFile("service-account-public-key.pem", t.text("service-account-public-key"))
	t.secretFile("oidc-ca.pem", t.optional("oidc.ca", ""))
	if policy, ok := t.value("audit-policy"); ok {
		t.document("audit_policy.yml", t.auditPolicy(policy))
	}
	if config, ok := t.value("encryption-config"); ok {
		t.document("encryption-config.yml", config)
	}

	a := t.arguments()
	t.filter(a, "k8s-args", "enable-admission-plugins", t.knownPlugins)
	t.filter(a, "k8s-args", "disable-admission-plugins", t.knownPlugins)
	a.add("etcd-servers", strings.Join(t.etcdEndpoints(etcd), ","))
	t.own(a, "apiserver-count", fmt.Sprint(len(masters.Instances)))
	a.add("advertise-address", t.Address.String())
	t.signing(a)
	if t.Simulated {
		// No pod reaches the API, and the address is a loopback one, which an endpoint may not have.
		t.own(a, "bind-address", t.Address.String())
		t.own(a, "endpoint-reconciler-type", "none")
	}
	t.builtInProvider()

	ready := &agent.Probe{HTTPS: t.localURL("https", apiPort, "/readyz")}
	if a.value("anonymous-auth") == "false" {
		ready = &agent.Probe{TCP: fmt.Sprintf("%s:%d", t.local(), apiPort)}
	}
	t.process("kube-apiserver", append([]string{t.pkg("kubernetes", "bin", "kube-apiserver")}, a.list()...), t.proxies(""), ready, 8*time.Second)

	t.hook(machine.PostStart, "kube-apiserver-post-start.sh", time.Minute, map[string]string{
		"KUBECONFIG": t.kubeconfig("kubeconfig", t.text("admin-username"), t.text("admin-password"), ca),
	})
}

// tokens are the static users (reference/cluster-manifest.md §8).
func (t *template) tokens() string {
	var out strings.Builder
	w := csv.NewWriter(&out)
	for _, user := range []struct{ password, name, groups string }{
		{"admin-password", t.text("admin-username"), "system:masters"},
		{"kubelet-password", "kubelet", ""},
		{"kubelet-drain-password", "kubelet-drain", ""},
		{"kube-proxy-password", "kube-proxy", ""},
		{"kube-controller-manager-password", "system:kube-controller-manager", ""},
		{"kube-scheduler-password", "system:kube-scheduler", ""},
	} {
		record := []string{t.text(user.password), user.name, user.name}
		if user.groups != "" {
			record = append(record, user.groups)
		}
		if err := w.Write(record); err != nil {
			t.fail("property %s: write tokens.csv: %w", user.password, err)
		}
	}
	w.Flush()
	return out.String()
}

// auditPolicy brings an old policy to the version that is still read; its content is the same.
func (t *template) auditPolicy(policy any) any {
	p, ok := policy.(map[string]any)
	if !ok || t.minor < 24 {
		return policy
	}
	old, _ := scalar(p["apiVersion"])
	if !slices.Contains([]string{"audit.k8s.io/v1alpha1", "audit.k8s.io/v1beta1"}, old) {
		return policy
	}
	t.warn("property audit-policy is read as audit.k8s.io/v1: Kubernetes %s no longer reads %s", t.Kubernetes, old)
	out := map[string]any{}
	for key, value := range p {
		out[key] = value
	}
	out["apiVersion"] = "audit.k8s.io/v1"
	return out
}

// signing adds what an API server since 1.20 does not start without. The manifest has the key: the
// controller manager of the same machine signs with it.
func (t *template) signing(a arguments) {
	if t.minor < 20 {
		return
	}
	a.add("service-account-issuer", serviceAccountIssuer)
	if _, given := a["service-account-signing-key-file"]; given {
		return
	}
	manager, ok := t.spec.Job("kube-controller-manager")
	if !ok {
		t.fail("property k8s-args.service-account-signing-key-file is missing, and there is no job kube-controller-manager on this machine to take the key from")
		return
	}
	key, _ := lookup(manager.Properties, "service-account-private-key")
	text, ok := scalar(key)
	if !ok || text == "" {
		t.fail("property k8s-args.service-account-signing-key-file is missing, and job kube-controller-manager has no service-account-private-key")
		return
	}
	a.set("service-account-signing-key-file", t.secretFile("service-account-key.pem", text))
}
