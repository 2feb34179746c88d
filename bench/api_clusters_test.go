package bench

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

const (
	manyClusters     = 10_000
	targetKubernetes = "1.34.2"
	oldKubernetes    = "1.33.7"
)

func clusterName(n int) string { return fmt.Sprintf("cluster-%05d", n) }

// seed puts clusters into the site's database, as they are when nothing is being
// done to them. The first so many run an older Kubernetes.
func (s *site) seed(t *testing.T, older int) {
	t.Helper()
	database, err := store.Open(t.Context(), store.Config{Driver: store.SQLite, Path: filepath.Join(s.folder, "pks-api.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = database.Close() }()
	version, now := s.version(t), time.Now().UTC()
	const batch = 1000
	for from := 0; from < manyClusters; from += batch {
		err := database.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
			for n := from; n < from+batch; n++ {
				c := pks.Cluster{
					ID: uuid.NewString(), Name: clusterName(n), PlanID: "p1", PlanName: "small",
					Owner: pks.Principal{Kind: pks.PrincipalUser, Origin: "uaa", ID: fmt.Sprint("user-", n%50), Name: fmt.Sprint("user-", n%50)},
					Spec: pks.ClusterSpec{
						ClusterName: clusterName(n), MasterHost: clusterName(n) + ".example.com", MasterPort: 8443, WorkerInstances: 3,
						Tags: []pks.Tag{{Name: "team", Value: fmt.Sprint("team-", n%50)}},
					},
					MasterIPs:         []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})},
					KubernetesVersion: targetKubernetes, ProductVersion: version,
					LastAction: pks.ActionCreate, LastActionState: pks.ActionSucceeded, LastActionDescription: "Instance provisioning completed",
					OperationID: uuid.NewString(), CreatedAt: now, UpdatedAt: now, ReadyAt: now,
				}
				if n < older {
					c.KubernetesVersion = oldKubernetes
				}
				if err := tx.InsertCluster(ctx, c); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
