package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

func newProfile(kind pks.ProfileKind, name string) pks.NamedProfile {
	return pks.NamedProfile{
		ID: uuid.NewString(), Kind: kind, Name: name, Description: "about", Owner: alice,
		Parameters: json.RawMessage(`{"lb_size": "small"}`), CreatedAt: noon,
	}
}

func insertProfile(t *testing.T, s store.Store, p pks.NamedProfile) pks.NamedProfile {
	t.Helper()
	write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.InsertProfile(ctx, p) })
	return p
}

func deleteProfile(t *testing.T, s store.Store, p pks.NamedProfile) error {
	return s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error { return tx.DeleteProfile(ctx, p) })
}

func profilesReadBackWhole(t *testing.T, s store.Store) {
	var want []pks.NamedProfile
	for i, text := range []string{`'; DROP TABLE profiles; --`, `a"b\c`, "$1 ?0 ?", "Zürich 東京 🚀", "\u2028\x7f", "line\nline"} {
		p := newProfile(pks.NetworkProfiles, fmt.Sprint(i, text))
		p.Description, p.Owner.Name = text, text
		p.Parameters, _ = json.Marshal(map[string]string{text: text})
		want = append(want, insertProfile(t, s, p))
	}
	insertProfile(t, s, newProfile(pks.ComputeProfiles, "other kind"))
	robots := newProfile(pks.NetworkProfiles, "z")
	robots.Owner = robot
	want = append(want, insertProfile(t, s, robots))

	got, err := s.Profiles(t.Context(), pks.NetworkProfiles, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, err = s.Profiles(t.Context(), pks.NetworkProfiles, &robot); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]pks.NamedProfile{robots}, got); diff != "" {
		t.Error(diff)
	}
	for _, p := range want {
		one, err := s.Profile(t.Context(), p.Kind, p.Name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, one); diff != "" {
			t.Error(diff)
		}
	}
	_, err = s.Profile(t.Context(), pks.KubernetesProfiles, "z")
	if f := wantCode(t, err, pks.CodeProfileNotFound); f.User != "Kubernetes profile z not found." {
		t.Errorf("text %q", f.User)
	}
}

func profileNameTaken(t *testing.T, s store.Store) {
	insertProfile(t, s, newProfile(pks.NetworkProfiles, "p"))
	insertProfile(t, s, newProfile(pks.ComputeProfiles, "p"))
	var won atomic.Int32
	var group errgroup.Group
	for range crowd {
		group.Go(func() error {
			err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
				return tx.InsertProfile(ctx, newProfile(pks.KubernetesProfiles, "p"))
			})
			if err == nil {
				won.Add(1)
			} else if pks.AsFailure(err).Code != pks.CodeNameTaken {
				return err
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if won.Load() != 1 {
		t.Errorf("%d profiles of one name were stored", won.Load())
	}
}

func profileInUse(t *testing.T, s store.Store) {
	profiles := map[pks.ProfileKind]pks.NamedProfile{}
	for _, kind := range pks.ProfileKinds() {
		profiles[kind] = insertProfile(t, s, newProfile(kind, "p"))
	}
	wanted := pks.ClusterSpec{NetworkProfile: &pks.Profile{Name: "p"}, ComputeProfile: &pks.Profile{Name: "p"}, KubernetesProfile: &pks.Profile{Name: "p"}}
	var names []string
	var last pks.Cluster
	for i := range 12 {
		c := newCluster(fmt.Sprintf("c%02d", i))
		c.Spec.NetworkProfile, c.Spec.ComputeProfile, c.Spec.KubernetesProfile = wanted.NetworkProfile, wanted.ComputeProfile, wanted.KubernetesProfile
		last = insertCluster(t, s, c)
		names = append(names, c.Name)
	}
	for kind, p := range profiles {
		f := wantCode(t, deleteProfile(t, s, p), pks.CodeInUse)
		if want := "The " + kind.Noun() + " p is in use by " + strings.Join(names[:10], ", ") + " and 2 more."; f.User != want {
			t.Errorf("text %q, want %q", f.User, want)
		}
	}
	for _, name := range names[:11] {
		c, err := s.Cluster(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.DeleteCluster(ctx, c.ID, noon) })
	}
	last.Spec.NetworkProfile = nil
	write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.UpdateCluster(ctx, last) })
	if err := deleteProfile(t, s, profiles[pks.NetworkProfiles]); err != nil {
		t.Errorf("a profile that no cluster has any more: %v", err)
	}
	wantCode(t, deleteProfile(t, s, profiles[pks.NetworkProfiles]), pks.CodeProfileNotFound)
	wantCode(t, deleteProfile(t, s, newProfile(pks.ComputeProfiles, "p")), pks.CodeProfileNotFound) // of another id
	if f := wantCode(t, deleteProfile(t, s, profiles[pks.ComputeProfiles]), pks.CodeInUse); f.User != "The compute profile p is in use by c11." {
		t.Errorf("text %q", f.User)
	}
}

// profileTakenUpOrDeleted: of a cluster that takes up a profile and a request that
// deletes it, in one moment, one is refused.
func profileTakenUpOrDeleted(t *testing.T, s store.Store) {
	for i := range crowd {
		p := insertProfile(t, s, newProfile(pks.NetworkProfiles, fmt.Sprint("p", i)))
		c := newCluster(fmt.Sprint("c", i))
		c.Spec.NetworkProfile = p.Copy()
		var taken, deleted error
		var group errgroup.Group
		group.Go(func() error {
			taken = s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
				if _, err := tx.HoldProfile(ctx, p.Kind, p.Name); err != nil {
					return err
				}
				return tx.InsertCluster(ctx, c)
			})
			return nil
		})
		group.Go(func() error {
			deleted = deleteProfile(t, s, p)
			return nil
		})
		_ = group.Wait()
		switch {
		case taken == nil && deleted != nil:
			wantCode(t, deleted, pks.CodeInUse)
		case taken != nil && deleted == nil:
			wantCode(t, taken, pks.CodeProfileNotFound)
		default:
			t.Errorf("take up: %v, delete: %v", taken, deleted)
		}
	}
}
