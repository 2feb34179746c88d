package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

// Reader answers questions. It never waits for a writer.
type Reader interface {
	ProfileReader
	QuotaReader

	RolloutReader

	// Cluster finds a cluster by its name; cluster_not_found if there is none.
	Cluster(ctx context.Context, name string) (pks.Cluster, error)
	// ClusterByID finds a cluster by its UUID; cluster_not_found if there is none.
	ClusterByID(ctx context.Context, id string) (pks.Cluster, error)
	// Clusters lists clusters by name. They are shared with others who list them and
	// must not be changed: a cluster that was changed meanwhile is another one.
	Clusters(ctx context.Context, filter ClusterFilter) ([]*pks.Cluster, error)
	// Operation finds an operation by its UUID, also one of a cluster that is
	// gone; ErrNoOperation if there is none.
	Operation(ctx context.Context, id string) (pks.Operation, error)
	// Operations lists a cluster's operations, newest first; limit 0 means all.
	Operations(ctx context.Context, clusterID string, limit int) ([]pks.Operation, error)
	// UnsettledOperations lists what has not ended, oldest first.
	UnsettledOperations(ctx context.Context) ([]pks.Operation, error)
	// Events lists what happened to a cluster after the event with number after,
	// oldest first; limit 0 means all.
	Events(ctx context.Context, clusterID string, after int64, limit int) ([]pks.Event, error)
	// Took lists how long the latest operations of the action took that succeeded,
	// on clusters of the plan, newest first; an empty plan means any.
	Took(ctx context.Context, action pks.Action, planID string, limit int) ([]time.Duration, error)
	// Census counts the clusters, in one query.
	Census(ctx context.Context) ([]Count, error)
	// Receipt finds the answer to an earlier request; found is false if there is
	// none.
	Receipt(ctx context.Context, id string) (r Receipt, found bool, err error)
}

// ClusterFilter narrows a list. Its zero value lists all clusters.
type ClusterFilter struct {
	// Owner keeps the clusters of one identity (pks.Principal.Same).
	Owner *pks.Principal
	// OwnerName keeps the clusters of all owners of a name.
	OwnerName string
	// PlanID keeps the clusters of one plan.
	PlanID string
	// NotAt keeps the clusters that run other versions.
	NotAt *pks.Versions
	// Limit keeps the first; 0 means all.
	Limit int
}

// Store is the database.
type Store interface {
	Reader
	// Write runs change in one transaction: all of it commits, or nothing if
	// change or the commit returns an error. Change must not use the store itself,
	// only tx, and must do no outside call.
	Write(ctx context.Context, change func(ctx context.Context, tx Tx) error) error
	// Ping tells whether the database can be read and written now: it writes.
	Ping(ctx context.Context) error
	// Queue is where durable jobs live.
	Queue() Queue
	// ReclaimJobs gives jobs back to the queue that a process was working on when
	// it died, and returns how many. With SQLite it must be called before the
	// queue's own workers start, and not again.
	ReclaimJobs(ctx context.Context) (int, error)
	// Close waits for running queries and lets go of the database.
	Close() error
}

// Tx is one transaction of Store.Write.
type Tx interface {
	ProfileTx
	QuotaTx

	RolloutTx

	// SQL is the transaction itself, for the queue of durable jobs.
	SQL() *sql.Tx

	// InsertCluster adds a cluster; name_taken or host_taken if another has the
	// name, or the same external host in any spelling.
	InsertCluster(ctx context.Context, c pks.Cluster) error
	// LockCluster reads a cluster and keeps others from changing it until the
	// transaction ends; cluster_not_found if there is none.
	LockCluster(ctx context.Context, id string) (pks.Cluster, error)
	// UpdateCluster writes all of a cluster that exists, and counts its revision
	// up; that of c is not looked at.
	UpdateCluster(ctx context.Context, c pks.Cluster) error
	// DeleteCluster removes a cluster. Its operations and events stay as history,
	// without the specs, which may hold secrets.
	DeleteCluster(ctx context.Context, id string, at time.Time) error

	// InsertOperation adds an operation; operation_in_progress, with the id of the
	// one in the way, if the cluster has an unsettled one (DESIGN law 2).
	InsertOperation(ctx context.Context, op pks.Operation) error
	// LockOperation reads an operation and keeps others from changing it until
	// the transaction ends; ErrNoOperation if there is none.
	LockOperation(ctx context.Context, id string) (pks.Operation, error)
	// UpdateOperation writes all of an operation that exists and is not settled.
	// A settled one gives ErrSettled, and nothing is written.
	UpdateOperation(ctx context.Context, op pks.Operation) error

	// AppendEvents numbers the events, after the cluster's newest, and adds them.
	AppendEvents(ctx context.Context, clusterID string, events []pks.Event) error

	// InsertReceipt adds a receipt; ErrReceiptExists if there is one of that id,
	// after which the transaction is of no more use.
	InsertReceipt(ctx context.Context, r Receipt) error
	// PruneReceipts removes receipts from before t.
	PruneReceipts(ctx context.Context, before time.Time) error

	// Prune removes operations and events of clusters that were gone before t, and
	// returns how many operations that were.
	Prune(ctx context.Context, before time.Time) (int, error)
}

// Queue tells a queue of durable jobs where it lives.
type Queue struct {
	Dialect Dialect
	// DB is the pool for writing. With SQLite it has one connection: what runs in
	// a transaction of Store.Write must use Tx.SQL, never this.
	DB *sql.DB
	// Worker is the name under which this process must take jobs, so that
	// ReclaimJobs of another knows whether it is alive; empty for any.
	Worker string
}

// Dialect is the kind of database.
type Dialect string

const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)
