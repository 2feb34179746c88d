package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/pks-community/pks-release/src/pks"
)

// transaction is one Tx.
type transaction struct {
	bun.Tx
	store *SQL
	// contested is the operation that another of its cluster kept out.
	contested pks.Operation
}

func (t *transaction) SQL() *sql.Tx { return t.Tx.Tx }

// locked adds what makes a row wait for other transactions. SQLite needs nothing:
// a transaction for writing is alone from its first statement on.
func (t *transaction) locked(query *bun.SelectQuery) *bun.SelectQuery {
	if t.store.dialect == Postgres {
		return query.For("UPDATE")
	}
	return query
}

func (t *transaction) InsertCluster(ctx context.Context, c pks.Cluster) error {
	row, err := clusterRowOf(c)
	if err != nil {
		return err
	}
	// Whoever repeats a create takes both name and host; the name is what to say.
	taken, err := t.NewSelect().Model((*clusterRow)(nil)).Where("name = ?", c.Name).Exists(ctx)
	if err != nil {
		return fmt.Errorf("look for cluster %s: %w", c.Name, err)
	}
	if taken {
		return nameTaken(c)
	}
	_, err = t.NewInsert().Model(row).Exec(ctx)
	switch violated(err) {
	case "clusters_name":
		return nameTaken(c)
	case "clusters_host_key":
		return pks.Failf(pks.CodeHostTaken, "Another cluster has the external host name %s.", c.Spec.MasterHost)
	}
	if err != nil {
		return fmt.Errorf("insert cluster %s: %w", c.Name, err)
	}
	return nil
}

func nameTaken(c pks.Cluster) *pks.Failure {
	return pks.Failf(pks.CodeNameTaken, "A cluster named %s already exists.", c.Name)
}

func (t *transaction) LockCluster(ctx context.Context, id string) (pks.Cluster, error) {
	var row clusterRow
	err := t.locked(t.NewSelect().Model(&row).Where("id = ?", id)).Scan(ctx)
	return foundCluster(&row, id, err)
}

func (t *transaction) UpdateCluster(ctx context.Context, c pks.Cluster) error {
	row, err := clusterRowOf(c)
	if err != nil {
		return err
	}
	result, err := t.NewUpdate().Model(row).Value("revision", "revision + 1").WherePK().Exec(ctx)
	if violated(err) == "clusters_host_key" {
		return pks.Failf(pks.CodeHostTaken, "Another cluster has the external host name %s.", c.Spec.MasterHost)
	}
	return oneRow(result, err, "update cluster "+c.Name)
}

func (t *transaction) DeleteCluster(ctx context.Context, id string, at time.Time) error {
	result, err := t.NewDelete().Model((*clusterRow)(nil)).Where("id = ?", id).Exec(ctx)
	if err := oneRow(result, err, "delete cluster "+id); err != nil {
		return err
	}
	_, err = t.NewUpdate().Model((*operationRow)(nil)).
		Set("spec = '{}', previous = '', gone_at = ?", micros(at)).
		Where("cluster_id = ?", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("retire operations of cluster %s: %w", id, err)
	}
	return nil
}

func (t *transaction) InsertOperation(ctx context.Context, op pks.Operation) error {
	row, err := operationRowOf(op)
	if err != nil {
		return err
	}
	_, err = t.NewInsert().Model(row).Exec(ctx)
	if violated(err) == "operations_unsettled" {
		t.contested = op
		return fmt.Errorf("insert operation of cluster %s: %w", op.ClusterName, errOperationInTheWay)
	}
	if err != nil {
		return fmt.Errorf("insert operation of cluster %s: %w", op.ClusterName, err)
	}
	return nil
}

// operationInTheWay is the failure of a request that came second.
func (s *SQL) operationInTheWay(ctx context.Context, contested pks.Operation) error {
	first, err := listOperations(ctx, s.read.NewSelect().Where("cluster_id = ?", contested.ClusterID).Where(unsettled))
	if err != nil {
		return err
	}
	if len(first) == 0 { // it has ended meanwhile; the request may simply be repeated
		return pks.Failf(pks.CodeOperationInProgress, "Another operation on cluster %s was in progress.", contested.ClusterName).
			WithRemedy("Send the request again.")
	}
	return InProgress(first[0].ClusterName, first[0].Action, first[0].ID)
}

// InProgress is the failure of a request for a cluster that is busy with the
// operation (DESIGN law 2).
func InProgress(cluster string, action pks.Action, operationID string) *pks.Failure {
	return pks.Failf(pks.CodeOperationInProgress, "Cluster %s is busy: operation %s (%s) is in progress.", cluster, operationID, action).
		WithRemedy("Wait until it is done: 'pks cluster %s' shows how far it is.", cluster).
		WithOperation(operationID)
}

func (t *transaction) LockOperation(ctx context.Context, id string) (pks.Operation, error) {
	return operationWhere(ctx, t.locked(t.NewSelect()), id)
}

func (t *transaction) UpdateOperation(ctx context.Context, op pks.Operation) error {
	row, err := operationRowOf(op)
	if err != nil {
		return err
	}
	result, err := t.NewUpdate().Model(row).ExcludeColumn("gone_at").WherePK().Where(unsettled).Exec(ctx)
	err = oneRow(result, err, "update operation "+op.ID)
	if errors.Is(err, errNoRow) {
		if _, err := t.LockOperation(ctx, op.ID); err != nil {
			return err
		}
		return fmt.Errorf("update operation %s: %w", op.ID, ErrSettled)
	}
	return err
}

// eventsAtOnce keeps a statement well below SQLite's longest.
const eventsAtOnce = 50

func (t *transaction) AppendEvents(ctx context.Context, clusterID string, events []pks.Event) error {
	if len(events) == 0 {
		return nil
	}
	var last int64
	err := t.NewSelect().Model((*eventRow)(nil)).ColumnExpr("COALESCE(MAX(seq), 0)").Where("cluster_id = ?", clusterID).Scan(ctx, &last)
	if err != nil {
		return fmt.Errorf("number events: %w", err)
	}
	rows := make([]eventRow, len(events))
	for i, e := range events {
		rows[i] = eventRowOf(clusterID, last+int64(i)+1, e)
	}
	for chunk := range slices.Chunk(rows, eventsAtOnce) {
		if _, err := t.NewInsert().Model(&chunk).Exec(ctx); err != nil {
			return fmt.Errorf("insert events: %w", err)
		}
	}
	return nil
}

func (t *transaction) Prune(ctx context.Context, before time.Time) (int, error) {
	result, err := t.NewDelete().Model((*operationRow)(nil)).Where("gone_at > 0 AND gone_at < ?", micros(before)).Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("prune history: %w", err)
	}
	n, err := result.RowsAffected()
	return int(n), err
}

var errNoRow = errors.New("no such row")

func oneRow(result sql.Result, err error, doing string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if n == 0 {
		return fmt.Errorf("%s: %w", doing, errNoRow)
	}
	return nil
}
