package lifecycle

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
)

func TestMachinesAreWhatTheBrokerTells(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.ready(t, "demo")
	got, err := r.Machines(t.Context(), c)
	if diff := cmp.Diff([]osb.Machine{{Group: "master", ID: c.ID, State: "running"}}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	for kind, want := range map[osb.Kind]pks.Code{
		osb.Gone: pks.CodeDeploymentLost, osb.NotFound: pks.CodeBrokerRefused,
		osb.Unavailable: pks.CodeBrokerUnavailable, osb.Fault: pks.CodeBrokerRefused,
	} {
		r.broker.mu.Lock()
		r.broker.script = func(string) error { return &osb.Error{Kind: kind, Call: "machines"} }
		r.broker.mu.Unlock()
		if _, err := r.Machines(t.Context(), c); pks.AsFailure(err).Code != want {
			t.Errorf("%s: %v", kind, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.broker.mu.Lock()
	r.broker.script = func(string) error { return ctx.Err() }
	r.broker.mu.Unlock()
	if _, err := r.Machines(ctx, c); err != context.Canceled {
		t.Errorf("given up: %v", err)
	}
}
