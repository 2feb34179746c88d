package cli

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	yaml "gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// anyCluster draws what the API may answer.
func anyCluster(t *rapid.T) v1.Cluster {
	word := rapid.StringMatching(`[a-z][a-z0-9-]{0,8}`)
	maybe := func(values ...string) *string {
		if rapid.Bool().Draw(t, "set") {
			return nil
		}
		value := rapid.SampledFrom(values).Draw(t, "value")
		return &value
	}
	c := v1.Cluster{
		Name: word.Draw(t, "name"), PlanName: word.Draw(t, "plan"),
		NetworkProfileName: rapid.SampledFrom([]string{"", "np"}).Draw(t, "network"),
		ComputeProfileName: rapid.SampledFrom([]string{"", "cp"}).Draw(t, "compute"),
		DeletionLock:       rapid.Bool().Draw(t, "lock"),
		Parameters: v1.ClusterParameters{
			KubernetesMasterHost:      word.Draw(t, "host"),
			KubernetesWorkerInstances: rapid.IntRange(1, 50).Draw(t, "workers"),
			ClusterDetails: &v1.KubernetesSettings{
				DrainTimeout: maybe("0", "10"), DrainGracePeriod: maybe("-1", "5"), DrainForce: maybe("true", "false"), DrainForceNode: maybe("true", "false"),
			},
		},
	}
	// The API takes no line ends in tags.
	tagValue := rapid.OneOf(rapid.SampledFrom([]string{"yes", "null", "1.0", "0x1", "", "#", "a: b", "- a", "é", " a "}), rapid.StringMatching(`[ -~]{0,80}`))
	for i := range rapid.IntRange(0, 3).Draw(t, "tags") {
		c.Parameters.ClusterTags = append(c.Parameters.ClusterTags, v1.ClusterTag{Name: "tag" + strconv.Itoa(i), Value: tagValue.Draw(t, "tag")})
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "cas") {
		c.Parameters.CustomCACerts = append(c.Parameters.CustomCACerts, v1.CustomCACert{DomainName: "r" + strconv.Itoa(i), CACert: "-----BEGIN\nx\n-----END\n"})
	}
	if rapid.Bool().Draw(t, "registries") {
		c.Parameters.Customization = &v1.K8sCustomization{
			InsecureRegistries:            rapid.SampledFrom([][]string{nil, {"10.0.0.0/8"}}).Draw(t, "insecure"),
			UnsetHTTPProxy:                rapid.SampledFrom([][]string{nil, {"runtime", "kube-apiserver"}}).Draw(t, "unset"),
			VSphereCloudProviderConfigKey: rapid.SampledFrom([]string{"", "dc1"}).Draw(t, "vsphere"),
		}
	}
	if c.ComputeProfileName != "" {
		c.Parameters.NodePoolInstances = map[string]int{"tiny": 3}
	}
	return c
}

// What export writes, apply finds nothing to do about.
func TestExportThenApplyChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cluster := anyCluster(t)
		text, err := yaml.Marshal(documentOf(cluster))
		if err != nil {
			t.Fatal(err)
		}
		wanted, err := parseDocument(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		change, differ, err := changeTo(documentOf(cluster), wanted)
		if err != nil || len(differ) > 0 {
			t.Fatalf("%v, %v differ", err, differ)
		}
		if diff := cmp.Diff(v1.UpdateClusterParameters{}, change); diff != "" {
			t.Fatal(diff)
		}
	})
}

// What export writes, apply makes again where the cluster is gone, and finds then
// nothing to do about but what a new cluster cannot have at once.
func TestExportThenApplyMakesTheSameAgain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cluster := anyCluster(t)
		text, err := yaml.Marshal(documentOf(cluster))
		if err != nil {
			t.Fatal(err)
		}
		wanted, err := parseDocument(text)
		if err != nil {
			t.Fatal(err)
		}
		request := wanted.request()
		made := v1.Cluster{
			Name: request.Name, PlanName: request.PlanName, NetworkProfileName: request.NetworkProfileName,
			ComputeProfileName: request.ComputeProfileName, KubernetesProfileName: request.KubernetesProfileName,
			Parameters: v1.ClusterParameters{
				KubernetesMasterHost: request.Parameters.KubernetesMasterHost, ClusterTags: request.Parameters.ClusterTags,
				CustomCACerts: request.Parameters.CustomCACerts, Customization: request.Parameters.Customization,
				NodePoolInstances: request.Parameters.NodePoolInstances,
			},
		}
		if n := request.Parameters.KubernetesWorkerInstances; n != nil {
			made.Parameters.KubernetesWorkerInstances = *n
		}
		_, differ, err := changeTo(documentOf(made), wanted)
		later := slices.DeleteFunc(slices.Clone(differ), func(name string) bool { return name == "kubelet_drain" || name == "deletion_lock" })
		if err != nil || len(later) > 0 {
			t.Fatalf("%v, %v differ", err, later)
		}
	})
}

func TestApplyAsksForWhatDiffers(t *testing.T) {
	t.Parallel()
	five, timeout, lock := 5, "20", true
	base := v1.Cluster{Name: "demo", PlanName: "small", Parameters: v1.ClusterParameters{KubernetesWorkerInstances: 3, ClusterTags: []v1.ClusterTag{{Name: "a", Value: "1"}}}}
	for text, want := range map[string]v1.UpdateClusterParameters{
		"num_nodes: 5":                 {KubernetesWorkerInstances: &five},
		"num_nodes: 3":                 {},
		"tags: {}":                     {DeleteAllTags: true},
		"tags: {a: 1}":                 {},
		"tags: {b: x}":                 {ClusterTags: []v1.ClusterTag{{Name: "b", Value: "x"}}},
		"kubelet_drain: {timeout: 20}": {KubernetesSettings: v1.KubernetesSettings{DrainTimeout: &timeout}},
		"deletion_lock: true":          {DeletionLock: &lock},
		"deletion_lock: false":         {},
		"network_profile: np\nkubernetes_profile: kp":                         {NetworkProfileName: "np", KubernetesProfileName: "kp"},
		"node_pool_instances: {tiny: 3}":                                      {NodePoolInstances: map[string]int{"tiny": 3}},
		"insecure_registries: [r]":                                            {InsecureRegistries: []string{"r"}},
		"unset_http_proxy: [runtime]\nvsphere_cloud_provider_config_key: dc1": {Customization: &v1.K8sCustomization{UnsetHTTPProxy: []string{"runtime"}, VSphereCloudProviderConfigKey: "dc1"}},
		"registry_cas: {r: PEM}":                                              {CustomCACerts: []v1.CustomCACert{{DomainName: "r", CACert: "PEM"}}},
		"plan: small\ncompute_profile: cp\n":                                  {ComputeProfileName: "cp"},
	} {
		wanted, err := parseDocument([]byte("name: demo\n" + text + "\n"))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got, differ, err := changeTo(documentOf(base), wanted)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
		if nothing := cmp.Equal(want, v1.UpdateClusterParameters{}); nothing != (len(differ) == 0) {
			t.Errorf("%s: %v differ", text, differ)
		}
	}
	for _, text := range []string{"plan: large", "external_hostname: other"} {
		wanted, err := parseDocument([]byte("name: demo\n" + text))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := changeTo(documentOf(base), wanted); err == nil || !strings.Contains(err.Error(), "cannot become") {
			t.Errorf("%s: the error is %v", text, err)
		}
	}
}

func FuzzParseDocument(f *testing.F) {
	f.Add([]byte("name: demo\nplan: small\nkubelet_drain: {timeout: 20}\n"))
	f.Add([]byte("name: [demo]"))
	f.Add([]byte("0"))
	f.Add([]byte("kubelet_drain: 0"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, content []byte) {
		d, err := parseDocument(content)
		if err == nil && d.Name == "" {
			t.Error("a description without a name is read")
		}
		if err != nil && strings.Contains(err.Error(), "cli.") {
			t.Errorf("the error names a type of the program: %v", err)
		}
	})
}
