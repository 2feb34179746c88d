package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/api"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
	"github.com/pks-community/pks-release/src/uaa"
)

// knows stands for a verifier that has seen the token before.
type knows struct{}

func (knows) Verify(context.Context, string) (uaa.Token, error) {
	return uaa.Token{Principal: pks.Principal{Kind: pks.PrincipalUser, ID: "x"}, Scopes: []string{uaa.ScopeAdmin}}, nil
}

// BenchmarkReads measures reads through the HTTP layer from a real database with
// 10,000 clusters.
func BenchmarkReads(b *testing.B) {
	database, err := store.Open(b.Context(), store.Config{Driver: store.SQLite, Path: filepath.Join(b.TempDir(), "pks-api.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = database.Close() }()
	err = database.Write(b.Context(), func(ctx context.Context, tx store.Tx) error {
		for i := range 10_000 {
			name := fmt.Sprintf("cluster-%05d", i)
			if err := tx.InsertCluster(ctx, pks.Cluster{
				ID: uuid.NewString(), Name: name, PlanID: "p", PlanName: "small", Owner: pks.Principal{Kind: pks.PrincipalUser, ID: "y"},
				Spec:       pks.ClusterSpec{ClusterName: name, MasterHost: name + ".example.com", MasterPort: 8443, WorkerInstances: 3},
				LastAction: pks.ActionCreate, LastActionState: pks.ActionSucceeded, CreatedAt: time.Now(), UpdatedAt: time.Now(),
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	handler := api.New(api.Config{Clusters: database, Verifier: knows{}}).Handler()
	for name, path := range map[string]string{"one": "/v1/clusters/cluster-04711", "list": "/v1/clusters"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, path, nil)
				r.Header.Set("Authorization", "Bearer token")
				recorder := httptest.NewRecorder()
				handler.ServeHTTP(recorder, r)
				if recorder.Code != http.StatusOK {
					b.Fatalf("%d %s", recorder.Code, recorder.Body)
				}
			}
		})
	}
}
