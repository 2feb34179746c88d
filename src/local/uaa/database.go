package uaa

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Kinds of documents in the database.
const (
	kindUser    = "user"
	kindGroup   = "group"
	kindMapping = "mapping"
	kindClient  = "client"
	kindToken   = "token"
	kindKey     = "key"
	kindSetting = "setting"
)

const saveTimeout = 10 * time.Second

// database keeps each object as one JSON document, so that a change costs what
// it changes and survives the end of the process at any point.
type database struct{ sql *sql.DB }

func openDatabase(dir string) (*database, error) {
	if dir == "" {
		return nil, errors.New("folder for the state of UAA is not set")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of UAA: %w", err)
	}
	path := filepath.Join(dir, "uaa.db")
	// SQLite gives its side files the mode of the main one.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open state of UAA: %w", err)
	}
	if err := errors.Join(file.Chmod(0o600), file.Close()); err != nil {
		return nil, fmt.Errorf("protect state of UAA: %w", err)
	}
	options := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(5000)"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: options.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("open state of UAA: %w", err)
	}
	db.SetMaxOpenConns(1)
	ctx, cancel := context.WithTimeout(context.Background(), saveTimeout)
	defer cancel()
	if _, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS documents (
		kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID`); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare state of UAA: %w", err), db.Close())
	}
	return &database{sql: db}, nil
}

func (d *database) close() error {
	if err := d.sql.Close(); err != nil {
		return fmt.Errorf("close state of UAA: %w", err)
	}
	return nil
}

// load hands every document to the function, by kind and id.
func (d *database) load(visit func(kind, id string, body []byte) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), saveTimeout)
	defer cancel()
	rows, err := d.sql.QueryContext(ctx, `SELECT kind, id, body FROM documents ORDER BY kind, id`)
	if err != nil {
		return fmt.Errorf("read state of UAA: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var kind, id, body string
		if err := rows.Scan(&kind, &id, &body); err != nil {
			return fmt.Errorf("read state of UAA: %w", err)
		}
		if err := visit(kind, id, []byte(body)); err != nil {
			return fmt.Errorf("read %s %q of UAA: %w", kind, id, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read state of UAA: %w", err)
	}
	return nil
}

// write is one document to store, or with no body to delete.
type write struct {
	kind, id string
	body     []byte
}

// save makes all the writes or none.
func (d *database) save(writes []write) error {
	ctx, cancel := context.WithTimeout(context.Background(), saveTimeout)
	defer cancel()
	tx, err := d.sql.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("save state of UAA: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	for _, w := range writes {
		if w.body == nil {
			_, err = tx.ExecContext(ctx, `DELETE FROM documents WHERE kind = ? AND id = ?`, w.kind, w.id)
		} else {
			_, err = tx.ExecContext(ctx, `INSERT INTO documents (kind, id, body) VALUES (?, ?, ?)
				ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body`, w.kind, w.id, string(w.body))
		}
		if err != nil {
			return fmt.Errorf("save %s of UAA: %w", w.kind, err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("save state of UAA: %w", err)
	}
	return nil
}

func encode(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return body, nil
}
