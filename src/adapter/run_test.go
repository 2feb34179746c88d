package adapter_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"bytes"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/adapter"
)

// part changes one field of the generate-manifest document.
func part(t *testing.T, field, value string) string {
	t.Helper()
	var document map[string]map[string]string
	if err := json.Unmarshal([]byte(smallest().stdin(t)), &document); err != nil {
		t.Fatal(err)
	}
	document["generate_manifest"][field] = value
	raw, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestBadInputEndsWithOneSentence: exit code 1, the field and the remedy on
// stdout, more for operators on stderr, nothing else.
func TestBadInputEndsWithOneSentence(t *testing.T) {
	t.Parallel()
	noStemcell := smallest()
	noStemcell.stemcellOS = ""
	newer := strings.Replace(smallest().run(t).Manifest, "format: 1", "format: 2", 1)
	for name, tc := range map[string]struct {
		args  []string
		stdin string
		want  string
	}{
		"no sub-command":          {nil, "", "sub-command is missing"},
		"unknown sub-command":     {[]string{"explode"}, "", `"explode" is not a sub-command`},
		"empty stdin":             {[]string{"generate-manifest"}, " \n", "stdin is empty"},
		"not JSON":                {[]string{"generate-manifest"}, "{", "stdin is not the JSON document"},
		"too big":                 {[]string{"generate-manifest"}, strings.Repeat(" ", 17<<20), "more than 16 MiB"},
		"plan not JSON":           {[]string{"generate-manifest"}, part(t, "plan", "{"), "generate_manifest.plan is not JSON"},
		"plan empty":              {[]string{"generate-manifest"}, part(t, "plan", ""), "generate_manifest.plan is empty"},
		"plan without groups":     {[]string{"generate-manifest"}, part(t, "plan", "{}"), `plan.instance_groups has no group "master"`},
		"no releases":             {[]string{"generate-manifest"}, part(t, "service_deployment", `{"deployment_name":"d"}`), "service_deployment.releases is empty"},
		"no deployment":           {[]string{"generate-manifest"}, part(t, "service_deployment", "{}"), "service_deployment.deployment_name is missing"},
		"deployment of texts":     {[]string{"generate-manifest"}, part(t, "service_deployment", `{"releases":"all"}`), "not of the form"},
		"no stemcell":             {[]string{"generate-manifest"}, noStemcell.stdin(t), "service_deployment.stemcells is empty"},
		"parameters not a map":    {[]string{"generate-manifest"}, part(t, "request_parameters", `{"parameters":[1]}`), "request_parameters.parameters is not an object"},
		"request not an object":   {[]string{"generate-manifest"}, part(t, "request_parameters", `[]`), "request_parameters is not a JSON object"},
		"previous not YAML":       {[]string{"generate-manifest"}, part(t, "previous_manifest", "a: [b"), "previous_manifest is not the YAML"},
		"previous is a list":      {[]string{"generate-manifest"}, part(t, "previous_manifest", "- a"), "previous_manifest is not the YAML"},
		"previous too big":        {[]string{"generate-manifest"}, part(t, "previous_manifest", "name: "+strings.Repeat("a", 5<<20)), "previous_manifest has"},
		"previous by another":     {[]string{"generate-manifest"}, part(t, "previous_manifest", "name: x"), "not made by this service adapter"},
		"previous by a newer one": {[]string{"generate-manifest"}, part(t, "previous_manifest", newer), "newer version"},
		"previous plan not JSON":  {[]string{"generate-manifest"}, part(t, "previous_plan", "{"), "previous_plan is not JSON"},
		"no manifest to bind to":  {[]string{"create-binding"}, `{"create_binding":{"binding_id":"a","bosh_vms":"{}","request_parameters":"{}"}}`, "create_binding.manifest is empty"},
		"manifest without a name": {[]string{"delete-binding"}, `{"delete_binding":{"binding_id":"a","bosh_vms":"{}","manifest":"a: b","request_parameters":"{}"}}`, "delete_binding.manifest has no name"},
		"vms not JSON":            {[]string{"create-binding"}, `{"create_binding":{"binding_id":"a","bosh_vms":"x","manifest":"name: b","request_parameters":"{}"}}`, "create_binding.bosh_vms is not JSON"},
		"dashboard of nothing":    {[]string{"dashboard-url"}, `{"dashboard_url":{}}`, "dashboard_url.manifest is empty"},
		"schema of nothing":       {[]string{"generate-plan-schemas"}, `{}`, "generate_plan_schemas.plan is empty"},
		"a percent sign":          {[]string{"generate-manifest"}, smallest().with(nil, object{"cluster_name": "100%d%s"}).stdin(t), `"100%d%s"`},
		"positional, too few":     {[]string{"generate-manifest", "{}"}, "", "Missing arguments"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := execute(t, tc.stdin, tc.args...)
			if code != 1 || !strings.Contains(stdout, tc.want) || strings.Contains(stdout, "\n") {
				t.Errorf("exit code %d, stdout %q, want %q", code, stdout, tc.want)
			}
			if !strings.Contains(stderr, "[pks-service-adapter]") {
				t.Errorf("stderr %q", stderr)
			}
		})
	}
}

func TestUnreadableStdin(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	code := adapter.Run(t.Context(), adapter.Build{Version: "1.2.3", Commit: "abc"}, []string{"a", "generate-manifest"}, iotest.ErrReader(errors.New("gone")), &stdout, &stderr)
	if code != 1 || !strings.Contains(stdout.String(), "stdin cannot be read") {
		t.Errorf("exit code %d, stdout %q", code, stdout.String())
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestAnswerThatCannotBeWrittenIsAFailure(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	code := adapter.Run(t.Context(), adapter.Build{Version: "1.2.3", Commit: "abc"}, []string{"a", "generate-manifest"}, strings.NewReader(smallest().stdin(t)), full{}, &stderr)
	if code != 1 || !strings.Contains(stderr.String(), "disk full") {
		t.Errorf("exit code %d, stderr %q", code, stderr.String())
	}
}

func TestSecretsNeverReachTheManifestOrTheMessages(t *testing.T) {
	t.Parallel()
	const secret = "hunter2/geheim"
	c := smallest().with(object{"cloud_provider": object{"type": "vsphere", "vsphere": object{
		"server": "v", "user": "u", "password": secret, "datacenter": "d", "datastore": "s", "folder": "f",
	}}}, object{"proxy": object{"http_proxy": object{"url": "http://p", "username": "u", "password": secret}}})
	got := c.run(t)
	if strings.Contains(got.Manifest, "hunter2") {
		t.Error("the manifest holds a password")
	}
	want := object{"vsphere_password": secret, "http_proxy_password": "hunter2%2Fgeheim"}
	if diff := cmp.Diff(want, got.Secrets); diff != "" {
		t.Errorf("secrets for the broker's keeping (-want +got):\n%s", diff)
	}
	_, stdout, stderr := execute(t, c.with(nil, object{"cluster_name": "-"}).stdin(t), "generate-manifest")
	if strings.Contains(stdout+stderr, "hunter2") {
		t.Error("an error message holds a password")
	}
}

func TestKeyOfTheNSXIdentityIsKeptInCredHub(t *testing.T) {
	t.Parallel()
	got := smallest().with(object{"network": object{"cni": "nsx-t", "nsx_t": object{
		"managers": []string{"nsx.example.com"}, "insecure": true, "t0_router_id": "t0", "pod_ip_block_ids": []string{"b1"},
		"fip_pool_ids": []string{"f1"}, "client_cert": "the certificate", "client_key": "the key",
	}}}, nil).run(t)
	if strings.Contains(got.Manifest, "the key") || !strings.Contains(got.Manifest, "client_certificate: the certificate") {
		t.Errorf("manifest:\n%s", got.Manifest)
	}
	if diff := cmp.Diff(object{"nsx_client_key": "the key"}, got.Secrets); diff != "" {
		t.Error(diff)
	}
}

func TestDashboardIsTheClustersAPI(t *testing.T) {
	t.Parallel()
	c := smallest().with(nil, object{"kubernetes_master_host": "2001:db8::1", "kubernetes_master_port": 443})
	in := c.params(t)
	plan, err := json.Marshal(in.Plan)
	if err != nil {
		t.Fatal(err)
	}
	document, _ := json.Marshal(object{"dashboard_url": object{"instance_id": "x", "plan": string(plan), "manifest": c.run(t).Manifest}})
	code, stdout, _ := execute(t, string(document), "dashboard-url")
	if code != 0 || strings.TrimSpace(stdout) != `{"dashboard_url":"https://[2001:db8::1]:443"}` {
		t.Errorf("exit code %d, stdout %q", code, stdout)
	}
}

func TestPositionalArguments(t *testing.T) {
	t.Parallel()
	var document map[string]map[string]string
	if err := json.Unmarshal([]byte(smallest().stdin(t)), &document); err != nil {
		t.Fatal(err)
	}
	g := document["generate_manifest"]
	code, stdout, stderr := execute(t, "", "generate-manifest", g["service_deployment"], g["plan"], g["request_parameters"], "", "null")
	if code != 0 {
		t.Fatalf("exit code %d: %s\n%s", code, stdout, stderr)
	}
	if diff := cmp.Diff(smallest().run(t).Manifest, stdout); diff != "" {
		t.Error(diff)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if code, stdout, _ := execute(t, "", "-version"); code != 0 || stdout != "pks-service-adapter 1.2.3 (abc)\n" {
		t.Errorf("exit code %d, stdout %q", code, stdout)
	}
}
