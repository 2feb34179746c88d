package store

import (
	"github.com/uptrace/bun"

	"github.com/pks-community/pks-release/src/pks"
)

type rolloutRow struct {
	bun.BaseModel `bun:"table:rollouts"`

	ID                string `bun:"id,pk"`
	ByKind            string `bun:"by_kind"`
	ByOrigin          string `bun:"by_origin"`
	ByID              string `bun:"by_id"`
	ByName            string `bun:"by_name"`
	RequestID         string `bun:"request_id"`
	KubernetesVersion string `bun:"kubernetes_version"`
	ProductVersion    string `bun:"product_version"`
	MaxInFlight       int    `bun:"max_in_flight"`
	Forced            int    `bun:"forced"`
	NodesParallel     int    `bun:"nodes_parallel"`
	State             string `bun:"state"`
	CreatedAt         int64  `bun:"created_at"`
	StartedAt         int64  `bun:"started_at"`
	EndedAt           int64  `bun:"ended_at"`
}

func rolloutRowOf(r pks.Rollout) *rolloutRow {
	return &rolloutRow{
		ID:     r.ID,
		ByKind: string(r.RequestedBy.Kind), ByOrigin: r.RequestedBy.Origin, ByID: r.RequestedBy.ID, ByName: r.RequestedBy.Name,
		RequestID:         r.RequestID,
		KubernetesVersion: r.Target.Kubernetes, ProductVersion: r.Target.Product,
		MaxInFlight: r.MaxInFlight, Forced: bit(r.Force), NodesParallel: r.NodesParallel, State: string(r.State),
		CreatedAt: micros(r.CreatedAt), StartedAt: micros(r.StartedAt), EndedAt: micros(r.EndedAt),
	}
}

func (r *rolloutRow) rollout() pks.Rollout {
	return pks.Rollout{
		ID:          r.ID,
		RequestedBy: pks.Principal{Kind: pks.PrincipalKind(r.ByKind), Origin: r.ByOrigin, ID: r.ByID, Name: r.ByName},
		RequestID:   r.RequestID,
		Target:      pks.Versions{Kubernetes: r.KubernetesVersion, Product: r.ProductVersion},
		MaxInFlight: r.MaxInFlight, Force: r.Forced != 0, NodesParallel: r.NodesParallel, State: pks.RolloutState(r.State),
		CreatedAt: instant(r.CreatedAt), StartedAt: instant(r.StartedAt), EndedAt: instant(r.EndedAt),
	}
}

type turnRow struct {
	bun.BaseModel `bun:"table:rollout_clusters"`

	RolloutID   string `bun:"rollout_id,pk"`
	Position    int    `bun:"position,pk"`
	ClusterID   string `bun:"cluster_id"`
	ClusterName string `bun:"cluster_name"`
	Canary      int    `bun:"canary"`
	State       string `bun:"state"`
	OperationID string `bun:"operation_id"`
	Reason      string `bun:"reason"`
	StartedAt   int64  `bun:"started_at"`
	EndedAt     int64  `bun:"ended_at"`
}

func turnRowOf(t pks.RolloutCluster) turnRow {
	return turnRow{
		RolloutID: t.RolloutID, Position: t.Position, ClusterID: t.ClusterID, ClusterName: t.ClusterName,
		Canary: bit(t.Canary), State: string(t.State), OperationID: t.OperationID, Reason: t.Reason,
		StartedAt: micros(t.StartedAt), EndedAt: micros(t.EndedAt),
	}
}

func (r turnRow) turn() pks.RolloutCluster {
	return pks.RolloutCluster{
		RolloutID: r.RolloutID, Position: r.Position, ClusterID: r.ClusterID, ClusterName: r.ClusterName,
		Canary: r.Canary != 0, State: pks.TurnState(r.State), OperationID: r.OperationID, Reason: r.Reason,
		StartedAt: instant(r.StartedAt), EndedAt: instant(r.EndedAt),
	}
}
