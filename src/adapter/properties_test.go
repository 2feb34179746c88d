package adapter_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/pivotal-cf/on-demand-services-sdk/bosh"
	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
	yaml3 "gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"github.com/pks-community/pks-release/src/adapter"
)

// anyText is any text that is not taken for a reference, without the characters
// that a tag cannot have: quote, colon, comma and controls.
func anyText() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		text := rapid.StringN(1, 40, 120).Draw(t, "text")
		text = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return '.'
			}
			return r
		}, strings.ToValidUTF8(text, "?"))
		return strings.NewReplacer("(", "[", `"`, "'", ":", ";", ",", ";").Replace(text)
	})
}

// anySpec is the parameters object of a random cluster.
func anySpec() *rapid.Generator[object] {
	return rapid.Custom(func(t *rapid.T) object {
		spec := object{
			"cluster_name":                rapid.StringMatching(`[a-zA-Z0-9]([-_.a-zA-Z0-9]{0,20}[a-zA-Z0-9])?`).Draw(t, "name"),
			"kubernetes_master_host":      rapid.StringMatching(`[a-z]([-a-z0-9]{0,10}[a-z0-9])?\.example\.com`).Draw(t, "host"),
			"kubernetes_master_port":      rapid.IntRange(1, 65535).Draw(t, "port"),
			"kubernetes_worker_instances": rapid.IntRange(1, 100).Draw(t, "workers"),
		}
		if rapid.Bool().Draw(t, "custom_ca") {
			spec["custom_ca"] = customCA()
		}
		for member, draw := range members() {
			if rapid.Bool().Draw(t, member) {
				spec[member] = draw(t)
			}
		}
		return spec
	})
}

// members are what an operation may set, one by one.
func members() map[string]func(*rapid.T) any {
	return map[string]func(*rapid.T) any{
		"cluster_tags": func(t *rapid.T) any {
			var tags []object
			for i, value := range rapid.SliceOfN(anyText(), 1, 3).Draw(t, "tags") {
				tags = append(tags, object{"name": fmt.Sprintf("tag-%d", i), "value": value})
			}
			return tags
		},
		"kubelet_drain": func(t *rapid.T) any {
			return object{"timeout_minutes": rapid.IntRange(1, 1440).Draw(t, "minutes"), "force_node": rapid.Bool().Draw(t, "force")}
		},
		"insecure_registries": func(t *rapid.T) any {
			return []string{rapid.StringMatching(`[a-z]{1,9}:[0-9]{2,4}`).Draw(t, "registry")}
		},
		"custom_ca_certs": func(t *rapid.T) any {
			return []object{{"domain_name": rapid.StringMatching(`(\*\.)?[a-z]{1,9}\.example(:[0-9]{2,4})?`).Draw(t, "domain"), "ca_cert": customCertificate}}
		},
		"proxy": func(t *rapid.T) any {
			return object{"http_proxy": object{"url": "http://proxy:8080", "username": anyText().Draw(t, "user"), "password": rapid.StringN(1, 20, 60).Draw(t, "password")}}
		},
		"vm_extensions": func(t *rapid.T) any {
			return object{"master": []string{rapid.StringMatching(`[a-z_]{1,9}`).Draw(t, "extension")}}
		},
		"unset_http_proxy": func(*rapid.T) any { return []string{"runtime"} },
	}
}

// stored is the manifest as the broker deploys it: its secrets in its keeping.
func stored(t testing.TB, a answer) (manifest string, secrets serviceadapter.ManifestSecrets) {
	t.Helper()
	manifest, secrets = a.Manifest, serviceadapter.ManifestSecrets{}
	for name, value := range a.Secrets {
		path := secretFolder(deploymentName) + name
		manifest = strings.ReplaceAll(manifest, "((odb_secret:"+name+"))", "(("+path+"))")
		switch value := value.(type) {
		case string:
			secrets["(("+path+"))"] = value
		case object:
			for member, text := range value {
				secrets["(("+path+"."+member+"))"], _ = text.(string)
			}
		}
	}
	return manifest, secrets
}

func secretFolder(deployment string) string { return "/odb/" + serviceID + "/" + deployment + "/" }

func TestManifestSaysWhollyWhatTheClusterIs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := smallest().with(nil, anySpec().Draw(rt, "spec"))
		manifest, _ := stored(t, c.run(t))
		again := c.after(manifest)
		again.parameters = nil
		if diff := cmp.Diff(parse(t, manifest), parse(t, again.run(t).Manifest)); diff != "" {
			rt.Fatalf("an upgrade without parameters changes the cluster (-was +is):\n%s", diff)
		}
	})
}

func TestRepeatedRequestChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := smallest().with(nil, anySpec().Draw(rt, "spec"))
		manifest, secrets := stored(t, c.run(t))
		in := c.after(manifest).params(t)
		in.PreviousSecrets = secrets
		out, err := adapter.Generate(in)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(parse(t, manifest), roundTrip(t, out.Manifest)); diff != "" || len(out.ODBManagedSecrets) > 0 {
			rt.Fatalf("secrets %d (-was +is):\n%s", len(out.ODBManagedSecrets), diff)
		}
	})
}

func roundTrip(t testing.TB, m bosh.BoshManifest) bosh.BoshManifest {
	t.Helper()
	raw, err := yamlText(m)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, raw)
}

func TestResizeChangesTheWorkerCountAndNothingElse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		spec := anySpec().Draw(rt, "spec")
		c := smallest().threeAZs().with(nil, spec)
		before, _ := stored(t, c.run(t))
		n := rapid.IntRange(1, 100).Draw(rt, "to")
		after, _ := stored(t, c.with(nil, object{"kubernetes_worker_instances": n}).after(before).run(t))

		want := parse(t, before)
		want.InstanceGroups[2].Instances = n
		if diff := cmp.Diff(want, parse(t, after)); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// TestOperationChangesWhatItNamesAndNothingElse: of two operations, each leaves
// alone what the other set, in either order.
func TestOperationChangesWhatItNamesAndNothingElse(t *testing.T) {
	t.Parallel()
	names := slices.Sorted(maps.Keys(members()))
	rapid.Check(t, func(rt *rapid.T) {
		spec := anySpec().Draw(rt, "spec")
		one, two := rapid.SampledFrom(names).Draw(rt, "one"), rapid.SampledFrom(names).Draw(rt, "two")
		if one == two {
			rt.Skip("the same member")
		}
		a, b := object{one: members()[one](rt)}, object{two: members()[two](rt)}
		apply := func(operations ...object) bosh.BoshManifest {
			c := smallest().with(nil, spec)
			manifest, _ := stored(t, c.run(t))
			for _, o := range operations {
				c = c.with(nil, o).after(manifest)
				manifest, _ = stored(t, c.run(t))
			}
			return parse(t, manifest)
		}
		if diff := cmp.Diff(apply(a, b), apply(b, a)); diff != "" {
			rt.Fatalf("order matters:\n%s", diff)
		}
		fresh, _ := stored(t, smallest().with(nil, overlay(overlay(spec, a), b)).run(t))
		if diff := cmp.Diff(parse(t, fresh), apply(a, b)); diff != "" {
			rt.Fatalf("history matters:\n%s", diff)
		}
	})
}

func TestSameInputSameBytes(t *testing.T) {
	t.Parallel()
	for name, c := range golden() {
		first := c.run(t)
		for range 4 {
			if diff := cmp.Diff(first, c.run(t)); diff != "" {
				t.Fatalf("%s: %s", name, diff)
			}
		}
	}
}

func TestAnyUnicodeArrivesIntact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		text := anyText().Draw(rt, "text")
		argument := strings.ReplaceAll(text, "\\", ".") // a backslash would break the process's configuration
		c := smallest().with(object{"tags": object{"plan": text}}, object{
			"cluster_tags":  []object{{"name": "own", "value": text}},
			"proxy":         object{"https_proxy": object{"url": "http://proxy", "username": text, "password": text}},
			"vm_extensions": object{"master": []string{text}},
			"kubernetes_profile": object{"name": text, "parameters": object{"customizations": []object{
				{"component": "kube-scheduler", "arguments": object{"any-flag": argument}},
			}}},
		})
		got := c.run(t)
		m := parse(t, got.Manifest)
		tags := m.Tags
		if diff := cmp.Diff(map[string]any{"plan": text, "own": text}, tags); diff != "" {
			rt.Fatal(diff)
		}
		// Ruby and other readers follow YAML's rules; a second library stands for them.
		var other struct {
			Tags   map[string]string `yaml:"tags"`
			Groups []struct {
				Extensions []string `yaml:"vm_extensions"`
			} `yaml:"instance_groups"`
			Features map[string]any `yaml:"features"`
		}
		if err := yaml3.Unmarshal([]byte(got.Manifest), &other); err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff([]string{text}, other.Groups[1].Extensions); diff != "" {
			rt.Fatal(diff)
		}
		if diff := cmp.Diff(map[string]string{"plan": text, "own": text}, other.Tags); diff != "" {
			rt.Fatal(diff)
		}
		master := m.InstanceGroups[1]
		scheduler := master.Jobs[slices.IndexFunc(master.Jobs, func(j bosh.Job) bool { return j.Name == "kube-scheduler" })]
		flags, _ := scheduler.Properties["k8s-args"].(map[any]any)
		password, _ := got.Secrets["https_proxy_password"].(string)
		plain, err := url.PathUnescape(password)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff([]any{text, argument, text}, []any{master.VMExtensions[0], flags["any-flag"], plain}); diff != "" {
			rt.Fatal(diff)
		}
		record, _ := other.Features["pks_cluster"].(map[string]any)
		var spec struct {
			Proxy struct {
				HTTPS struct{ Username string } `json:"https_proxy"`
			}
		}
		if err := json.Unmarshal([]byte(fmt.Sprint(record["spec"])), &spec); err != nil || spec.Proxy.HTTPS.Username != text {
			rt.Fatalf("user name %q, %v", spec.Proxy.HTTPS.Username, err)
		}
	})
}

// TestMachinesSpreadEvenly: the zones of one cluster have as many machines as
// can be, and over many clusters no zone is the first more often than others.
func TestMachinesSpreadEvenly(t *testing.T) {
	t.Parallel()
	const clusters = 900
	firsts := map[string]int{}
	for i := range clusters {
		c := smallest().threeAZs().with(nil, object{"kubernetes_worker_instances": 1 + i%7})
		c.deployment = fmt.Sprintf("service-instance_%08x-0000-4000-8000-000000000000", i*2654435761)
		out, err := adapter.Generate(c.params(t))
		if err != nil {
			t.Fatal(err)
		}
		placed := map[string]int{}
		for _, g := range out.Manifest.InstanceGroups[1:] {
			if len(g.AZs) != 3 {
				t.Fatalf("zones of %s: %v", g.Name, g.AZs)
			}
			for n := range g.Instances {
				placed[g.AZs[n%3]]++ // BOSH goes round the list
			}
		}
		counts := slices.Collect(maps.Values(placed))
		if slices.Max(counts)-slices.Min(counts) > 1 || len(counts) != 3 {
			t.Fatalf("placed %v", placed)
		}
		firsts[out.Manifest.InstanceGroups[1].AZs[0]]++
	}
	for zone, n := range firsts {
		if n < clusters/3-60 || n > clusters/3+60 {
			t.Errorf("%s is first %d times of %d", zone, n, clusters)
		}
	}
}
