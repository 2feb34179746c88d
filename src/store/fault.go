package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/pks-community/pks-release/src/pks"
)

// errOperationInTheWay: the index that law 2 rests on refused an operation.
var errOperationInTheWay = errors.New("another operation of the cluster is not settled")

// asFailure makes a database that cannot be used a failure that says so. Other
// errors, and the end of the caller's own context, pass as they are.
func asFailure(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*pks.Failure](err); ok {
		return err
	}
	if isUnavailable(err) {
		return unavailable(err)
	}
	return err
}

func unavailable(err error) *pks.Failure {
	return pks.Failf(pks.CodeStoreUnavailable, "The PKS API's database cannot be used at the moment.").WithCause(err)
}

func isUnavailable(err error) bool {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff { // the primary code
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
			sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB,
			sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PERM, sqlite3.SQLITE_INTERRUPT:
			return true
		}
		return false
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch class := e.Code[:min(2, len(e.Code))]; class {
		case "08", "53", "57", "58", "40": // connection, resources, operator, system, serialization
			return true
		default:
			return e.Code == "25006" // read-only transaction: a standby
		}
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, context.DeadlineExceeded) || isClosed(err)
}

// isClosed: database/sql has no values for these errors.
func isClosed(err error) bool {
	return strings.Contains(err.Error(), "sql: database is closed") || strings.Contains(err.Error(), "sql: statement is closed")
}

// violated is the unique index that refused a row; empty if err is something
// else. SQLite names the columns, PostgreSQL the index.
func violated(err error) string {
	if e, ok := errors.AsType[*sqlite.Error](err); ok &&
		(e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY) {
		for columns, index := range map[string]string{
			"clusters.name":         "clusters_name",
			"clusters.host_key":     "clusters_host_key",
			"operations.cluster_id": "operations_unsettled",
			"profiles.kind":         "profiles_name",
			"quotas.owner":          "quotas_pkey",
			"receipts.id":           "receipts_pkey",
		} {
			if strings.Contains(e.Error(), columns) {
				return index
			}
		}
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "23505" {
		return e.ConstraintName
	}
	return ""
}
