package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pks-community/pks-release/src/kubeconfig/privatefile"
)

var (
	// ErrNotLoggedIn: there is no token, or none that could be renewed.
	//lint:ignore ST1005 the original's text, shown to people as it is
	ErrNotLoggedIn = errors.New("You are not currently authenticated. Please log in to continue")
	errWrongTypes  = errors.New("a key has a value of the wrong type")
)

// lockWait bounds the wait for another process that renews the token.
const lockWait = 60 * time.Second

// EnvTarget names the target to use, whatever the current one is.
const EnvTarget = "PKS_TARGET"

// Store is creds.yml, the login at the current target; or that of another target,
// which EnvTarget names.
type Store struct {
	folder string // of creds.yml and everything beside it
	path   string
}

// NewStore finds creds.yml: in PKS_HOME, or in ~/.pks. It touches nothing.
func NewStore(getenv func(string) string) (*Store, error) {
	folder := getenv("PKS_HOME")
	if folder == "" {
		home := getenv("HOME")
		if home == "" {
			var err error
			if home, err = os.UserHomeDir(); err != nil {
				return nil, fmt.Errorf("find the folder of creds.yml: set PKS_HOME or HOME: %w", err)
			}
		}
		folder = filepath.Join(home, ".pks")
	}
	store := &Store{folder: folder, path: filepath.Join(folder, "creds.yml")}
	if target := getenv(EnvTarget); target != "" {
		return store.at(target)
	}
	return store, nil
}

// Path is where creds.yml is, or will be.
func (s *Store) Path() string { return s.path }

// Load reads creds.yml. None is the same as an empty one.
func (s *Store) Load() (Credentials, error) {
	content, err := privatefile.Read(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return Credentials{}, nil
	}
	if err != nil {
		return Credentials{}, fmt.Errorf("read the stored login: %w", err)
	}
	c, err := parseCredentials(content)
	if err != nil {
		return Credentials{}, &BrokenError{Path: s.path, Err: err}
	}
	return c, nil
}

// Change reads, edits and replaces creds.yml while no other process can.
func (s *Store) Change(ctx context.Context, edit func(context.Context, *Credentials) error) error {
	return s.change(ctx, func(ctx context.Context, content []byte) (Credentials, error) {
		c, err := parseCredentials(content)
		if err != nil {
			return Credentials{}, &BrokenError{Path: s.path, Err: err}
		}
		err = edit(ctx, &c)
		return c, err
	})
}

// Replace stores a new login. Keys of other makes survive; a creds.yml that
// cannot be read is of no use to anybody and is written anew.
func (s *Store) Replace(ctx context.Context, c Credentials) error {
	return s.change(ctx, func(_ context.Context, content []byte) (Credentials, error) {
		if old, err := parseCredentials(content); err == nil {
			c.Other = old.Other
		}
		return c, nil
	})
}

func (s *Store) change(ctx context.Context, edit func(context.Context, []byte) (Credentials, error)) error {
	lockCtx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	return privatefile.Change{
		Paths: []string{s.path},
		Keep:  0o600,
		Edit: func(ctx context.Context, old privatefile.Contents) (privatefile.Contents, error) {
			c, err := edit(ctx, old[s.path])
			if err != nil {
				return nil, err
			}
			content, err := c.encode()
			if err != nil {
				return nil, err
			}
			return privatefile.Contents{s.path: content}, nil
		},
	}.Apply(lockCtx)
}

// BrokenError: creds.yml cannot be understood.
type BrokenError struct {
	Path string
	Err  error
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("%s cannot be read: %v", e.Path, e.Err)
}

func (e *BrokenError) Unwrap() error { return e.Err }
