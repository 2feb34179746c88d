package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/pks-community/pks-release/src/pks"
)

// QuotaReader answers questions about quotas.
type QuotaReader interface {
	// Quota finds the quota of an owner; quota_not_found if there is none.
	Quota(ctx context.Context, owner string) (pks.Quota, error)
	// Quotas lists all by owner.
	Quotas(ctx context.Context) ([]pks.Quota, error)
}

// QuotaTx is the part of a transaction that is about quotas.
type QuotaTx interface {
	// InsertQuota adds a quota; name_taken if the owner has one.
	InsertQuota(ctx context.Context, q pks.Quota) error
	// LockQuota reads a quota and keeps others from changing it, and from locking
	// it, until the transaction ends: of requests that are held against one quota,
	// each sees what those before it have stored. quota_not_found if there is none.
	LockQuota(ctx context.Context, owner string) (pks.Quota, error)
	// UpdateQuota writes a quota that exists.
	UpdateQuota(ctx context.Context, q pks.Quota) error
	// DeleteQuota removes a quota; quota_not_found if there is none.
	DeleteQuota(ctx context.Context, owner string) error
	// OwnedClusters lists the clusters of all owners of a name, by name.
	OwnedClusters(ctx context.Context, owner string) ([]pks.Cluster, error)
}

type quotaRow struct {
	bun.BaseModel `bun:"table:quotas"`

	Owner    string   `bun:"owner,pk"`
	CPU      *int     `bun:"cpu"`
	MemoryGB *float64 `bun:"memory_gb"`
	Clusters *int     `bun:"clusters"`
}

func quotaRowOf(q pks.Quota) *quotaRow {
	return &quotaRow{Owner: q.Owner, CPU: q.Limit.CPU, MemoryGB: q.Limit.MemoryGB, Clusters: q.Limit.Clusters}
}

func (r quotaRow) quota() pks.Quota {
	return pks.Quota{Owner: r.Owner, Limit: pks.Limit{CPU: r.CPU, MemoryGB: r.MemoryGB, Clusters: r.Clusters}}
}

// Quota finds the quota of an owner.
func (s *SQL) Quota(ctx context.Context, owner string) (pks.Quota, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return quotaOf(ctx, s.read.NewSelect(), owner)
}

func quotaOf(ctx context.Context, query *bun.SelectQuery, owner string) (pks.Quota, error) {
	var row quotaRow
	err := query.Model(&row).Where("owner = ?", owner).Scan(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return pks.Quota{}, quotaNotFound(owner)
	case err != nil:
		return pks.Quota{}, asFailure(fmt.Errorf("read quota: %w", err))
	default:
		return row.quota(), nil
	}
}

// quotaNotFound has the words that users of the original know
// (reference/pks-api.md §3.3).
func quotaNotFound(owner string) *pks.Failure {
	return pks.Failf(pks.CodeQuotaNotFound, "The quota owner named: '%s' not found.", pks.Shorten(owner)).WithRemedy("")
}

// Quotas lists all by owner.
func (s *SQL) Quotas(ctx context.Context) ([]pks.Quota, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var rows []quotaRow
	if err := s.read.NewSelect().Model(&rows).Order("owner").Scan(ctx); err != nil {
		return nil, asFailure(fmt.Errorf("list quotas: %w", err))
	}
	quotas := make([]pks.Quota, len(rows))
	for i, r := range rows {
		quotas[i] = r.quota()
	}
	return quotas, nil
}

func (t *transaction) InsertQuota(ctx context.Context, q pks.Quota) error {
	_, err := t.NewInsert().Model(quotaRowOf(q)).Exec(ctx)
	if violated(err) == "quotas_pkey" {
		return pks.Failf(pks.CodeNameTaken, "%s has a quota already.", q.Owner).WithRemedy("Change it: PATCH /v1/quotas/OWNER.")
	}
	if err != nil {
		return fmt.Errorf("insert quota of %s: %w", q.Owner, err)
	}
	return nil
}

func (t *transaction) LockQuota(ctx context.Context, owner string) (pks.Quota, error) {
	return quotaOf(ctx, t.locked(t.NewSelect()), owner)
}

func (t *transaction) UpdateQuota(ctx context.Context, q pks.Quota) error {
	result, err := t.NewUpdate().Model(quotaRowOf(q)).WherePK().Exec(ctx)
	return oneRow(result, err, "update quota of "+q.Owner)
}

func (t *transaction) DeleteQuota(ctx context.Context, owner string) error {
	result, err := t.NewDelete().Model((*quotaRow)(nil)).Where("owner = ?", owner).Exec(ctx)
	err = oneRow(result, err, "delete quota of "+owner)
	if errors.Is(err, errNoRow) {
		return quotaNotFound(owner)
	}
	return err
}

func (t *transaction) OwnedClusters(ctx context.Context, owner string) ([]pks.Cluster, error) {
	var rows []clusterRow
	if err := t.NewSelect().Model(&rows).Where("owner_name = ?", owner).Order("name").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list clusters of %s: %w", owner, err)
	}
	clusters := make([]pks.Cluster, len(rows))
	for i := range rows {
		var err error
		if clusters[i], err = rows[i].cluster(); err != nil {
			return nil, err
		}
	}
	return clusters, nil
}
