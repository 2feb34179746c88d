package pks

import (
	"net/netip"
	"time"
)

// DefaultMasterPort is where a cluster's Kubernetes API is reached unless the
// request names another port (reference/pks-api.md §5.2).
const DefaultMasterPort = 8443

// DeploymentPrefix precedes the cluster's UUID in its BOSH deployment name.
const DeploymentPrefix = "service-instance_"

// Cluster is one Kubernetes cluster: one service instance, one BOSH deployment.
type Cluster struct {
	ID    string // UUID, final from the first answer on
	Name  string
	Owner Principal

	PlanID   string
	PlanName string

	// Spec is what the cluster is wanted to be, whole. Every change sends all of it.
	Spec ClusterSpec

	// Machines are what the cluster takes of the platform; empty for a cluster that
	// is older than this record.
	Machines Machines

	// MasterIPs is empty until the masters have addresses.
	MasterIPs []netip.Addr

	// KubernetesVersion and ProductVersion are those that the cluster runs, or
	// will run once its creation is done.
	KubernetesVersion string
	ProductVersion    string

	LastAction            Action
	LastActionState       ActionState
	LastActionDescription string

	// OperationID is the operation that LastAction tells of.
	OperationID string

	// DeletionLock keeps the cluster from being deleted until it is lifted.
	DeletionLock bool
	// Revision counts the changes of what clients read, from 1.
	Revision int64

	// RolloutID is the rollout in which the cluster waits for its turn since the
	// last action; empty for none. Clients read the cluster as queued for UPGRADE.
	RolloutID string

	CreatedAt time.Time
	UpdatedAt time.Time

	// ReadyAt is when the cluster's creation succeeded; zero until then. A cluster
	// without it has never worked.
	ReadyAt time.Time
}

// DeploymentName is the BOSH deployment that holds the cluster's VMs.
func (c Cluster) DeploymentName() string { return DeploymentPrefix + c.ID }

// Busy tells whether an operation is under way, so that another must wait.
func (c Cluster) Busy() bool {
	return c.LastActionState == ActionInProgress || c.LastActionState == ActionQueued
}
