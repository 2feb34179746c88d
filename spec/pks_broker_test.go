package spec

import (
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/broker/config"
)

// A key of the broker's configuration without a property could not be set.
func TestEveryKeyOfTheBrokersConfigurationIsAProperty(t *testing.T) {
	t.Parallel()
	text, err := yaml.Marshal(config.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var known map[string]any
	if err := yaml.Unmarshal(text, &known); err != nil {
		t.Fatal(err)
	}
	without := []string{
		"broker.tls.cert_file", "broker.tls.key_file", // written from broker.tls.certificate and .private_key
		"broker.disable_ssl_cert_verification", "cf.url", // of Cloud Foundry
		"broker.enable_optimised_upgrades",                                   // has no effect
		"bosh.authentication.uaa.url", "bosh_credhub.authentication.uaa.url", // told by the Director
		"bosh.authentication.uaa.user_credentials", "bosh_credhub.authentication.uaa.user_credentials", // not used
		"bosh_credhub.authentication.basic", // CredHub has UAA alone
	}
	properties := readJob(t, "pks-broker").Properties
	covered := func(leaf string) bool {
		for name := range properties {
			if name == leaf || strings.HasPrefix(leaf, name+".") {
				return true
			}
		}
		return slices.ContainsFunc(without, func(w string) bool { return w == leaf || strings.HasPrefix(leaf, w+".") })
	}
	all := leaves(known, "")
	if len(all) < 40 {
		t.Fatalf("the configuration has the keys %v", all)
	}
	for _, leaf := range all {
		if !covered(leaf) {
			t.Errorf("no property sets %s", leaf)
		}
	}
}
