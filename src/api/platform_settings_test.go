package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pks-community/pks-release/src/pks"
)

// compared is what platform settings make of a spec.
type compared struct {
	Proxy      *pks.Proxy
	Extensions map[string]string
}

func platformOf(s pks.ClusterSpec) compared {
	c := compared{Proxy: s.Proxy, Extensions: map[string]string{}}
	for group, properties := range s.VMExtensionProperties {
		c.Extensions[group] = string(properties)
	}
	return c
}

func TestPlatformSettingsAreKeptChangedAndTakenAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t).offering(pks.ComputeProfiles, "pools", alana, `{"cluster_customization":{"node_pools":[{"name":"tiny","instances":1}]}}`)
	proxy := func(change ...func(*pks.Proxy)) *pks.Proxy {
		p := &pks.Proxy{HTTP: pks.ProxyServer{URL: "http://p:3128", Username: "u", Password: "s&;"}, NoProxy: []string{"a.b", "10.0.0.0/8"}}
		for _, f := range change {
			f(p)
		}
		return p
	}
	second := func(p *pks.Proxy) { p.HTTPS.URL = "http://q:3128/" }
	merged := func(p *pks.Proxy) { p.MergeNoProxy = true }
	bare := func(p *pks.Proxy) { p.NoProxy = nil }
	for _, step := range []struct {
		method, path, body string
		want               compared
	}{
		{"POST", "/v1/clusters", `{"name":"demo","plan_name":"small","parameters":{"kubernetes_master_host":"h",
			"http_proxy":{"url":"http://p:3128","username":"u","password":"s&;"},"no_proxy":" a.b, ,10.0.0.0/8",
			"instance_groups":[{"name":"master","vm_extension":{"vmx_options":{"disk.enableUUID":"1"},"n":12345678901234567890}},{"name":"worker","vm_extension":{}}],
			"enable_gmsa":false,"runtime":""}}`,
			compared{proxy(), map[string]string{"master": `{"n":12345678901234567890,"vmx_options":{"disk.enableUUID":"1"}}`}}},
		{"PATCH", "/v1/clusters/demo", `{"https_proxy":{"url":"http://q:3128/"},"global_no_proxy_merge":"true","instance_groups":[{"name":"worker","vm_extension":{"a":true}}]}`,
			compared{proxy(second, merged), map[string]string{"master": `{"n":12345678901234567890,"vmx_options":{"disk.enableUUID":"1"}}`, "worker": `{"a":true}`}}},
		{"PATCH", "/v1/clusters/demo", `{"no_proxy":"","instance_groups":[{"name":"master","vm_extension":{}}]}`,
			compared{proxy(second, merged, bare), map[string]string{"worker": `{"a":true}`}}},
		{"PATCH", "/v1/clusters/demo", `{"compute_profile_name":"pools","https_proxy":{}}`, compared{proxy(merged, bare), nil}},
		{"PATCH", "/v1/clusters/demo", `{"http_proxy":"","instance_groups":[{"name":"worker-tiny","vm_extension":{"b":[1.5]}}]}`,
			compared{nil, map[string]string{"worker-tiny": `{"b":[1.5]}`}}},
	} {
		got := w.send(request{method: step.method, path: step.path, token: "admin", body: step.body})
		if got.status != http.StatusAccepted {
			t.Fatalf("%s: %d %s", step.body, got.status, got.body)
		}
		if strings.Contains(got.body, "s&;") || strings.Contains(got.body, `s\u0026;`) {
			t.Errorf("the answer has the password: %s", got.body)
		}
		if diff := cmp.Diff(step.want, platformOf(w.clusters["demo"].Spec), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.body, diff)
		}
		settled := w.clusters["demo"]
		settled.LastActionState = pks.ActionSucceeded
		w.clusters["demo"] = settled
	}
	if strings.Contains(w.logs.String(), "s&;") {
		t.Error("the log has the password")
	}
}

func TestBadPlatformSettingsAreRefusedAtTheDoor(t *testing.T) {
	t.Parallel()
	const correct = " Correct the value and send the request again."
	const form = " Write it like http://proxy.example.com:8080; HTTPS traffic goes through it as well."
	const exempt = " Join host names, domains, addresses and ranges with commas, such as registry.example.com,10.0.0.0/8."
	for body, want := range map[string]string{
		`{"http_proxy":"http://p"}`:                                         "http_proxy is a string; it must be an object." + correct,
		`{"http_proxy":{"url":"https://p"}}`:                                "http_proxy.url is not the http:// address of a proxy." + form,
		`{"http_proxy":{"url":"p:3128"}}`:                                   "http_proxy.url is not the http:// address of a proxy." + form,
		`{"https_proxy":{"url":"http://p/path"}}`:                           "https_proxy.url is not the http:// address of a proxy." + form,
		`{"http_proxy":{"url":"http://u:p@p"}}`:                             "http_proxy.url holds credentials. Give them as username and password.",
		`{"http_proxy":{"username":"u"}}`:                                   "http_proxy.url is missing." + form,
		`{"http_proxy":{"url":"http://p","password":"x"}}`:                  "http_proxy has a password but no username. Give both or neither.",
		`{"http_proxy":{"url":"http://p","username":"((admin))"}}`:          "http_proxy.username holds a text in double parentheses. Remove the parentheses: BOSH takes them for the name of a secret.",
		`{"no_proxy":"a.b"}`:                                                "no_proxy is given, but the cluster has no proxy of its own. Give http_proxy or https_proxy too: one with the address of the plan's proxy, if that is to stay.",
		`{"global_no_proxy_merge":true}`:                                    "global_no_proxy_merge is given, but the cluster has no proxy of its own. Give http_proxy or https_proxy too: one with the address of the plan's proxy, if that is to stay.",
		`{"http_proxy":{"url":"http://p"},"no_proxy":"a b"}`:                `no_proxy has the entry "a b".` + exempt,
		`{"http_proxy":{"url":"http://p"},"no_proxy":"$(id)"}`:              `no_proxy has the entry "$(id)".` + exempt,
		`{"no_proxy":["a"]}`:                                                "no_proxy is an array; it must be a string." + correct,
		`{"instance_groups":{}}`:                                            "instance_groups is an object; it must be an array." + correct,
		`{"instance_groups":[{"vm_extension":{}}]}`:                         "instance_groups[0].name is missing. Name an instance group: master, worker.",
		`{"instance_groups":[{"name":"worker"}]}`:                           "instance_groups[0].vm_extension is missing. Give cloud properties, or {} to take away what there was.",
		`{"instance_groups":[{"name":"worker-x","vm_extension":{}}]}`:       `instance_groups[0].name is "worker-x", which is no instance group of the cluster. The groups are master, worker.`,
		`{"instance_groups":[{"name":"windows-worker","vm_extension":{}}]}`: `instance_groups[0].name is "windows-worker", but this PKS makes no Windows workers. Leave the entry out.`,
		`{"instance_groups":[{"name":"worker","vm_extension":{}},{"name":"worker","vm_extension":{"a":1}}]}`: `instance_groups[1].name is "worker", which another entry is about. Give one entry for each group.`,
		`{"instance_groups":[{"name":"worker","vm_extension":{"a":["((x))"]}}]}`:                             "instance_groups[0].vm_extension.a[0] holds a text in double parentheses. Remove the parentheses: BOSH takes them for the name of a secret.",
		`{"instance_groups":[{"name":"worker","vm_extension":7}]}`:                                           "instance_groups[0].vm_extension is a number; it must be an object." + correct,
		`{"enable_gmsa":true}`:                            "enable_gmsa is not offered: this PKS makes no Windows workers. Leave it out.",
		`{"runtime":"docker"}`:                            "runtime is not offered: the container runtime comes with the Kubernetes release. Leave it out.",
		`{"cluster_tags":[{"name":"a","value":"((b))"}]}`: "cluster_tags[0].value holds a text in double parentheses. Remove the parentheses: BOSH takes them for the name of a secret.",
		`{"insecure_registries":["((b))"]}`:               "insecure_registries[0] holds a text in double parentheses. Remove the parentheses: BOSH takes them for the name of a secret.",
	} {
		for at, r := range map[string]request{
			"":            {method: "PATCH", path: "/v1/clusters/demo", token: "admin", body: body},
			"parameters.": {method: "POST", path: "/v1/clusters", token: "admin", body: `{"name":"new","plan_name":"small","parameters":` + strings.Replace(body, "{", `{"kubernetes_master_host":"h",`, 1) + "}"},
		} {
			w := newWorld(t).with("demo", alana)
			got := w.send(r)
			var problem struct{ Body string }
			if err := json.Unmarshal([]byte(got.body), &problem); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(at+want, problem.Body); diff != "" || got.status != http.StatusBadRequest || w.changes != 0 {
				t.Errorf("%s: %d, %d changes\n%s", r.body, got.status, w.changes, diff)
			}
		}
	}
}
