package lifecycle

import (
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// CreateRequest asks for a new cluster. The spec is whole and validated; its
// ClusterName is set to Name.
type CreateRequest struct {
	Keyed
	// DryRun goes through everything that could refuse the request and stores
	// nothing.
	DryRun bool

	Name  string
	Owner pks.Principal
	// QuotaExempt: the owner's quota does not count (an administrator asks).
	QuotaExempt       bool
	Plan              pks.Plan
	Spec              pks.ClusterSpec
	KubernetesVersion string
	ProductVersion    string
	RequestID         string
}

// Keyed is what a request with a key against being carried out twice is
// remembered by. The receipt is stored in the transaction of the request's own
// change, unless it has no id; its body is made by Answer.
type Keyed struct {
	Receipt store.Receipt
	Answer  func(pks.Cluster) (string, error)
}

// UpdateRequest asks for a change of a cluster.
type UpdateRequest struct {
	ClusterID string
	By        pks.Principal
	RequestID string
	// Precondition looks at the cluster before anything else does and refuses the
	// request by an error; nil refuses nothing. It runs where Change runs.
	Precondition func(pks.Cluster) error
	// QuotaExempt: the owner's quota does not count (an administrator asks).
	QuotaExempt bool
	DryRun      bool // as of CreateRequest
	// DeletionLock is what the cluster's lock is to be; nil leaves it.
	DeletionLock *bool
	// Change gets a copy of the cluster's whole spec and returns what it is to
	// become, or an error, which Update returns as it is. It runs inside a
	// transaction: it must be quick, do no I/O, and may run more than once.
	Change func(pks.ClusterSpec) (pks.ClusterSpec, error)
}

// DeleteRequest asks for the end of a cluster.
type DeleteRequest struct {
	ClusterID    string
	By           pks.Principal
	RequestID    string
	Precondition func(pks.Cluster) error // as of UpdateRequest
}

// CancelRequest asks for the end of what is being done to a cluster.
type CancelRequest struct {
	ClusterID string
	By        pks.Principal
	RequestID string
}

// RetryRequest asks for what failed, or was cancelled, to be done again.
type RetryRequest struct {
	ClusterID    string
	By           pks.Principal
	RequestID    string
	Precondition func(pks.Cluster) error // as of UpdateRequest
	QuotaExempt  bool                    // as of UpdateRequest
	Keyed
}

// RotateRequest asks for new certificates, and new authorities of them.
type RotateRequest struct {
	ClusterID    string
	By           pks.Principal
	RequestID    string
	Precondition func(pks.Cluster) error // as of UpdateRequest
	Keyed
}

// BindRequest asks for credentials of a cluster.
type BindRequest struct {
	ClusterID string
	// User is the name that the credentials are for. Empty, the default, stands
	// for a fresh service account.
	User string
	// WithoutRights makes credentials that no cluster role is bound to.
	WithoutRights bool
	// LoginOnly refuses clusters that people do not log in to, so that nothing is
	// made in them.
	LoginOnly bool
	By        pks.Principal
	RequestID string
}
