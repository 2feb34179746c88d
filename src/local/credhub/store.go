// Package credhub is a credential store with CredHub's REST interface: the place where the embedded
// Director keeps the variables of deployments, and where a broker reads them for bindings. Values
// lie in a file that only its owner can read; they are not encrypted.
package credhub

import (
	"context"
	"crypto/rsa"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/pks-community/pks-release/src/local/director/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrNotFound: there is no credential of that name or id.
var ErrNotFound = errors.New("credential not found")

// Types of credentials.
const (
	TypePassword    = "password"
	TypeUser        = "user"
	TypeRSA         = "rsa"
	TypeSSH         = "ssh"
	TypeCertificate = "certificate"
	TypeValue       = "value"
	TypeJSON        = "json"
)

// Credential is one version of a credential.
type Credential struct {
	// ID names this version, Name all versions; names begin with a slash.
	ID, Name, Type string
	// Value is a text for passwords and values, a map otherwise. It is secret.
	Value any
	// CreatedAt has a resolution of one second, as CredHub's has.
	CreatedAt time.Time
}

// row is how a credential lies in the database.
type row struct {
	bun.BaseModel `bun:"table:credentials"`

	Seq        int64 `bun:",pk,autoincrement"`
	ID         string
	Name       string
	Type       string
	Value      string
	Parameters sql.NullString // how it was generated; null when it was set
	CreatedAt  time.Time
}

// Options configure a Store.
type Options struct {
	// NewKey makes an RSA key of so many bits. Nil: a fresh one each time. Tests with thousands of
	// certificates share a few.
	NewKey func(bits int) (*rsa.PrivateKey, error)
}

// Store holds credentials.
type Store struct {
	db     *database.DB
	newKey func(bits int) (*rsa.PrivateKey, error)
	keys   *keyring

	// mu makes looking for a credential and generating it one step for each name.
	mu    sync.Mutex
	names map[string]*nameLock
}

type nameLock struct {
	sync.Mutex
	waiting int
}

// Open opens or makes the store in the file at path.
func Open(ctx context.Context, path string, options Options) (*Store, error) {
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	db, err := database.Open(ctx, path, folder)
	if err != nil {
		return nil, fmt.Errorf("open credential store: %w", err)
	}
	store := &Store{db: db, newKey: options.NewKey, names: map[string]*nameLock{}}
	if store.newKey == nil {
		store.keys = newKeyring()
		store.newKey = store.keys.take
	}
	return store, nil
}

// MakeKeysAhead begins to make the RSA keys that the first deploy will ask for, so that it need not
// wait for them.
func (s *Store) MakeKeysAhead() {
	if s.keys != nil {
		s.keys.fill()
	}
}

// Close closes the store.
func (s *Store) Close() error {
	if s.keys != nil {
		s.keys.close()
	}
	return s.db.Close()
}

// Get returns the newest version of the credential called name.
func (s *Store) Get(ctx context.Context, name string) (Credential, error) {
	found, err := s.Versions(ctx, name, 1)
	if err != nil {
		return Credential{}, err
	}
	return found[0], nil
}

// Versions returns up to limit versions of the credential called name, newest first; all of them
// when limit is 0. It returns ErrNotFound instead of an empty list.
func (s *Store) Versions(ctx context.Context, name string, limit int) ([]Credential, error) {
	var rows []row
	query := s.db.Read.NewSelect().Model(&rows).Where("name = ?", absolute(name)).Order("seq DESC")
	if limit > 0 {
		query = query.Limit(int64(limit))
	}
	if err := query.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read credential %s: %w", name, err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("credential %s: %w", name, ErrNotFound)
	}
	return decodeAll(rows)
}

// ByID returns the version of a credential that has the id.
func (s *Store) ByID(ctx context.Context, id string) (Credential, error) {
	var r row
	err := s.db.Read.NewSelect().Model(&r).Where("id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Credential{}, fmt.Errorf("credential with id %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return Credential{}, fmt.Errorf("read credential with id %s: %w", id, err)
	}
	return r.decode()
}

// Find returns the newest versions, without values, of the credentials whose names lie below path
// and contain text, both without regard to case, newest first. Empty arguments match everything.
func (s *Store) Find(ctx context.Context, path, text string) ([]Credential, error) {
	var rows []row
	query := s.db.Read.NewSelect().Model(&rows).Column("name", "created_at").
		Where("seq IN (SELECT max(seq) FROM credentials GROUP BY name)").Order("seq DESC")
	if path = strings.TrimSuffix(path, "/"); path != "" {
		query = query.Where("instr(lower(name), lower(?)) = 1", absolute(path)+"/")
	}
	if text != "" {
		query = query.Where("instr(lower(name), lower(?)) > 0", text)
	}
	if err := query.Scan(ctx); err != nil {
		return nil, fmt.Errorf("find credentials: %w", err)
	}
	found := make([]Credential, len(rows))
	for i, r := range rows {
		found[i] = Credential{Name: r.Name, CreatedAt: r.CreatedAt}
	}
	return found, nil
}

// Set stores a new version of the credential called name.
func (s *Store) Set(ctx context.Context, name, kind string, value any) (Credential, error) {
	unlock := s.lock(absolute(name))
	defer unlock()
	switch existing, err := s.newest(ctx, absolute(name)); {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return Credential{}, err
	case existing.Type != kind:
		return Credential{}, errType
	}
	return s.insert(ctx, absolute(name), kind, value, sql.NullString{})
}

// Delete removes all versions of the credential called name.
func (s *Store) Delete(ctx context.Context, name string) error {
	result, err := s.db.Write.NewDelete().Model((*row)(nil)).Where("name = ?", absolute(name)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("delete credential %s: %w", name, err)
	}
	if n, err := result.RowsAffected(); err == nil && n == 0 {
		return fmt.Errorf("credential %s: %w", name, ErrNotFound)
	}
	return nil
}

func (s *Store) insert(ctx context.Context, name, kind string, value any, parameters sql.NullString) (Credential, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return Credential{}, fmt.Errorf("store credential %s: its value is not JSON", name)
	}
	r := row{
		ID: uuid.NewString(), Name: name, Type: kind, Value: string(text), Parameters: parameters,
		CreatedAt: time.Now().UTC().Truncate(time.Second),
	}
	if _, err := s.db.Write.NewInsert().Model(&r).Exec(ctx); err != nil {
		return Credential{}, fmt.Errorf("store credential %s: %w", name, err)
	}
	return r.decode()
}

// lock makes the caller the only one that changes name.
func (s *Store) lock(name string) (unlock func()) {
	s.mu.Lock()
	l, ok := s.names[name]
	if !ok {
		l = &nameLock{}
		s.names[name] = l
	}
	l.waiting++
	s.mu.Unlock()
	l.Lock()
	return func() {
		l.Unlock()
		s.mu.Lock()
		defer s.mu.Unlock()
		if l.waiting--; l.waiting == 0 {
			delete(s.names, name)
		}
	}
}

func decodeAll(rows []row) ([]Credential, error) {
	out := make([]Credential, len(rows))
	for i, r := range rows {
		credential, err := r.decode()
		if err != nil {
			return nil, err
		}
		out[i] = credential
	}
	return out, nil
}

func (r row) decode() (Credential, error) {
	c := Credential{ID: r.ID, Name: r.Name, Type: r.Type, CreatedAt: r.CreatedAt}
	if err := json.Unmarshal([]byte(r.Value), &c.Value); err != nil {
		return Credential{}, fmt.Errorf("credential %s is damaged", r.Name)
	}
	return c, nil
}

// absolute puts a slash before names that have none, as CredHub does.
func absolute(name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return "/" + name
}
