package lifecycle

import (
	"context"
	"errors"
	"time"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// keep stores the receipt, if there is to be one. store.ErrReceiptExists means
// that the request was carried out before.
func (k Keyed) keep(ctx context.Context, tx store.Tx, c pks.Cluster, now time.Time) error {
	if k.Receipt.ID == "" {
		return nil
	}
	body, err := k.Answer(c)
	if err != nil {
		return err
	}
	k.Receipt.Body, k.Receipt.CreatedAt = body, now
	return tx.InsertReceipt(ctx, k.Receipt)
}

// Receipt finds the answer to an earlier request with the same key.
func (e *Engine) Receipt(ctx context.Context, id string) (r store.Receipt, found bool, err error) {
	return e.store.Receipt(ctx, id)
}

// KeepReceipt stores the answer to a request that was carried out. One that is
// there already stays.
func (e *Engine) KeepReceipt(ctx context.Context, r store.Receipt) error {
	r.CreatedAt = e.now()
	err := e.store.Write(ctx, func(ctx context.Context, tx store.Tx) error { return tx.InsertReceipt(ctx, r) })
	if errors.Is(err, store.ErrReceiptExists) {
		return nil
	}
	return err
}
