package lifecycle

import (
	"cmp"
	"maps"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
)

// rotations are the authorities of all updates that the broker has begun.
func (b *fakeBroker) rotations() []pks.CertificateAuthorities {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []pks.CertificateAuthorities
	for _, task := range slices.SortedFunc(maps.Values(b.tasks), func(x, y *fakeTask) int { return cmp.Compare(x.id, y.id) }) {
		if task.kind == "update" {
			all = append(all, task.spec.Certificates)
		}
	}
	return all
}

func (r rig) rotate(t *testing.T, id string) pks.Cluster {
	t.Helper()
	c, err := r.RotateCertificates(t.Context(), RotateRequest{ClusterID: id, By: alice})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func introduced(n int) pks.CertificateAuthorities {
	return pks.CertificateAuthorities{Generation: n, Phase: pks.RotationIntroduced}
}

func switched(n int) pks.CertificateAuthorities {
	return pks.CertificateAuthorities{Generation: n, Phase: pks.RotationSwitched}
}

func TestRotationTakesThreeDeploys(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	before := r.ready(t, "demo")
	c := r.rotate(t, before.ID)
	wantDescription(t, c, pks.ActionInProgress, "Rotating certificates")
	var percents []int
	var said []string
	for op := stepOnce(t, r.Engine, c.OperationID); ; op = stepOnce(t, r.Engine, c.OperationID) {
		percents = append(percents, op.Percent)
		if text := r.cluster(t, c.ID).LastActionDescription; !slices.Contains(said, text) {
			said = append(said, text)
		}
		if op.State.Settled() {
			break
		}
	}
	if !slices.IsSorted(percents) || percents[len(percents)-1] != 100 {
		t.Errorf("percents are %v", percents)
	}
	if diff := gocmp.Diff([]string{
		"Instance certificate rotation in progress (step 1 of 3)", "Instance certificate rotation in progress (step 2 of 3)",
		"Instance certificate rotation in progress (step 3 of 3)", "Instance certificate rotation completed",
	}, said); diff != "" {
		t.Error(diff)
	}
	if diff := gocmp.Diff([]pks.CertificateAuthorities{introduced(1), switched(1), {Generation: 1}}, r.broker.rotations()); diff != "" {
		t.Error(diff)
	}
	want := before.Spec.Clone()
	want.Certificates.Generation = 1
	if diff := gocmp.Diff(want, r.cluster(t, c.ID).Spec); diff != "" {
		t.Errorf("more than certificates changed:\n%s", diff)
	}
}

func TestRotationGoesOnWhereItFailed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.rotate(t, r.ready(t, "demo").ID)
	for r.cluster(t, c.ID).Spec.Certificates != switched(1) {
		stepOnce(t, r.Engine, c.OperationID)
	}
	r.broker.taskFails = "no disk space left"
	if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationFailed {
		t.Fatalf("%+v", op)
	}
	wantDescription(t, r.cluster(t, c.ID), pks.ActionFailed, "Instance certificate rotation failed: ")
	r.broker.taskFails = ""

	// Another change in between leaves the rotation where it is.
	r.update(t, c.ID, 5)
	if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationSucceeded || r.cluster(t, c.ID).Spec.Certificates != switched(1) {
		t.Fatalf("%+v", op)
	}
	r.rotate(t, c.ID)
	if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationSucceeded {
		t.Fatalf("%+v", op)
	}
	// That the machines are as the second step wants them, the broker knows by now.
	want := []pks.CertificateAuthorities{introduced(1), switched(1), switched(1), {Generation: 1}}
	if diff := gocmp.Diff(want, r.broker.rotations()); diff != "" {
		t.Error(diff)
	}
}

func TestRetriedRotationGoesOn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.rotate(t, r.ready(t, "demo").ID)
	r.broker.taskFails = "no disk space left"
	stepUntilSettled(t, r.Engine, c.ID)
	r.broker.taskFails = ""
	if _, err := r.Retry(t.Context(), RetryRequest{ClusterID: c.ID, By: alice}); err != nil {
		t.Fatal(err)
	}
	if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationSucceeded {
		t.Fatalf("%+v", op)
	}
	if got := r.cluster(t, c.ID).Spec.Certificates; got != (pks.CertificateAuthorities{Generation: 1}) {
		t.Errorf("%+v", got)
	}
}

// A cancel must not take a cluster back to authorities that its machines may
// trust no more.
func TestCancelledRotationStaysWhereItIs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.rotate(t, r.ready(t, "demo").ID)
	for r.cluster(t, c.ID).Spec.Certificates != switched(1) {
		stepOnce(t, r.Engine, c.OperationID)
	}
	stepOnce(t, r.Engine, c.OperationID)
	if _, err := r.Cancel(t.Context(), CancelRequest{ClusterID: c.ID, By: alice}); err != nil {
		t.Fatal(err)
	}
	if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationCancelled {
		t.Fatalf("%+v", op)
	}
	if got := r.cluster(t, c.ID).Spec.Certificates; got != switched(1) {
		t.Errorf("%+v", got)
	}
	wantDescription(t, r.cluster(t, c.ID), pks.ActionFailed, "Instance certificate rotation cancelled: ")
	r.rotate(t, c.ID)
	if op := stepUntilSettled(t, r.Engine, c.ID); op.State != pks.OperationSucceeded || r.cluster(t, c.ID).Spec.Certificates != (pks.CertificateAuthorities{Generation: 1}) {
		t.Errorf("%+v", op)
	}
}

func TestRotationNeedsACluster(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := mustCreate(t, r.Engine, "demo")
	_, err := r.RotateCertificates(t.Context(), RotateRequest{ClusterID: c.ID, By: alice})
	if got := pks.AsFailure(err).Code; got != pks.CodeOperationInProgress {
		t.Errorf("failure %s", got)
	}
}
