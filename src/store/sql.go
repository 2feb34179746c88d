package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/uptrace/bun"
)

const (
	// writeTimeout bounds a transaction, the wait for its turn included, when the
	// caller has no earlier deadline.
	writeTimeout = 15 * time.Second
	readTimeout  = 15 * time.Second
	pingTimeout  = 3 * time.Second
)

// SQL is the Store in a SQL database.
type SQL struct {
	dialect Dialect
	write   *bun.DB
	read    *bun.DB // the same as write on PostgreSQL
	byName  *sql.Stmt
	listed  *listed
	unlock  func() error // lets go of what Open took beside the connections

	presence *presence // PostgreSQL alone
}

var _ Store = (*SQL)(nil)

// prepare readies the query that nearly every request makes.
// The columns are named, since a later version may add some while this one runs.
func (s *SQL) prepare(ctx context.Context) error {
	var columns []string
	for _, field := range s.read.Table(reflect.TypeFor[clusterRow]()).Fields {
		columns = append(columns, field.Name)
	}
	placeholder := "?"
	if s.dialect == Postgres {
		placeholder = "$1"
	}
	var err error
	s.byName, err = s.read.DB.PrepareContext(ctx,
		"SELECT "+strings.Join(columns, ", ")+" FROM clusters WHERE name = "+placeholder)
	if err != nil {
		return fmt.Errorf("prepare statements: %w", err)
	}
	return nil
}

// Queue is where durable jobs live.
func (s *SQL) Queue() Queue {
	q := Queue{Dialect: s.dialect, DB: s.write.DB}
	if s.presence != nil {
		q.Worker = s.presence.worker()
	}
	return q
}

// Write runs change in one transaction.
func (s *SQL) Write(ctx context.Context, change func(context.Context, Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	tx := &transaction{store: s}
	err := s.write.RunInTx(ctx, nil, func(ctx context.Context, inner bun.Tx) error {
		tx.Tx = inner
		return change(ctx, tx)
	})
	if err != nil && errors.Is(err, errOperationInTheWay) {
		// The transaction is over, so the one that won can be read.
		return s.operationInTheWay(ctx, tx.contested)
	}
	if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		// database/sql rolls back when the context ends, and then says only that.
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return asFailure(err)
}

// Ping writes one row, since a full disk lets everything else succeed.
func (s *SQL) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := s.ping(ctx); err != nil {
		return unavailable(err)
	}
	return nil
}

func (s *SQL) ping(ctx context.Context) error {
	// PostgreSQL answers with an error on a standby, which takes no writes.
	_, err := s.write.ExecContext(ctx,
		"INSERT INTO health (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at", time.Now().UnixMicro())
	return err
}

// Close waits for running queries and lets go of the database.
func (s *SQL) Close() error {
	var errs []error
	if s.byName != nil {
		errs = append(errs, s.byName.Close())
	}
	if s.presence != nil {
		errs = append(errs, s.presence.release())
	}
	if s.read != nil && s.read != s.write {
		errs = append(errs, s.read.Close())
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	if s.unlock != nil {
		errs = append(errs, s.unlock())
	}
	return errors.Join(errs...)
}
