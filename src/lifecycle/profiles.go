package lifecycle

import (
	"context"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// CreateProfile stores a profile that pks.ValidateProfile has accepted, and gives
// it its id and time. Its failures are name_taken and store_unavailable.
func (e *Engine) CreateProfile(ctx context.Context, p pks.NamedProfile) (pks.NamedProfile, error) {
	p.ID, p.CreatedAt = uuid.NewString(), e.now()
	err := e.store.Write(ctx, func(ctx context.Context, tx store.Tx) error { return tx.InsertProfile(ctx, p) })
	if err != nil {
		return pks.NamedProfile{}, err
	}
	return p, nil
}

// DeleteProfile removes a profile that no cluster has. Its failures are in_use,
// which names the clusters, profile_not_found and store_unavailable.
func (e *Engine) DeleteProfile(ctx context.Context, p pks.NamedProfile) error {
	return e.store.Write(ctx, func(ctx context.Context, tx store.Tx) error { return tx.DeleteProfile(ctx, p) })
}

// CreateQuota stores a quota. Its failures are name_taken, invalid_request and
// store_unavailable.
func (e *Engine) CreateQuota(ctx context.Context, q pks.Quota) error {
	if err := q.Validate(); err != nil {
		return err
	}
	return e.store.Write(ctx, func(ctx context.Context, tx store.Tx) error { return tx.InsertQuota(ctx, q) })
}

// UpdateQuota changes the limits that change names and no others. What is in use
// already stays, also above the new limits. Its failures are quota_not_found,
// invalid_request and store_unavailable.
func (e *Engine) UpdateQuota(ctx context.Context, owner string, change pks.Limit) (pks.Quota, error) {
	var quota pks.Quota
	err := e.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		var err error
		if quota, err = tx.LockQuota(ctx, owner); err != nil {
			return err
		}
		quota.Limit = quota.Limit.With(change)
		if err := quota.Validate(); err != nil {
			return err
		}
		return tx.UpdateQuota(ctx, quota)
	})
	if err != nil {
		return pks.Quota{}, err
	}
	return quota, nil
}

// DeleteQuota lifts all limits of an owner. Its failures are quota_not_found and
// store_unavailable.
func (e *Engine) DeleteQuota(ctx context.Context, owner string) error {
	return e.store.Write(ctx, func(ctx context.Context, tx store.Tx) error { return tx.DeleteQuota(ctx, owner) })
}
