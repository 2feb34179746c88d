package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/pks-community/pks-release/src/pks"
)

// Cluster finds a cluster by its name.
func (s *SQL) Cluster(ctx context.Context, name string) (pks.Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := s.byName.QueryContext(ctx, name)
	if err != nil {
		return pks.Cluster{}, asFailure(fmt.Errorf("read cluster: %w", err))
	}
	defer rows.Close()
	var row clusterRow
	if rows.Next() {
		err = s.read.ScanRow(ctx, rows, &row)
	} else if err = rows.Err(); err == nil {
		err = sql.ErrNoRows
	}
	return foundCluster(&row, name, err)
}

// ClusterByID finds a cluster by its UUID.
func (s *SQL) ClusterByID(ctx context.Context, id string) (pks.Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var row clusterRow
	err := s.read.NewSelect().Model(&row).Where("id = ?", id).Scan(ctx)
	return foundCluster(&row, id, err)
}

func foundCluster(row *clusterRow, wanted string, err error) (pks.Cluster, error) {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return pks.Cluster{}, pks.Failf(pks.CodeClusterNotFound, "Cluster %s not found.", pks.Shorten(wanted))
	case err != nil:
		return pks.Cluster{}, asFailure(fmt.Errorf("read cluster: %w", err))
	default:
		return row.cluster()
	}
}

// shortList is how few clusters are read without a look at what is remembered.
const shortList = 100

// Clusters lists clusters by name.
func (s *SQL) Clusters(ctx context.Context, filter ClusterFilter) ([]*pks.Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var clusters []*pks.Cluster
	var err error
	if filter.Limit == 0 || filter.Limit > shortList {
		clusters, err = s.listRemembered(ctx, filter)
	} else {
		clusters, err = s.listWhole(ctx, s.clustersWhere(filter))
	}
	if err != nil {
		return nil, asFailure(err)
	}
	return clusters, nil
}

func (s *SQL) clustersWhere(filter ClusterFilter) *bun.SelectQuery {
	query := s.read.NewSelect().Order("name")
	if o := filter.Owner; o != nil {
		query.Where("owner_id = ? AND owner_origin = ? AND owner_kind = ?", o.ID, o.Origin, string(o.Kind))
	}
	if filter.OwnerName != "" {
		query.Where("owner_name = ?", filter.OwnerName)
	}
	if filter.PlanID != "" {
		query.Where("plan_id = ?", filter.PlanID)
	}
	if v := filter.NotAt; v != nil {
		query.Where("kubernetes_version <> ? OR product_version <> ?", v.Kubernetes, v.Product)
	}
	if filter.Limit > 0 {
		query.Limit(int64(filter.Limit))
	}
	return query
}

// Operation finds an operation by its UUID.
func (s *SQL) Operation(ctx context.Context, id string) (pks.Operation, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return operationWhere(ctx, s.read.NewSelect(), id)
}

func operationWhere(ctx context.Context, query *bun.SelectQuery, id string) (pks.Operation, error) {
	var row operationRow
	err := query.Model(&row).Where("id = ?", id).Scan(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return pks.Operation{}, fmt.Errorf("operation %s: %w", id, ErrNoOperation)
	case err != nil:
		return pks.Operation{}, asFailure(fmt.Errorf("read operation: %w", err))
	default:
		return row.operation()
	}
}

// Operations lists a cluster's operations, newest first.
func (s *SQL) Operations(ctx context.Context, clusterID string, limit int) ([]pks.Operation, error) {
	query := s.read.NewSelect().Where("cluster_id = ?", clusterID).Order("created_at DESC", "id")
	if limit > 0 {
		query.Limit(int64(limit))
	}
	return listOperations(ctx, query)
}

// UnsettledOperations lists what has not ended, oldest first.
func (s *SQL) UnsettledOperations(ctx context.Context) ([]pks.Operation, error) {
	return listOperations(ctx, s.read.NewSelect().Where(unsettled).Order("created_at", "id"))
}

// unsettled is the condition of the index operations_unsettled, word for word.
const unsettled = "state IN ('accepted', 'submitted', 'running')"

func listOperations(ctx context.Context, query *bun.SelectQuery) ([]pks.Operation, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var rows []operationRow
	if err := query.Model(&rows).Scan(ctx); err != nil {
		return nil, asFailure(fmt.Errorf("list operations: %w", err))
	}
	operations := make([]pks.Operation, len(rows))
	for i := range rows {
		var err error
		if operations[i], err = rows[i].operation(); err != nil {
			return nil, err
		}
	}
	return operations, nil
}

// Events lists what happened to a cluster after the event with number after.
func (s *SQL) Events(ctx context.Context, clusterID string, after int64, limit int) ([]pks.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var rows []eventRow
	query := s.read.NewSelect().Model(&rows).Where("cluster_id = ? AND seq > ?", clusterID, after).Order("seq")
	if limit > 0 {
		query.Limit(int64(limit))
	}
	if err := query.Scan(ctx); err != nil {
		return nil, asFailure(fmt.Errorf("list events: %w", err))
	}
	events := make([]pks.Event, len(rows))
	for i, r := range rows {
		events[i] = r.event()
	}
	return events, nil
}
