package storetest

import (
	"context"
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

var (
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
	alice = pks.Principal{Kind: pks.PrincipalUser, Origin: "uaa", ID: "a-1", Name: "alice"}
	robot = pks.Principal{Kind: pks.PrincipalClient, ID: "a-1", Name: "a-1"}
)

func ptr[T any](v T) *T { return &v }

// fullSpec has every member set.
func fullSpec(name string) pks.ClusterSpec {
	return pks.ClusterSpec{
		ClusterName: name, MasterHost: name + ".example.com", MasterPort: 8443, WorkerInstances: 3,
		Tags:               []pks.Tag{{Name: "cost", Value: "", Category: "c"}},
		Drain:              pks.DrainSettings{TimeoutMinutes: ptr(0), GracePeriodSeconds: ptr(-1), Force: ptr(false), IgnoreDaemonSets: ptr(true)},
		CustomCACerts:      []pks.RegistryCA{{DomainName: "r.example.com", CACert: "-----BEGIN CERTIFICATE-----\nMII\n"}},
		InsecureRegistries: []string{"a:5000"}, UnsetHTTPProxy: []string{"runtime"},
		VSphereCloudProviderConfigKey: "key1",
		Proxy: &pks.Proxy{
			HTTP:    pks.ProxyServer{URL: "http://p:3128", Username: "u", Password: "p'w\"$1"},
			NoProxy: []string{".local"},
		},
		VMExtensions:      map[string][]string{"worker": {"x"}},
		NetworkProfile:    &pks.Profile{Name: "np", Parameters: json.RawMessage(`{"lb_size":"small"}`)},
		KubernetesProfile: &pks.Profile{Name: "kp"},
		NodePoolInstances: map[string]int{"gpu": 2},
	}
}

func newCluster(name string) pks.Cluster {
	return pks.Cluster{
		ID: uuid.NewString(), Name: name, Owner: alice, PlanID: "p1", PlanName: "small",
		Spec:              fullSpec(name),
		MasterIPs:         []netip.Addr{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fd00::2")},
		Machines:          pks.Machines{Observed: true, Groups: []pks.MachineGroup{{Name: "master", Instances: 1, MachineSize: pks.MachineSize{CPU: 2, MemoryMB: 4096}}, {Name: "worker-gpu", Instances: 2}}},
		KubernetesVersion: "1.34.2", ProductVersion: "1.0.0",
		LastAction: pks.ActionCreate, LastActionState: pks.ActionInProgress, LastActionDescription: "Creating cluster",
		OperationID: "op-" + name, CreatedAt: noon, UpdatedAt: noon.Add(time.Second), ReadyAt: noon.Add(time.Minute),
		DeletionLock: true, Revision: 1,
	}
}

func newOperation(c pks.Cluster) pks.Operation {
	previous := c.Spec.Clone()
	return pks.Operation{
		ID: uuid.NewString(), ClusterID: c.ID, ClusterName: c.Name,
		Action: pks.ActionUpdate, State: pks.OperationAccepted,
		Spec: c.Spec.Clone(), Previous: &previous, PreviousMachines: c.Machines, RequestedBy: robot, RequestID: "r1",
		BrokerOperation: `{"BoshTaskID":1}`, EventOffset: 5120, Attempts: 2, Faults: 1, BOSHTask: 12, Percent: 40,
		Description: "Instance update in progress", CreatedAt: noon, UpdatedAt: noon,
		PlanID: c.PlanID, DeletionLock: ptr(true), AskedAt: noon.Add(time.Second), CancelRequestedAt: noon.Add(2 * time.Second), Landed: pks.LandedInconsistent,
	}
}

func write(t *testing.T, s store.Store, change func(context.Context, store.Tx) error) {
	t.Helper()
	if err := s.Write(t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

func insertCluster(t *testing.T, s store.Store, c pks.Cluster) pks.Cluster {
	t.Helper()
	write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.InsertCluster(ctx, c) })
	return c
}

func insertOperation(t *testing.T, s store.Store, op pks.Operation) pks.Operation {
	t.Helper()
	write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.InsertOperation(ctx, op) })
	return op
}

func settle(t *testing.T, s store.Store, op pks.Operation) pks.Operation {
	t.Helper()
	op.State, op.SettledAt = pks.OperationSucceeded, noon.Add(time.Hour)
	write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.UpdateOperation(ctx, op) })
	return op
}

func wantCode(t *testing.T, err error, want pks.Code) *pks.Failure {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", want)
	}
	f := pks.AsFailure(err)
	if f.Code != want {
		t.Fatalf("error %v, want %s", err, want)
	}
	return f
}
