package jobs

import (
	_ "embed"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

//go:embed coredns.yml
var coreDNS string

//go:embed coredns-disruption.yml
var coreDNSDisruption string

// applySpecs is the errand of reference/cluster-manifest.md §5.12. Its credentials are those of the link.
func applySpecs(t *template) {
	masters := t.link("kube-apiserver")
	ca := t.configFile("ca.pem", t.shared(masters, "tls.kubernetes.ca"))
	config := t.kubeconfig("kubeconfig", t.shared(masters, "admin-username"), t.shared(masters, "admin-password"), ca)
	if _, ok := t.value("addons"); !ok {
		t.fail("property addons is missing")
	}
	for _, part := range []string{"ca", "certificate", "private_key"} {
		t.text("tls.metrics-server." + part)
	}
	names := t.words("addons")
	for _, name := range names {
		if name != "coredns" && name != "metrics-server" {
			t.fail("property addons: %q is neither coredns nor metrics-server", name)
		}
	}
	if slices.Contains(names, "metrics-server") {
		t.warn("property addons: metrics-server is left out: there is no image of it here, so 'kubectl top' does not work")
	}
	env := map[string]string{"KUBECONFIG": config}
	if slices.Contains(names, "coredns") {
		env["COREDNS"] = t.configFile("coredns.yml", t.coreDNS())
		env["COREDNS_DISRUPTION"] = t.configFile("coredns-disruption.yml", coreDNSDisruption)
	}
	if spec := t.optional("addons-spec", ""); strings.TrimSpace(spec) != "" {
		env["ADDONS"] = t.secretFile("addons-spec.yml", spec)
	}
	limit := t.number("timeout-sec", 1200)
	if limit < 1 {
		t.fail("property timeout-sec is not a number of seconds")
	}
	t.builtInProvider()
	t.errand("apply-specs.sh", time.Duration(limit)*time.Second, env)
}

// coreDNS are the objects of the cluster's DNS with the address of the manifest.
func (t *template) coreDNS() string {
	address := t.optional("kubedns-service-ip", "10.100.200.10")
	if _, err := netip.ParseAddr(address); err != nil {
		t.fail("property kubedns-service-ip is not an address")
	}
	documents := strings.Split(coreDNS, "\n---\n")
	for i, document := range documents {
		var object map[string]any
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.fail("read the objects of CoreDNS: %w", err)
			return ""
		}
		spec, _ := object["spec"].(map[string]any)
		if object["kind"] != "Service" || spec == nil {
			continue
		}
		spec["clusterIP"] = address
		text, err := yaml.Marshal(object)
		if err != nil {
			t.fail("write the objects of CoreDNS: %w", err)
			return ""
		}
		documents[i] = string(text)
	}
	return strings.Join(documents, "\n---\n")
}
