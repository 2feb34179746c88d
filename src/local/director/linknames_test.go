package director_test

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// certificate reads a certificate from the Director's CredHub.
func (b *bench) certificate(name string) *x509.Certificate {
	b.Helper()
	c, err := b.vars.Get(b.Context(), name)
	if err != nil {
		b.Fatal(err)
	}
	fields, _ := c.Value.(map[string]any)
	text, _ := fields["certificate"].(string)
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		b.Fatalf("%s holds no certificate: %v", name, c.Value)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		b.Fatal(err)
	}
	return certificate
}

func TestCertificatesTakeNamesFromLinks(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	named := strings.Replace(d1, "instance_groups:", `- name: leaf
  type: certificate
  update_mode: converge
  options: {ca: ca, common_name: leaf, alternative_names: [own.name]}
  consumes: {alternative_name: {from: master-address}, common_name: {from: master-address}}
- name: bare
  type: certificate
  options: {ca: ca}
  consumes: {common_name: {from: master-address, properties: {wildcard: true}}}
instance_groups:`, 1)
	named = strings.Replace(named, "provides: {web: {as: mweb, shared: true}}",
		"custom_provider_definitions: [{name: addr, type: address}], provides: {web: {as: mweb, shared: true}, addr: {as: master-address}}", 1)
	b.deploy(named, "", "done")

	leaf, bare := b.certificate("/TestDirector/d1/leaf"), b.certificate("/TestDirector/d1/bare")
	if diff := cmp.Diff([]string{"own.name", "q-s0.master.default.d1.bosh"}, leaf.DNSNames); diff != "" {
		t.Error(diff)
	}
	if leaf.Subject.CommonName != "leaf" || bare.Subject.CommonName != "*.master.default.d1.bosh" {
		t.Errorf("common names %q and %q", leaf.Subject.CommonName, bare.Subject.CommonName)
	}
	owners := map[string]int{}
	for _, consumer := range b.list("/link_consumers?deployment=d1") {
		owner, _ := consumer["owner_object"].(map[string]any)
		kind, _ := owner["type"].(string)
		owners[kind]++
	}
	if diff := cmp.Diff(map[string]int{"job": 2, "variable": 3}, owners); diff != "" {
		t.Error(diff)
	}

	b.deploy(strings.Replace(named, "{from: master-address}, common_name", "{from: master-address, properties: {wildcard: true}}, common_name", 1), "", "done")
	if diff := cmp.Diff([]string{"own.name", "*.master.default.d1.bosh"}, b.certificate("/TestDirector/d1/leaf").DNSNames); diff != "" {
		t.Error(diff)
	}
}
