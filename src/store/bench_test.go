package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

const fleet = 10_000

func openFleet(b *testing.B) *store.SQL {
	b.Helper()
	s, err := store.Open(b.Context(), store.Config{Driver: store.SQLite, Path: filepath.Join(b.TempDir(), "fleet.db")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	err = s.Write(b.Context(), func(ctx context.Context, tx store.Tx) error {
		for i := range fleet {
			name := fmt.Sprint("cluster-", i)
			err := tx.InsertCluster(ctx, pks.Cluster{
				ID: name, Name: name, PlanID: "p1", PlanName: "small",
				Spec: pks.ClusterSpec{ClusterName: name, MasterHost: name + ".example.com", MasterPort: 8443, WorkerInstances: 3},
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func BenchmarkClusterByName(b *testing.B) {
	s := openFleet(b)
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := s.Cluster(b.Context(), fmt.Sprint("cluster-", i%fleet)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkListOfTenThousand(b *testing.B) {
	s := openFleet(b)
	for b.Loop() {
		if _, err := s.Clusters(b.Context(), store.ClusterFilter{}); err != nil {
			b.Fatal(err)
		}
	}
}
