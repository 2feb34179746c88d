package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

var compare = cmp.Options{cmpopts.EquateComparable(netip.Addr{}), cmpopts.IgnoreUnexported(pks.Failure{}), cmpopts.EquateEmpty()}

func clusterReadsBackWhole(t *testing.T, s store.Store) {
	want := insertCluster(t, s, newCluster("demo"))
	for name, read := range map[string]func() (pks.Cluster, error){
		"by name": func() (pks.Cluster, error) { return s.Cluster(t.Context(), "demo") },
		"by id":   func() (pks.Cluster, error) { return s.ClusterByID(t.Context(), want.ID) },
	} {
		got, err := read()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, compare...); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	want.MasterIPs, want.Spec = nil, pks.ClusterSpec{ClusterName: "demo", MasterHost: "other.example.com"}
	want.Owner, want.LastActionState = robot, pks.ActionFailed
	want.DeletionLock, want.Revision = false, 77 // which is not looked at
	write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.UpdateCluster(ctx, want) })
	want.Revision = 2
	got, err := s.Cluster(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, compare...); diff != "" {
		t.Errorf("after update (-want +got):\n%s", diff)
	}
}

func anyTextReadsBackIntact(t *testing.T, s store.Store) {
	for i, text := range []string{
		`'; DROP TABLE clusters; --`, `a"b\c`, "line\nline\r\ttab", "$1 ?0 ?", "Zürich 東京 🚀", "\u2028\u0001", `{"a":[1,"?"]}`, " ", `\x00`, "\x7f",
	} {
		c := newCluster(string(rune('a' + i)))
		c.Owner.Name, c.LastActionDescription, c.PlanName = text, text, text
		c.Spec.Tags = []pks.Tag{{Name: text, Value: text}}
		c.Spec.NetworkProfile.Parameters, _ = json.Marshal(map[string]string{text: text})
		insertCluster(t, s, c)
		op := newOperation(c)
		op.RequestID, op.Description, op.BrokerOperation = text, text, text
		insertOperation(t, s, op)
		event := pks.Event{Seq: 1, OperationID: op.ID, Time: noon, Stage: text, Subject: text, State: text, Message: text}
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.AppendEvents(ctx, c.ID, []pks.Event{event}) })

		got, err := s.Cluster(t.Context(), c.Name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, got, compare...); diff != "" {
			t.Errorf("cluster with %q (-want +got):\n%s", text, diff)
		}
		gotOp, err := s.Operation(t.Context(), op.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(op, gotOp, compare...); diff != "" {
			t.Errorf("operation with %q (-want +got):\n%s", text, diff)
		}
		events, err := s.Events(t.Context(), c.ID, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]pks.Event{event}, events); diff != "" {
			t.Errorf("event with %q (-want +got):\n%s", text, diff)
		}
	}
}

func unknownClusterNotFound(t *testing.T, s store.Store) {
	insertCluster(t, s, newCluster("demo"))
	_, err := s.Cluster(t.Context(), "Demo")
	if f := wantCode(t, err, pks.CodeClusterNotFound); f.User != "Cluster Demo not found." {
		t.Errorf("text %q", f.User)
	}
	_, err = s.Cluster(t.Context(), strings.Repeat("long", 10_000))
	if f := wantCode(t, err, pks.CodeClusterNotFound); len(f.User) > 200 {
		t.Errorf("the text has %d bytes", len(f.User))
	}
	_, err = s.ClusterByID(t.Context(), "demo")
	wantCode(t, err, pks.CodeClusterNotFound)
	err = s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.LockCluster(ctx, "none")
		return err
	})
	wantCode(t, err, pks.CodeClusterNotFound)
}

func nameTaken(t *testing.T, s store.Store) {
	insertCluster(t, s, newCluster("demo"))
	second := newCluster("demo")
	second.Spec.MasterHost = "elsewhere.example.com"
	err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error { return tx.InsertCluster(ctx, second) })
	wantCode(t, err, pks.CodeNameTaken)
	// With the host taken as well, the name is what the user is told.
	err = s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error { return tx.InsertCluster(ctx, newCluster("demo")) })
	wantCode(t, err, pks.CodeNameTaken)
}

func hostTakenInAnySpelling(t *testing.T, s store.Store) {
	for i, spelling := range []struct{ first, second string }{
		{"k8s.example.com", "K8S.Example.COM"},
		{"10.1.2.3", "::ffff:10.1.2.3"},
		{"fd00::1", "FD00:0:0::0001"},
	} {
		first := newCluster("first" + string(rune('a'+i)))
		first.Spec.MasterHost = spelling.first
		insertCluster(t, s, first)
		second := newCluster("second" + string(rune('a'+i)))
		second.Spec.MasterHost = spelling.second
		err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error { return tx.InsertCluster(ctx, second) })
		wantCode(t, err, pks.CodeHostTaken)
	}
}

func updateToTakenHostRefused(t *testing.T, s store.Store) {
	first, second := insertCluster(t, s, newCluster("first")), insertCluster(t, s, newCluster("second"))
	second.Spec.MasterHost = first.Spec.MasterHost
	err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error { return tx.UpdateCluster(ctx, second) })
	wantCode(t, err, pks.CodeHostTaken)
}

func clustersListed(t *testing.T, s store.Store) {
	empty, err := s.Clusters(t.Context(), store.ClusterFilter{})
	if err != nil || empty == nil || len(empty) != 0 {
		t.Fatalf("no clusters: %v, %v; want an empty list", empty, err)
	}
	b, a, c := newCluster("b"), newCluster("a"), newCluster("c")
	b.Owner = robot
	c.PlanID = "p2"
	for _, cluster := range []pks.Cluster{b, a, c} {
		insertCluster(t, s, cluster)
	}
	for name, tc := range map[string]struct {
		filter store.ClusterFilter
		want   []pks.Cluster
	}{
		"all":         {store.ClusterFilter{}, []pks.Cluster{a, b, c}},
		"of a user":   {store.ClusterFilter{Owner: &alice}, []pks.Cluster{a, c}},
		"of a client": {store.ClusterFilter{Owner: &robot}, []pks.Cluster{b}},
		"of a plan":   {store.ClusterFilter{PlanID: "p2"}, []pks.Cluster{c}},
		"of both":     {store.ClusterFilter{Owner: &robot, PlanID: "p2"}, nil},
	} {
		got, err := s.Clusters(t.Context(), tc.filter)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, values(got), compare...); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func updateOfAbsentCluster(t *testing.T, s store.Store) {
	err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error { return tx.UpdateCluster(ctx, newCluster("none")) })
	if err == nil {
		t.Error("updated a cluster that is not there")
	}
	err = s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error { return tx.DeleteCluster(ctx, "none", noon) })
	if err == nil {
		t.Error("deleted a cluster that is not there")
	}
}

func failedChangeLeavesNothing(t *testing.T, s store.Store) {
	boom := errors.New("boom")
	err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
		if err := tx.InsertCluster(ctx, newCluster("demo")); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("error %v, want the change's own", err)
	}
	_, err = s.Cluster(t.Context(), "demo")
	wantCode(t, err, pks.CodeClusterNotFound)
}

func cancelledRequestLeavesNothing(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		if err := tx.InsertCluster(ctx, newCluster("demo")); err != nil {
			return err
		}
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	_, err = s.Cluster(t.Context(), "demo")
	wantCode(t, err, pks.CodeClusterNotFound)
}
