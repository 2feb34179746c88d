package jobs

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pks-community/pks-release/src/local/machine"
)

// templateOf is a job's with nothing but k8s-args.
func templateOf(job string, args map[string]any, version string) *template {
	minor, err := minorOf(version)
	if err != nil {
		panic(err)
	}
	return &template{
		Environment: Environment{Vcap: "/var/vcap", Kubernetes: version}, minor: minor, told: &told{},
		job: machine.Job{Name: job, Properties: map[string]any{"k8s-args": args}},
	}
}

func TestArgumentsAreWrittenAsTheTemplatesDo(t *testing.T) {
	t.Parallel()
	tmpl := templateOf("kube-apiserver", map[string]any{
		"v": 2, "empty": "", "bare": nil, "list": []any{"a", 1, true}, "none": []any{}, "map": map[string]any{"b": "x=y", "a": 2},
		"yes": true, "big": float64(1048576), "number": json.Number("7"), "file": "/var/vcap/jobs/x", "quoted": `a"b c`,
	}, "1.36.3")
	tmpl.Vcap = "/here"
	want := []string{
		"--bare", "--big=1048576", "--empty=", "--file=/here/jobs/x", "--list=a,1,true", "--map=a=2,b=x=y", "--none=", "--number=7",
		`--quoted=a"b c`, "--v=2", "--yes=true",
	}
	if diff := cmp.Diff(want, tmpl.arguments().list()); diff != "" || len(tmpl.errs) > 0 {
		t.Errorf("arguments (-want +got):\n%s%v", diff, tmpl.errs)
	}
}

func TestArgumentsThatHaveNoFormAreRefused(t *testing.T) {
	t.Parallel()
	for _, value := range []any{[]any{[]any{"a"}}, map[string]any{"a": []any{}}, map[string]any{"a": nil}, []any{nil}} {
		tmpl := templateOf("kubelet", map[string]any{"bad": value}, "1.36.3")
		tmpl.arguments()
		if len(tmpl.errs) != 1 || !strings.Contains(tmpl.errs[0].Error(), "job kubelet: property k8s-args.bad") {
			t.Errorf("%v: %v", value, tmpl.errs)
		}
	}
	tmpl := &template{told: &told{}, job: machine.Job{Name: "kubelet", Properties: map[string]any{"k8s-args": "text"}}}
	tmpl.arguments()
	if len(tmpl.errs) != 1 {
		t.Errorf("text for k8s-args: %v", tmpl.errs)
	}
}

// TestEveryArgumentIsKeptOrNamed: whatever the manifest sets is a flag once, or a warning names it.
func TestEveryArgumentIsKeptOrNamed(t *testing.T) {
	t.Parallel()
	jobs := []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"}
	rapid.Check(t, func(rt *rapid.T) {
		job := rapid.SampledFrom(jobs).Draw(rt, "job")
		names := []string{"v", "one", "two-words", "cloud-config", "port"}
		for _, g := range goneFlags(job) {
			names = append(names, g.name)
		}
		value := rapid.OneOf(
			rapid.Just[any](nil), rapid.Map(rapid.Int(), func(n int) any { return n }), rapid.Map(rapid.String(), func(s string) any { return s }),
			rapid.Map(rapid.SliceOf(rapid.StringMatching(`[a-z]{1,4}`)), func(words []string) any {
				list := make([]any, len(words))
				for i := range words {
					list[i] = words[i]
				}
				return list
			}),
		)
		args := rapid.MapOf(rapid.SampledFrom(names), value).Draw(rt, "args")
		version := rapid.SampledFrom([]string{"1.17.9", "1.24.0", "1.30.2", "1.34.2", "1.35.4", "1.36.3"}).Draw(rt, "version")
		tmpl := templateOf(job, args, version)
		list := tmpl.arguments().list()
		name := func(flag string) string { name, _, _ := strings.Cut(flag, "="); return name }
		if !slices.IsSortedFunc(list, func(a, b string) int { return strings.Compare(name(a), name(b)) }) || len(tmpl.errs) > 0 {
			rt.Fatalf("%v %v", list, tmpl.errs)
		}
		told := strings.Join(tmpl.told.sentences, "\n")
		for _, name := range slices.Sorted(maps.Keys(args)) {
			kept := 0
			for _, flag := range list {
				if flag == "--"+name || strings.HasPrefix(flag, "--"+name+"=") {
					kept++
				}
			}
			named := strings.Count(told, "property k8s-args."+name+" ")
			if kept+named != 1 {
				rt.Fatalf("%s is kept %d times and named %d times:\n%s", name, kept, named, told)
			}
		}
		if kept := len(list) + len(tmpl.told.sentences); kept != len(args) {
			rt.Fatalf("%d arguments became %d", len(args), kept)
		}
	})
}

func TestFeatureGatesThatAreGoneAreNamed(t *testing.T) {
	t.Parallel()
	for _, given := range []any{"APIListChunking=true,NodeSwap=false", map[string]any{"APIListChunking": true, "NodeSwap": false}} {
		tmpl := templateOf("kubelet", map[string]any{"feature-gates": given}, "1.36.3")
		if got := tmpl.arguments().list(); !cmp.Equal(got, []string{"--feature-gates=NodeSwap=false"}) {
			t.Errorf("%v: %v", given, got)
		}
		want := []string{"Job kubelet: property k8s-args.feature-gates: feature gate APIListChunking is left out: Kubernetes 1.36.3 does not know it."}
		if diff := cmp.Diff(want, tmpl.told.sentences); diff != "" {
			t.Error(diff)
		}
	}
	old := templateOf("kubelet", map[string]any{"feature-gates": "APIListChunking=true"}, "1.20.0")
	if got := old.arguments().list(); !cmp.Equal(got, []string{"--feature-gates=APIListChunking=true"}) {
		t.Errorf("where the gates are not known: %v", got)
	}
	none := templateOf("kubelet", map[string]any{"feature-gates": "APIListChunking=true"}, "1.36.3")
	if got := none.arguments().list(); len(got) != 0 {
		t.Errorf("no gate is left: %v", got)
	}
	configured := map[string]any{"featureGates": map[string]any{"APIListChunking": true, "NodeSwap": true}}
	none.configuredGates("kubelet-configuration", configured)
	if diff := cmp.Diff(map[string]any{"featureGates": map[string]any{"NodeSwap": true}}, configured); diff != "" {
		t.Error(diff)
	}
}

func TestAdmissionPluginsThatAreGoneAreNamed(t *testing.T) {
	t.Parallel()
	for version, want := range map[string][]string{
		"1.17.9": {"PodSecurityPolicy", "SecurityContextDeny", "Mine"},
		"1.29.0": {"SecurityContextDeny", "Mine"},
		"1.36.3": {"Mine"},
	} {
		tmpl := templateOf("kube-apiserver", nil, version)
		got := tmpl.knownPlugins("k8s-args.enable-admission-plugins", []string{"PodSecurityPolicy", "SecurityContextDeny", "Mine"})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", version, diff)
		}
		if len(got)+len(tmpl.told.sentences) != 3 {
			t.Errorf("%s: %v", version, tmpl.told.sentences)
		}
	}
}

func TestFlagsOfTheTemplateWin(t *testing.T) {
	t.Parallel()
	tmpl := templateOf("kubelet", map[string]any{"config": "/mine"}, "1.36.3")
	a := tmpl.arguments()
	tmpl.own(a, "config", "/theirs")
	tmpl.own(a, "hostname-override", "x")
	if got := a.list(); !cmp.Equal(got, []string{"--config=/theirs", "--hostname-override=x"}) {
		t.Error(got)
	}
	if want := []string{"Job kubelet: property k8s-args.config has no effect: the job sets this flag itself."}; !cmp.Equal(want, tmpl.told.sentences) {
		t.Error(tmpl.told.sentences)
	}
}

func TestLabelsAKubeletMayNotGiveItselfAreSetLater(t *testing.T) {
	t.Parallel()
	for key, may := range map[string]bool{
		"pks-system/cluster.name": true, "plain": true, "example.com/x": true, "node.kubernetes.io/pool": true,
		"sub.node.kubernetes.io/x": true, "kubernetes.io/arch": true, "topology.kubernetes.io/zone": true, "notkubernetes.io/x": true,
		"node-role.kubernetes.io/worker": false, "kubernetes.io/role": false, "k8s.io/x": false, "a.k8s.io/x": false,
	} {
		if kubeletMaySet(key) != may {
			t.Errorf("%s: %t", key, !may)
		}
	}
	tmpl := templateOf("kubelet", nil, "1.36.3")
	tmpl.spec = machine.Spec{ID: "i", AZ: "Availability Sets"}
	a := arguments{}
	a.set("node-labels", "a=b,node-role.kubernetes.io/worker=,c=d")
	own, refused := tmpl.labels(a)
	if !strings.HasSuffix(own, ",bosh.id=i,a=b,c=d") || refused != "node-role.kubernetes.io/worker=" || len(tmpl.told.sentences) != 1 {
		t.Error(own, refused, tmpl.told.sentences)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"1.36.3": 36, "v1.35.4": 35, "1.17": 17, "1.36.0-rc.1": 36, "2.0.0": -1, "0.44.0": -1, "": -1, "1": -1, "1.x": -1} {
		got, err := minorOf(text)
		if want < 0 != (err != nil) || err == nil && got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}
