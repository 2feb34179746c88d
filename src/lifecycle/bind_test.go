package lifecycle

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
)

func TestBindGivesFreshCredentials(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.ready(t, "demo")
	first, err := r.Bind(t.Context(), BindRequest{ClusterID: c.ID})
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.Bind(t.Context(), BindRequest{ClusterID: c.ID})
	if err != nil {
		t.Fatal(err)
	}
	if string(first) == string(second) || len(first) < len(`{"user":""}`)+36 {
		t.Errorf("credentials %s and %s", first, second)
	}
	named, err := r.Bind(t.Context(), BindRequest{ClusterID: c.ID, User: "bob"})
	if err != nil || string(named) != `{"user":"bob"}` {
		t.Errorf("credentials %s, %v", named, err)
	}
}

func TestBindFailures(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err     error
		want    pks.Code
		unbinds int
	}{
		"refused":     {&osb.Error{Kind: osb.Refused, Status: 400, Description: "no"}, pks.CodeBrokerRefused, 0},
		"busy":        {&osb.Error{Kind: osb.Busy, Status: 422}, pks.CodeOperationInProgress, 0},
		"gone":        {&osb.Error{Kind: osb.Gone, Status: 410}, pks.CodeDeploymentLost, 0},
		"not found":   {&osb.Error{Kind: osb.NotFound, Status: 404}, pks.CodeDeploymentLost, 0},
		"unavailable": {&osb.Error{Kind: osb.Unavailable}, pks.CodeBrokerUnavailable, 1},
		"fault":       {&osb.Error{Kind: osb.Fault, Status: 500, Description: "nodes cannot be reached"}, pks.CodeBrokerRefused, 1},
		"user left":   {context.Canceled, pks.CodeInternal, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			c := r.ready(t, "demo")
			r.broker.script = failing("bind", tc.err)
			_, err := r.Bind(t.Context(), BindRequest{ClusterID: c.ID})
			if got := pks.AsFailure(err).Code; got != tc.want {
				t.Errorf("failure %s, want %s", got, tc.want)
			}
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v does not lead to its cause", err)
			}
			if len(r.broker.unbound) != tc.unbinds {
				t.Errorf("unbound %v, want %d", r.broker.unbound, tc.unbinds)
			}
		})
	}
}

func TestBindNeedsAClusterThatIsThere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.Bind(t.Context(), BindRequest{ClusterID: "none"}); pks.AsFailure(err).Code != pks.CodeClusterNotFound {
		t.Errorf("unknown: %v", err)
	}
	c := mustCreate(t, r.Engine, "demo")
	_, err := r.Bind(t.Context(), BindRequest{ClusterID: c.ID})
	if f := pks.AsFailure(err); f.Code != pks.CodeClusterNotReady || !strings.Contains(f.User, "still being created") {
		t.Errorf("while created: %v", err)
	}
	stepUntilSettled(t, r.Engine, c.ID)
	r.delete(t, c.ID)
	if _, err := r.Bind(t.Context(), BindRequest{ClusterID: c.ID}); pks.AsFailure(err).Code != pks.CodeOperationInProgress {
		t.Errorf("while deleted: %v", err)
	}
}
