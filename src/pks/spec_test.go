package pks

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func specs() *rapid.Generator[ClusterSpec] { return rapid.Make[ClusterSpec]() }

func TestCloneIsEqualAndSharesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		spec := specs().Draw(t, "spec")
		before, err := json.Marshal(spec.Tags)
		if err != nil {
			t.Fatal(err)
		}
		clone := spec.Clone()
		if diff := cmp.Diff(spec, clone); diff != "" {
			t.Fatalf("clone differs:\n%s", diff)
		}
		for i := range clone.Tags {
			clone.Tags[i].Value += "x"
		}
		for k := range clone.NodePoolInstances {
			clone.NodePoolInstances[k]++
		}
		for k, v := range clone.VMExtensions {
			clone.VMExtensions[k] = append(v, "x")
			if len(v) > 0 {
				v[0] += "x"
			}
		}
		if clone.Drain.TimeoutMinutes != nil {
			*clone.Drain.TimeoutMinutes++
		}
		after, err := json.Marshal(spec.Tags)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(before), string(after)); diff != "" {
			t.Fatalf("changing the clone changed the original:\n%s", diff)
		}
	})
}

// A spec goes to the broker and comes back from a manifest as JSON: nothing may
// be lost on the way.
func TestSpecSurvivesJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		spec := ClusterSpec{
			ClusterName:        rapid.String().Draw(t, "name"),
			MasterHost:         rapid.String().Draw(t, "host"),
			MasterPort:         rapid.Int().Draw(t, "port"),
			WorkerInstances:    rapid.Int().Draw(t, "workers"),
			Tags:               rapid.SliceOfN(rapid.Make[Tag](), 1, 5).Draw(t, "tags"),
			Drain:              rapid.Make[DrainSettings]().Draw(t, "drain"),
			InsecureRegistries: rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "registries"),
			KubernetesProfile:  &Profile{Name: rapid.String().Draw(t, "profile"), Parameters: json.RawMessage(`{"a":[1,2]}`)},
			NodePoolInstances:  map[string]int{rapid.String().Draw(t, "pool"): 3},
		}
		out, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		var back ClusterSpec
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(spec, back); diff != "" {
			t.Fatalf("the spec came back changed:\n%s", diff)
		}
	})
}
