package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
)

const complete = `
broker:
  port: 8080
  username: broker
  password: hunter2
  use_stdin: true
  disable_cf_startup_checks: true
  enable_secure_manifests: true
  startup_banner: true
bosh:
  url: https://director:25555
  authentication: {uaa: {client_credentials: {client_id: pks-broker, client_secret: s}}}
bosh_credhub:
  url: https://director:8844
  authentication: {uaa: {client_credentials: {client_id: pks-broker, client_secret: s}}}
service_adapter: {path: ADAPTER}
service_deployment:
  releases: [{name: kubo, version: "1.0", jobs: [kubelet]}]
  stemcells: [{os: ubuntu-jammy, version: "1.500"}]
service_catalog:
  id: s1
  service_name: p.pks
  metadata: {display_name: PKS, vendor: us}
  global_properties: {a: 1, b: 1}
  plans:
  - plan_id: p1
    name: small
    properties: {b: {c: [2]}}
    instance_groups:
    - {name: worker, vm_type: small, instances: 3, networks: [default], azs: [z1], vm_extensions: [x, ""]}
    update: {canaries: 1, canary_watch_time: 1000-2000, update_watch_time: 1000-2000, max_in_flight: 20%}
    lifecycle_errands: {post_deploy: [{name: apply-addons, instances: [worker/0]}]}
`

func adapter(t *testing.T, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "adapter")
	if err := os.WriteFile(path, nil, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func parse(t *testing.T, text string) (Config, []string, error) {
	t.Helper()
	return Parse([]byte(strings.ReplaceAll(text, "ADAPTER", adapter(t, 0o500))))
}

func TestCompleteConfiguration(t *testing.T) {
	t.Parallel()
	c, warnings, err := parse(t, complete)
	if err != nil || len(warnings) != 0 {
		t.Fatal(warnings, err)
	}
	plan, ok := c.ServiceCatalog.Plan("p1")
	if !ok {
		t.Fatal("no plan p1")
	}
	want := serviceadapter.Plan{
		Properties:       serviceadapter.Properties{"a": 1, "b": serviceadapter.Properties{"c": []any{2}}},
		LifecycleErrands: serviceadapter.LifecycleErrands{PostDeploy: []serviceadapter.Errand{{Name: "apply-addons", Instances: []string{"worker/0"}}}},
		InstanceGroups: []serviceadapter.InstanceGroup{{
			Name: "worker", VMType: "small", VMExtensions: serviceadapter.VMExtensions{"x"}, Instances: 3, Networks: []string{"default"}, AZs: []string{"z1"},
		}},
		Update: &serviceadapter.Update{Canaries: 1, CanaryWatchTime: "1000-2000", UpdateWatchTime: "1000-2000", MaxInFlight: "20%"},
	}
	if diff := cmp.Diff(want, c.ServiceCatalog.ForAdapter(plan)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"vendor": "us"}, c.ServiceCatalog.Metadata.More); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownKeysAreWarnedOf(t *testing.T) {
	t.Parallel()
	_, warnings, err := parse(t, complete+"mount_paths: [/x]\n")
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "mount_paths") {
		t.Error(warnings, err)
	}
}

// clientOf is a UAA for instances' clients before the section bosh.
func clientOf(definition, more string) string {
	if more != "" {
		more += ", "
	}
	return "cf: {uaa: {" + more + "client_definition: {" + definition + "}}}\nbosh:\n"
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, new, want string }{
		{"port: 8080", "", "broker.port can't be empty"},
		{"port: 8080", "port: 70000", "broker.port 70000 is not a TCP port"},
		{"port: 8080", "port: 8080\n  bind_address: localhost", `broker.bind_address "localhost" is not an IP address`},
		{"port: 8080", "port: 8080\n  tls: {cert_file: x}", "broker.tls needs both cert_file and key_file, or neither"},
		{"username: broker", "", "broker.username can't be empty"},
		{"password: hunter2", "", "broker.password can't be empty"},
		{"url: https://director:25555", "", "BOSH configuration error: must specify bosh url"},
		{"  authentication: {uaa: {client_credentials: {client_id: pks-broker, client_secret: s}}}\nbosh_credhub", "bosh_credhub", "BOSH configuration error: must specify an authentication type"},
		{"authentication: {uaa: {client_credentials: {client_id: pks-broker, client_secret: s}}}\nbosh_credhub", "authentication: {uaa: {client_credentials: {client_secret: s}}}\nbosh_credhub", "BOSH configuration error: authentication.uaa.client_credentials.client_id can't be empty"},
		{"authentication: {uaa:", "authentication: {basic: {username: u, password: p}, uaa:", "BOSH configuration error: cannot specify both basic and UAA authentication"},
		{"authentication: {uaa: {client_credentials: {client_id: pks-broker, client_secret: s}}}\nbosh_credhub", "authentication: {basic: {username: u}}\nbosh_credhub", "BOSH configuration error: authentication.basic.password can't be empty"},
		{"disable_cf_startup_checks: true", "", "CF configuration error: must specify CF url, or set broker.disable_cf_startup_checks: true"},
		{"disable_cf_startup_checks: true", "disable_cf_startup_checks: false\ncf: {url: https://cf}", "CF configuration error: this broker has no Cloud Foundry client"},
		{"bosh:\n", clientOf("scopes: openid", ""), "CF configuration error: cf.uaa.client_definition needs cf.uaa.url"},
		{"bosh:\n", clientOf("scopes: openid", "url: https://uaa"), "cf.uaa.authentication.client_credentials.client_id can't be empty"},
		{"bosh:\n", clientOf("scopes: openid", "url: https://uaa, authentication: {client_credentials: {client_id: c}}"), "cf.uaa.authentication.client_credentials.client_secret can't be empty"},
		{"bosh:\n", clientOf("scopes: openid", "url: https://uaa, authentication: {client_credentials: {client_id: c, client_secret: s}}"), "cf.uaa.client_definition.authorized_grant_types can't be empty"},
		{"bosh:\n", clientOf("scopes: openid", "url: https://uaa, authentication: {user_credentials: {username: u}}"), "cf.uaa.authentication.user_credentials.password can't be empty"},
		{"bosh:\n", clientOf("scopes: openid", "url: https://uaa, authentication: {user_credentials: {password: p}}"), "cf.uaa.authentication.user_credentials.username can't be empty"},
		{"bosh:\n", clientOf("scopes: openid", "url: https://uaa, authentication: {user_credentials: {username: u, password: p}}"), "cf.uaa.client_definition.authorized_grant_types can't be empty"},
		{"bosh:\n", clientOf("scopes: openid", "url: https://uaa, authentication: {client_credentials: {client_id: c}, user_credentials: {username: u}}"), "cf.uaa.authentication contains both client and user credentials"},
		{"bosh:\n", "credhub: {api_url: https://x}\nbosh:\n", "credhub.client_id can't be empty"},
		{"bosh:\n", "credhub: {api_url: https://x, client_id: c}\nbosh:\n", "credhub.client_secret can't be empty"},
		{"bosh:\n", "credhub: {ca_cert: x}\nbosh:\n", "credhub.api_url can't be empty"},
		{"use_stdin: true", "", "broker.enable_secure_manifests needs broker.use_stdin"},
		{"url: https://director:8844", "", "broker.enable_secure_manifests needs bosh_credhub.url"},
		{"path: ADAPTER", "path: ''", "checking for executable service adapter file: path is empty"},
		{"path: ADAPTER", "path: /", "checking for executable service adapter file: '/' is a directory"},
		{"path: ADAPTER", "path: /nowhere", "checking for executable service adapter file: stat /nowhere: no such file or directory"},
		{`version: "1.0"`, "version: 1.latest", `service_deployment: release kubo has version "1.latest"`},
		{"id: s1", "", "service_catalog.id can't be empty"},
		{"plan_id: p1", "plan_id: ''", "service_catalog.plans[0].plan_id can't be empty"},
		{"worker/0", "worker/", "Must specify pool or instance 'worker/' in format 'name' or 'name/id-or-index'"},
		{"b: {c: [2]}", "b: {1: 2}", "cannot be given to the adapter as JSON"},
		{"name: small", "name: small\n    quotas: {service_instance_limit: 3}", "quotas need a list of the instances: configure service_instances_api"},
	} {
		broken := strings.Replace(complete, c.old, c.new, 1)
		if broken == complete {
			t.Errorf("%q is not in the configuration", c.old)
			continue
		}
		if c.old == "disable_cf_startup_checks: true" && c.new != "" {
			broken = strings.Replace(complete, c.old, "", 1) + "cf: {url: https://cf}\n"
		}
		if _, _, err := parse(t, broken); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s → %s: %v", c.old, c.new, err)
		}
	}
}

func TestInstancesMayHaveUAAClientsWithoutCloudFoundry(t *testing.T) {
	t.Parallel()
	text := strings.Replace(complete, "bosh:\n", clientOf("scopes: openid, authorized_grant_types: implicit, allowpublic: true",
		"url: https://uaa, authentication: {client_credentials: {client_id: c, client_secret: s}}"), 1)
	c, warnings, err := parse(t, text)
	if err != nil || len(warnings) != 0 {
		t.Fatal(warnings, err)
	}
	want := ClientDefinition{Scopes: "openid", GrantTypes: "implicit", AllowPublic: "true"}
	if diff := cmp.Diff(want, c.CF.UAA.ClientDefinition); diff != "" || !c.CF.UAA.Set() {
		t.Error(diff)
	}
}

func TestPersonMayLogInForInstancesClients(t *testing.T) {
	t.Parallel()
	text := strings.Replace(complete, "bosh:\n", clientOf("scopes: openid, authorized_grant_types: implicit",
		"url: https://uaa, authentication: {user_credentials: {username: u, password: p}}"), 1)
	c, warnings, err := parse(t, text)
	if err != nil || len(warnings) != 0 || !c.CF.UAA.Set() {
		t.Fatal(warnings, err)
	}
	if diff := cmp.Diff(UserCredentials{Username: "u", Password: "p"}, c.CF.UAA.Authentication.UserCredentials); diff != "" {
		t.Error(diff)
	}
}

func TestRuntimeCredHubTrustsBothAuthorities(t *testing.T) {
	t.Parallel()
	text := strings.Replace(complete, "bosh:\n", "credhub: {api_url: 'https://c:8844', client_id: c, client_secret: s, ca_cert: \"A\\n\", internal_uaa_ca_cert: B}\nbosh:\n", 1)
	c, warnings, err := parse(t, text)
	if err != nil || len(warnings) != 0 {
		t.Fatal(warnings, err)
	}
	want := RuntimeCredHub{APIURL: "https://c:8844", ClientID: "c", ClientSecret: "s", CACert: "A\n", InternalUAACACert: "B"}
	if diff := cmp.Diff(want, c.CredHub); diff != "" || c.CredHub.Roots() != "A\nB" {
		t.Errorf("%q %s", c.CredHub.Roots(), diff)
	}
	if (RuntimeCredHub{}).Roots() != "" {
		t.Error("without any the system's are to be used")
	}
}

func TestAdapterThatIsNotExecutable(t *testing.T) {
	t.Parallel()
	path := adapter(t, 0o600)
	_, _, err := Parse([]byte(strings.ReplaceAll(complete, "ADAPTER", path)))
	if want := fmt.Sprintf("checking for executable service adapter file: '%s' is not executable", path); err == nil || err.Error() != want {
		t.Error(err)
	}
}

func TestMistakesAreToldWithoutTheirValues(t *testing.T) {
	t.Parallel()
	_, _, err := parse(t, strings.Replace(complete, "port: 8080", "port: hunter2", 1))
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "line 3") {
		t.Error(err)
	}
}

// FuzzParse: with -fuzzminimizetime=1x, or the tool spends its time on making the
// long seeds shorter.
func FuzzParse(f *testing.F) {
	f.Add(complete)
	f.Add("broker: [")
	f.Add("service_catalog: {plans: [{update: {max_in_flight: 1.5}}]}")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _, _ = Parse([]byte(text)) // must not panic
	})
}
