package lifecycle

import "github.com/pks-community/pks-release/src/pks"

// CreateRequest asks for a new cluster. The spec is whole and validated; its
// ClusterName is set to Name.
type CreateRequest struct {
	Name              string
	Owner             pks.Principal
	Plan              pks.Plan
	Spec              pks.ClusterSpec
	KubernetesVersion string
	ProductVersion    string
	RequestID         string
}

// UpdateRequest asks for a change of a cluster.
type UpdateRequest struct {
	ClusterID string
	By        pks.Principal
	RequestID string
	// Change gets a copy of the cluster's whole spec and returns what it is to
	// become, or an error, which Update returns as it is. It runs inside a
	// transaction: it must be quick, do no I/O, and may run more than once.
	Change func(pks.ClusterSpec) (pks.ClusterSpec, error)
}

// DeleteRequest asks for the end of a cluster.
type DeleteRequest struct {
	ClusterID string
	By        pks.Principal
	RequestID string
}

// BindRequest asks for credentials of a cluster.
type BindRequest struct {
	ClusterID string
	// User is the name that the credentials are for. Empty, the default, stands
	// for a fresh service account.
	User      string
	By        pks.Principal
	RequestID string
}
