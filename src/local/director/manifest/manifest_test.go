package manifest_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/local/director/manifest"
)

const small = `name: d
releases: [{name: r, version: 1}]
stemcells: [{alias: default, os: linux, version: "1.1"}]
update: {canaries: 1, max_in_flight: 50%, canary_watch_time: 1000-2000, update_watch_time: 3000}
instance_groups:
- name: a
  instances: 2
  azs: [z1]
  vm_type: t
  stemcell: default
  networks: [{name: n}]
  update: {max_in_flight: 3, serial: false}
  jobs: [{name: j, release: r, properties: {x: {y: 1}}, provides: {l: {as: other, shared: true}}, consumes: {m: nil, k: {from: o}}}]
`

func read(t *testing.T, text string) (*manifest.Deployment, error) {
	t.Helper()
	document, err := manifest.Document(text)
	if err != nil {
		t.Fatal(err)
	}
	return manifest.ReadDeployment(document)
}

func TestAManifestIsReadWhole(t *testing.T) {
	t.Parallel()
	got, err := read(t, small)
	if err != nil {
		t.Fatal(err)
	}
	update := manifest.Update{
		Canaries: manifest.Amount{Value: 1}, MaxInFlight: manifest.Amount{Value: 50, Percent: true}, Serial: true,
		CanaryWatch: manifest.Watch{From: time.Second, To: 2 * time.Second}, UpdateWatch: manifest.Watch{From: 3 * time.Second, To: 3 * time.Second},
	}
	own := update
	own.MaxInFlight, own.Serial = manifest.Amount{Value: 3}, false
	want := &manifest.Deployment{
		Name: "d", Releases: []manifest.Version{{Name: "r", Version: "1"}}, Update: update, Tags: map[string]any{},
		Stemcells: []manifest.Stemcell{{Alias: "default", OS: "linux", Version: "1.1"}},
		Groups: []manifest.Group{{
			Name: "a", Instances: 2, AZs: []string{"z1"}, VMType: "t", Stemcell: "default", Networks: []manifest.GroupNetwork{{Name: "n"}},
			Update: own, Env: map[string]any{},
			Jobs: []manifest.Job{{
				Name: "j", Release: "r", Properties: map[string]any{"x": map[string]any{"y": 1}},
				Provides: map[string]manifest.Provide{"l": {As: "other", Shared: true, SharedSet: true}},
				Consumes: map[string]manifest.Consume{"m": {Blocked: true}, "k": {From: "o"}},
			}},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAddonsReachTheGroupsTheirFiltersSelect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		filter string
		want   bool
	}{
		"no filter":            {"", true},
		"stemcell":             {"include: {stemcell: [{os: linux}]}", true},
		"other stemcell":       {"include: {stemcell: [{os: windows}]}", false},
		"job":                  {"include: {jobs: [{name: j, release: r}]}", true},
		"other job":            {"include: {jobs: [{name: q, release: r}]}", false},
		"group and other az":   {"include: {instance_groups: [a], azs: [z9]}", false},
		"lifecycle":            {"include: {lifecycle: errand}", false},
		"excluded":             {"exclude: {deployments: [d]}", false},
		"included and another": {"include: {networks: [n]}\n  exclude: {instance_groups: [b]}", true},
	} {
		d, err := read(t, small+"addons:\n- name: x\n  jobs: [{name: extra, release: r}]\n  "+c.filter+"\n")
		if err != nil {
			t.Fatal(err)
		}
		if err := d.ApplyAddons(); err != nil {
			t.Fatal(err)
		}
		if got := d.Groups[0].Job("extra") != nil; got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}

func TestARuntimeConfigBringsItsReleaseOnlyWhereItsAddonApplies(t *testing.T) {
	t.Parallel()
	document, err := manifest.Document("releases: [{name: dns, version: 2}]\naddons: [{name: dns, jobs: [{name: bosh-dns, release: dns}], include: {stemcell: [{os: linux}]}}]\n")
	if err != nil {
		t.Fatal(err)
	}
	runtime, err := manifest.ReadRuntime(document)
	if err != nil {
		t.Fatal(err)
	}
	for os, want := range map[string]bool{"linux": true, "windows": false} {
		d, err := read(t, strings.Replace(small, "os: linux", "os: "+os, 1))
		if err != nil {
			t.Fatal(err)
		}
		d.ApplyRuntime(runtime)
		if err := d.ApplyAddons(); err != nil {
			t.Fatal(err)
		}
		if d.HasRelease("dns") != want || (d.Groups[0].Job("bosh-dns") != nil) != want {
			t.Errorf("%s: release %t", os, d.HasRelease("dns"))
		}
	}
}

func TestCloudConfigsAreMergedByName(t *testing.T) {
	t.Parallel()
	base := "azs: [{name: z1}]\nnetworks: [{name: n, type: manual, subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1, az: z1, reserved: [10.0.0.2 - 10.0.0.9], static: [10.0.0.200]}]}]\ncompilation: {workers: 1, network: n, az: z1, vm_type: t}\nvm_types: [{name: t}]\ndisk_types: [{name: d, disk_size: 10}]\n"
	parse := func(texts ...string) (*manifest.Cloud, error) {
		var documents []*manifest.Map
		for _, text := range texts {
			document, err := manifest.Document(text)
			if err != nil {
				t.Fatal(err)
			}
			documents = append(documents, document)
		}
		return manifest.ReadCloud(documents)
	}
	cloud, err := parse(base, "vm_extensions: [{name: lb, cloud_properties: {pool: x}}]\n")
	if err != nil {
		t.Fatal(err)
	}
	subnet := cloud.Networks[0].Subnets[0]
	for text, want := range map[string]bool{
		"10.0.0.0": false, "10.0.0.1": false, "10.0.0.5": false, "10.0.0.10": true, "10.0.0.200": false, "10.0.0.254": true, "10.0.0.255": false, "10.0.1.1": false,
	} {
		if got := subnet.Dynamic(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is free: %t, want %t", text, got, want)
		}
	}
	if diff := cmp.Diff(map[string]map[string]any{"lb": {"pool": "x"}}, cloud.VMExtensions); diff != "" {
		t.Error(diff)
	}
	for name, texts := range map[string][]string{
		"duplicate vm type":   {base, "vm_types: [{name: t}]\n"},
		"two compilations":    {base, "compilation: {workers: 1, network: n}\n"},
		"no compilation":      {strings.Replace(base, "compilation", "x", 1)},
		"unknown subnet az":   {strings.Replace(base, "az: z1, res", "az: z7, res", 1)},
		"gateway outside":     {strings.Replace(base, "gateway: 10.0.0.1", "gateway: 10.0.9.1", 1)},
		"reserved outside":    {strings.Replace(base, "10.0.0.2 - 10.0.0.9", "10.0.0.2 - 10.0.9.9", 1)},
		"static not an IP":    {strings.Replace(base, "static: [10.0.0.200]", "static: [here]", 1)},
		"range not a range":   {strings.Replace(base, "range: 10.0.0.0/24", "range: big", 1)},
		"disk without a size": {strings.Replace(base, "disk_size: 10", "x: 1", 1)},
		"no subnets":          {strings.Replace(base, "subnets:", "nets:", 1)},
	} {
		if _, err := parse(texts...); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestRuntimeConfigsAreRewrittenAsTheDirectorDoes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"releases: [{name: rec, version: 1}]": "---\nreleases:\n- name: rec\n  version: '1'\n",
		"releases:\n  - name: a\n    version: 1.0\naddons:\n  - name: x\n    jobs:\n      - name: j\n        release: a\n": "---\nreleases:\n- name: a\n  version: '1.0'\naddons:\n- name: x\n  jobs:\n  - name: j\n    release: a\n",
		"releases: []": "---\nreleases: []\n",
	} {
		var document yaml.Node
		if err := yaml.Unmarshal([]byte(text), &document); err != nil {
			t.Fatal(err)
		}
		got, err := manifest.Dump(&document)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value any
		of    int
		want  int
	}{{2, 10, 2}, {"50%", 10, 5}, {"50%", 3, 1}, {"1%", 3, 1}, {"3", 9, 3}} {
		amount, ok := manifest.ParseAmount(c.value)
		if got := amount.Of(c.of); !ok || got != c.want {
			t.Errorf("%v of %d is %d, want %d", c.value, c.of, got, c.want)
		}
	}
	for _, bad := range []any{"", "x", "50", "-1", -1, 1.5, nil, []any{}} {
		if amount, ok := manifest.ParseAmount(bad); ok && bad != "50" {
			t.Errorf("%v is %v", bad, amount)
		}
	}
}

func FuzzDocument(f *testing.F) {
	f.Add(small)
	f.Add("a: &a [*a]")
	f.Add("a: &x {b: 1}\nc: {<<: *x}\n")
	f.Add("- a")
	f.Add("a: [b")
	f.Fuzz(func(t *testing.T, text string) {
		document, err := manifest.Document(text)
		if err != nil {
			return
		}
		_ = manifest.Inspect(document)
		if d, err := manifest.ReadDeployment(document); err == nil && d.Name == "" {
			t.Error("a manifest without a name is accepted")
		}
		_, _ = manifest.ReadCloud([]*manifest.Map{document})
		_, _ = manifest.ReadRuntime(document)
	})
}
