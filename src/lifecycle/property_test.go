package lifecycle

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/pks-community/pks-release/src/pks"
)

// edit is an operation that names one part of a spec.
type edit struct {
	part  string
	apply func(*pks.ClusterSpec)
}

func optional[T any](rt *rapid.T, label string, of *rapid.Generator[T]) *T {
	if !rapid.Bool().Draw(rt, label+" is set") {
		return nil
	}
	v := of.Draw(rt, label)
	return &v
}

func drawTags(rt *rapid.T) []pks.Tag {
	return rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) pks.Tag {
		return pks.Tag{Name: rapid.String().Draw(rt, "name"), Value: rapid.String().Draw(rt, "value"), Category: rapid.String().Draw(rt, "category")}
	}), 0, 3).Draw(rt, "tags")
}

func drawDrain(rt *rapid.T) pks.DrainSettings {
	return pks.DrainSettings{
		TimeoutMinutes:     optional(rt, "timeout", rapid.IntRange(0, 1440)),
		GracePeriodSeconds: optional(rt, "grace", rapid.IntRange(-1, 86400)),
		Force:              optional(rt, "force", rapid.Bool()),
		IgnoreDaemonSets:   optional(rt, "daemonsets", rapid.Bool()),
		DeleteLocalData:    optional(rt, "local data", rapid.Bool()),
		ForceNode:          optional(rt, "node", rapid.Bool()),
	}
}

func drawProxy(rt *rapid.T) *pks.Proxy {
	return optional(rt, "proxy", rapid.Custom(func(rt *rapid.T) pks.Proxy {
		return pks.Proxy{
			HTTP:    pks.ProxyServer{URL: rapid.String().Draw(rt, "url"), Password: pks.Secret(rapid.String().Draw(rt, "password"))},
			NoProxy: rapid.SliceOfN(rapid.String(), 0, 2).Draw(rt, "no proxy"),
		}
	}))
}

func drawProfile(rt *rapid.T, label string) *pks.Profile {
	return optional(rt, label, rapid.Custom(func(rt *rapid.T) pks.Profile {
		parameters, err := json.Marshal(map[string]string{rapid.String().Draw(rt, "key"): rapid.String().Draw(rt, "value")})
		if err != nil {
			rt.Fatal(err)
		}
		name := strings.ReplaceAll(rapid.String().Draw(rt, "name"), "\x00", "") // no profile can be called so
		return pks.Profile{Name: name, Parameters: parameters}
	}))
}

func drawSpec(rt *rapid.T, name string) pks.ClusterSpec {
	return pks.ClusterSpec{
		ClusterName: name, MasterHost: name + ".example.com",
		MasterPort:      rapid.IntRange(1, 65535).Draw(rt, "port"),
		WorkerInstances: rapid.IntRange(1, 500).Draw(rt, "workers"),
		Tags:            drawTags(rt), Drain: drawDrain(rt), Proxy: drawProxy(rt),
		InsecureRegistries: rapid.SliceOfN(rapid.String(), 0, 2).Draw(rt, "registries"),
		UnsetHTTPProxy:     rapid.SliceOfN(rapid.String(), 0, 2).Draw(rt, "unset proxy"),
		VMExtensions:       rapid.MapOfN(rapid.String(), rapid.SliceOfN(rapid.String(), 1, 2), 0, 2).Draw(rt, "vm extensions"),
		NetworkProfile:     drawProfile(rt, "network profile"),
		ComputeProfile:     drawProfile(rt, "compute profile"),
		KubernetesProfile:  drawProfile(rt, "kubernetes profile"),
		NodePoolInstances:  rapid.MapOfN(rapid.String(), rapid.IntRange(0, 9), 0, 2).Draw(rt, "node pools"),
	}
}

func drawEdit(rt *rapid.T, label string) edit {
	switch part := rapid.SampledFrom([]string{"workers", "tags", "drain", "proxy", "network profile", "registries", "node pools"}).Draw(rt, label); part {
	case "workers":
		n := rapid.IntRange(1, 500).Draw(rt, "new workers")
		return edit{part, func(s *pks.ClusterSpec) { s.WorkerInstances = n }}
	case "tags":
		tags := drawTags(rt)
		return edit{part, func(s *pks.ClusterSpec) { s.Tags = tags }}
	case "drain":
		drain := drawDrain(rt)
		return edit{part, func(s *pks.ClusterSpec) { s.Drain = drain }}
	case "proxy":
		proxy := drawProxy(rt)
		return edit{part, func(s *pks.ClusterSpec) { s.Proxy = proxy }}
	case "network profile":
		profile := drawProfile(rt, "new network profile")
		return edit{part, func(s *pks.ClusterSpec) { s.NetworkProfile = profile }}
	case "registries":
		registries := rapid.SliceOfN(rapid.String(), 0, 2).Draw(rt, "new registries")
		return edit{part, func(s *pks.ClusterSpec) { s.InsecureRegistries = registries }}
	default:
		pools := rapid.MapOfN(rapid.String(), rapid.IntRange(0, 9), 0, 2).Draw(rt, "new node pools")
		return edit{part, func(s *pks.ClusterSpec) { s.NodePoolInstances = pools }}
	}
}

// TestOperationsChangeWhatTheyNameAndNothingElse is DESIGN law 3, from the
// request to what the broker gets, and back out of the store.
func TestOperationsChangeWhatTheyNameAndNothingElse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.log = testLoggerOff()
	r.broker.synchronous = true // what matters is what it is asked for
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		name := fmt.Sprint("c", n)
		want := drawSpec(rt, name)
		req := createRequest(name)
		req.Spec = want.Clone()
		offer(t, r.Engine, want)
		c, err := r.Create(t.Context(), req)
		if err != nil {
			rt.Fatal(err)
		}
		check := func(when string) {
			stepUntilSettledByID(t, r.Engine, r.cluster(t, c.ID).OperationID)
			if diff := cmp.Diff(want, r.cluster(t, c.ID).Spec, cmpopts.EquateEmpty()); diff != "" {
				rt.Fatalf("%s, the store has (-want +got):\n%s", when, diff)
			}
			if diff := cmp.Diff(want, r.broker.instances[c.ID].spec, cmpopts.EquateEmpty()); diff != "" {
				rt.Fatalf("%s, the broker has (-want +got):\n%s", when, diff)
			}
		}
		check("after create")
		for _, label := range []string{"first", "second"} {
			change := drawEdit(rt, label)
			edited := want.Clone()
			change.apply(&edited)
			offer(t, r.Engine, edited)
			_, err := r.Update(t.Context(), UpdateRequest{ClusterID: c.ID, By: alice, Change: func(s pks.ClusterSpec) (pks.ClusterSpec, error) {
				change.apply(&s)
				return s, nil
			}})
			if err != nil {
				rt.Fatal(err)
			}
			change.apply(&want)
			check("after " + label + " edit of " + change.part)
		}
	})
}
