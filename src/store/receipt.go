package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// Receipt is the answer that a request got which carried a key against being
// carried out twice.
type Receipt struct {
	ID          string // stands for caller, route and key
	Fingerprint string // stands for all that the request asked
	Status      int
	Body        string
	CreatedAt   time.Time
}

// ErrReceiptExists: another request has used the key before.
var ErrReceiptExists = errors.New("the key was used before")

type receiptRow struct {
	bun.BaseModel `bun:"table:receipts"`

	ID          string `bun:"id,pk"`
	Fingerprint string `bun:"fingerprint"`
	Status      int    `bun:"status"`
	Body        string `bun:"body"`
	CreatedAt   int64  `bun:"created_at"`
}

// Receipt finds the answer to an earlier request; found is false if there is
// none.
func (s *SQL) Receipt(ctx context.Context, id string) (r Receipt, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var row receiptRow
	err = s.read.NewSelect().Model(&row).Where("id = ?", id).Scan(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Receipt{}, false, nil
	case err != nil:
		return Receipt{}, false, asFailure(fmt.Errorf("read receipt: %w", err))
	}
	return Receipt{row.ID, row.Fingerprint, row.Status, row.Body, instant(row.CreatedAt)}, true, nil
}

func (t *transaction) InsertReceipt(ctx context.Context, r Receipt) error {
	_, err := t.NewInsert().Model(&receiptRow{
		ID: r.ID, Fingerprint: r.Fingerprint, Status: r.Status, Body: r.Body, CreatedAt: micros(r.CreatedAt),
	}).Exec(ctx)
	if violated(err) == "receipts_pkey" {
		return ErrReceiptExists
	}
	if err != nil {
		return fmt.Errorf("insert receipt: %w", err)
	}
	return nil
}

func (t *transaction) PruneReceipts(ctx context.Context, before time.Time) error {
	_, err := t.NewDelete().Model((*receiptRow)(nil)).Where("created_at < ?", micros(before)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("prune receipts: %w", err)
	}
	return nil
}
