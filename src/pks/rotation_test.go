package pks

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRotationHasThreeSteps(t *testing.T) {
	t.Parallel()
	var steps []CertificateAuthorities
	state := CertificateAuthorities{Generation: 4}.Rotate()
	for more := true; more; state, more = state.Next() {
		if state.Step() != len(steps)+1 {
			t.Errorf("%+v is step %d", state, state.Step())
		}
		steps = append(steps, state)
	}
	want := []CertificateAuthorities{{5, RotationIntroduced}, {5, RotationSwitched}, {5, ""}}
	if diff := cmp.Diff(want, steps); diff != "" || len(steps) != RotationSteps {
		t.Error(diff)
	}
	for _, begun := range want[:2] {
		if begun.Rotate() != begun {
			t.Errorf("%+v is begun anew", begun)
		}
	}
}

func TestOnlySomeUpdatesRotate(t *testing.T) {
	t.Parallel()
	plain := ClusterSpec{ClusterName: "demo", WorkerInstances: 3}
	begun, larger, largerBegun := plain, plain, plain
	begun.Certificates = plain.Certificates.Rotate()
	larger.WorkerInstances = 4
	largerBegun.WorkerInstances, largerBegun.Certificates = 4, begun.Certificates
	for name, c := range map[string]struct {
		op   Operation
		want bool
	}{
		"a rotation":                 {Operation{Action: ActionUpdate, Spec: begun, Previous: &plain}, true},
		"the rest of one":            {Operation{Action: ActionUpdate, Spec: begun, Previous: &begun}, true},
		"a resize":                   {Operation{Action: ActionUpdate, Spec: larger, Previous: &plain}, false},
		"a resize in the midst":      {Operation{Action: ActionUpdate, Spec: largerBegun, Previous: &begun}, false},
		"an update to what there is": {Operation{Action: ActionUpdate, Spec: plain, Previous: &plain}, false},
		"an upgrade in the midst":    {Operation{Action: ActionUpgrade, Spec: begun, Previous: &begun}, false},
		"a creation":                 {Operation{Action: ActionCreate, Spec: plain}, false},
	} {
		if got := c.op.Rotates(); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
		if said := c.op.Accepted() == "Rotating certificates"; said != c.want {
			t.Errorf("%s is described as %q", name, c.op.Accepted())
		}
	}
}
