package lifecycle

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
)

// offer makes the profiles that a spec names, unless they exist.
func offer(t *testing.T, e *Engine, spec pks.ClusterSpec) {
	t.Helper()
	for _, kind := range pks.ProfileKinds() {
		p := spec.ProfileOf(kind)
		if p == nil {
			continue
		}
		_, err := e.CreateProfile(t.Context(), pks.NamedProfile{Kind: kind, Name: p.Name, Owner: alice, Parameters: p.Parameters})
		if err != nil && pks.AsFailure(err).Code != pks.CodeNameTaken {
			t.Fatal(err)
		}
	}
}

func networkProfile(t *testing.T, e *Engine, name string) pks.NamedProfile {
	t.Helper()
	p, err := e.CreateProfile(t.Context(), pks.NamedProfile{Kind: pks.NetworkProfiles, Name: name, Owner: alice, Parameters: []byte(`{"lb_size":"small"}`)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProfileInUseCannotBeDeleted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := networkProfile(t, r.Engine, "np")
	req := createRequest("demo")
	req.Spec.NetworkProfile = p.Copy()
	c, err := r.Create(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	wantFailure(t, r.DeleteProfile(t.Context(), p), pks.CodeInUse, "The network profile np is in use by demo.")

	stepUntilSettled(t, r.Engine, c.ID)
	wantFailure(t, r.DeleteProfile(t.Context(), p), pks.CodeInUse, "The network profile np is in use by demo.")
	if _, err := r.Delete(t.Context(), DeleteRequest{ClusterID: c.ID, By: alice}); err != nil {
		t.Fatal(err)
	}
	stepUntilSettled(t, r.Engine, c.ID)
	if err := r.DeleteProfile(t.Context(), p); err != nil {
		t.Error(err)
	}
	wantFailure(t, r.DeleteProfile(t.Context(), p), pks.CodeProfileNotFound, "Network profile np not found.")
}

func TestClusterCannotTakeUpAProfileThatIsGone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	req := createRequest("demo")
	req.Spec.NetworkProfile = &pks.Profile{Name: "gone"}
	_, err := r.Create(t.Context(), req)
	wantFailure(t, err, pks.CodeInvalidRequest, `network_profile_name: network profile "gone" not found.`)

	req.Spec.NetworkProfile = nil
	c, err := r.Create(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	stepUntilSettled(t, r.Engine, c.ID)
	_, err = r.Update(t.Context(), UpdateRequest{ClusterID: c.ID, By: alice, Change: func(s pks.ClusterSpec) (pks.ClusterSpec, error) {
		s.KubernetesProfile = &pks.Profile{Name: "gone"}
		return s, nil
	}})
	wantFailure(t, err, pks.CodeInvalidRequest, `kubernetes_profile_name: Kubernetes profile "gone" not found.`)
}

// A profile of another id under the same name is not the one that was meant.
func TestDeleteMeansTheProfileThatWasSeen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := networkProfile(t, r.Engine, "np")
	if err := r.DeleteProfile(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	networkProfile(t, r.Engine, "np")
	wantFailure(t, r.DeleteProfile(t.Context(), first), pks.CodeProfileNotFound, "Network profile np not found.")
}

func wantFailure(t *testing.T, err error, code pks.Code, text string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s: %s", code, text)
	}
	f := pks.AsFailure(err)
	if f.Code != code {
		t.Errorf("code %s, want %s", f.Code, code)
	}
	if diff := cmp.Diff(text, f.User); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(f.Message(), "  ") {
		t.Errorf("message %q", f.Message())
	}
}
