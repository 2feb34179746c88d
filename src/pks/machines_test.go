package pks_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pks-community/pks-release/src/pks"
)

func drawMachines(rt *rapid.T) pks.Machines {
	return pks.Machines{
		Observed: rapid.Bool().Draw(rt, "observed"),
		Groups: rapid.SliceOfNDistinct(rapid.Custom(func(rt *rapid.T) pks.MachineGroup {
			return pks.MachineGroup{
				Name: rapid.StringMatching(`[a-z][-a-z0-9_.]{0,8}`).Draw(rt, "name"), Instances: rapid.IntRange(0, 99).Draw(rt, "instances"),
				MachineSize: pks.MachineSize{CPU: rapid.IntRange(0, 99).Draw(rt, "cpu"), MemoryMB: rapid.IntRange(0, 1<<20).Draw(rt, "memory")},
			}
		}), 1, 4, func(g pks.MachineGroup) string { return g.Name }).Draw(rt, "groups"),
	}
}

func TestMachinesReadBackAsTheyWereStored(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		want := drawMachines(rt)
		stored, err := want.MarshalText()
		if err != nil {
			rt.Fatal(err)
		}
		var got pks.Machines
		if err := got.UnmarshalText(stored); err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("%s: %s", stored, diff)
		}
	})
	for _, bad := range []string{"a", "a:1", "a:1:2", "a:1:2:3:4", ":1:2:3", "a:-1:2:3", "a:x:2:3", "master:1:1:1 observed"} {
		if err := new(pks.Machines).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	if _, err := (pks.Machines{Groups: []pks.MachineGroup{{Name: "a b"}}}).MarshalText(); err == nil {
		t.Error("a name with a blank is stored")
	}
}

// While a cluster changes it takes at least what it took and what it is to take.
func TestDuringAChangeBothCount(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		was, next := drawMachines(rt), drawMachines(rt)
		both := was.During(next).Use()
		for _, one := range []pks.Resources{was.Use(), next.Use()} {
			if both.CPU < one.CPU || both.MemoryMB < one.MemoryMB {
				rt.Fatalf("%+v during the change, %+v for one of the two", both, one)
			}
		}
	})
}

func TestMachinesSeenAreThoseOfBOSH(t *testing.T) {
	t.Parallel()
	asked := pks.Machines{Groups: []pks.MachineGroup{
		{Name: "master", Instances: 3, MachineSize: pks.MachineSize{CPU: 2, MemoryMB: 2}},
		{Name: "worker", Instances: 5, MachineSize: pks.MachineSize{CPU: 1, MemoryMB: 1}},
		{Name: "worker-gone", Instances: 1, MachineSize: pks.MachineSize{CPU: 1, MemoryMB: 1}},
	}}
	got := asked.Seen(map[string]int{"worker": 4, "master": 6, "old": 2, "none": 0})
	want := pks.Machines{Observed: true, Groups: []pks.MachineGroup{
		{Name: "master", Instances: 3, MachineSize: pks.MachineSize{CPU: 2, MemoryMB: 2}}, // two addresses each
		{Name: "old", Instances: 2},
		{Name: "worker", Instances: 4, MachineSize: pks.MachineSize{CPU: 1, MemoryMB: 1}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.SizesKnown() {
		t.Error("the size of a group that is unknown is known")
	}
}

func TestQuotaIsValidated(t *testing.T) {
	t.Parallel()
	for _, good := range []pks.Limit{{CPU: new(0)}, {MemoryGB: new(0.5)}, {Clusters: new(1)}} {
		if err := (pks.Quota{Owner: "cody", Limit: good}).Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	for want, q := range map[string]pks.Quota{
		"owner is missing.": {Owner: " ", Limit: pks.Limit{CPU: new(1)}},
		`owner "a\nb" holds characters that no user name has.`:      {Owner: "a\nb", Limit: pks.Limit{CPU: new(1)}},
		"limit has neither cpu nor memory nor cluster.":             {Owner: "cody"},
		"limit.cpu is -1; it must be from 0 to 1073741824.":         {Owner: "cody", Limit: pks.Limit{CPU: new(-1)}},
		"limit.memory is -0.5; it must be from 0 to 1073741824 GB.": {Owner: "cody", Limit: pks.Limit{MemoryGB: new(-0.5)}},
		"limit.cluster is 0; it must be from 1 to 1073741824.":      {Owner: "cody", Limit: pks.Limit{Clusters: new(0)}},
	} {
		wantInvalid(t, want, q.Validate())
	}
}

// However requests come, what is admitted never exceeds the limit.
func TestAdmittedRequestsStayWithinTheLimit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		q := pks.Quota{Owner: "cody", Limit: pks.Limit{
			CPU: new(rapid.IntRange(0, 50).Draw(rt, "cpu")), MemoryGB: new(rapid.Float64Range(0, 50).Draw(rt, "memory")), Clusters: new(rapid.IntRange(1, 9).Draw(rt, "clusters")),
		}}
		var use pks.Resources
		for range rapid.IntRange(1, 20).Draw(rt, "requests") {
			more := pks.Resources{
				CPU: rapid.IntRange(-use.CPU, 20).Draw(rt, "more cpu"), MemoryMB: rapid.IntRange(-use.MemoryMB, 20<<10).Draw(rt, "more memory"),
				Clusters: rapid.IntRange(max(-1, -use.Clusters), 1).Draw(rt, "more clusters"),
			}
			if err := q.Admit(use, more); err == nil {
				use = use.Add(more)
			} else if pks.AsFailure(err).Code != pks.CodeQuotaExceeded {
				rt.Fatal(err)
			}
			if use.CPU > *q.Limit.CPU || use.GB() > *q.Limit.MemoryGB || use.Clusters > *q.Limit.Clusters {
				rt.Fatalf("%+v exceed %d CPUs, %g GB, %d clusters", use, *q.Limit.CPU, *q.Limit.MemoryGB, *q.Limit.Clusters)
			}
		}
	})
}
