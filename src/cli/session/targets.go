package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/pks-community/pks-release/src/kubeconfig/privatefile"
)

// UnknownTargetError: nobody has logged in at a target of this name.
type UnknownTargetError struct {
	Name  string
	Known []string
}

func (e *UnknownTargetError) Error() string { return fmt.Sprintf("there is no target %s", e.Name) }

// errTargetName: the name would not do for a file.
var errTargetName = errors.New("the name of a target has letters, digits, dots, hyphens and underscores alone")

var targetForm = regexp.MustCompile(`^[A-Za-z0-9_][-A-Za-z0-9_.]*$`)

// CheckTarget tells whether a target can have the name.
func CheckTarget(name string) error {
	if !targetForm.MatchString(name) {
		return errTargetName
	}
	return nil
}

// TargetName is what the place is called that the credentials are for.
func (c Credentials) TargetName() string {
	if c.Target != "" {
		return c.Target
	}
	if parsed, err := url.Parse(c.API); err == nil && targetForm.MatchString(parsed.Hostname()) {
		return parsed.Hostname()
	}
	return "default"
}

// at is the store of a target: creds.yml if that is the current one.
func (s *Store) at(name string) (*Store, error) {
	if err := CheckTarget(name); err != nil {
		return nil, fmt.Errorf("%s is %q: %w", EnvTarget, name, err)
	}
	current, err := s.Load()
	if err == nil && current.API != "" && current.TargetName() == name {
		return s, nil
	}
	return &Store{folder: s.folder, path: s.targetPath(name)}, nil
}

func (s *Store) targetPath(name string) string {
	return filepath.Join(s.folder, "targets", name+".yml")
}

// base is creds.yml itself.
func (s *Store) base() *Store {
	return &Store{folder: s.folder, path: filepath.Join(s.folder, "creds.yml")}
}

// current tells whether the store is creds.yml.
func (s *Store) current() bool { return filepath.Base(s.path) == "creds.yml" }

// Settle stores a new login. Where creds.yml holds the login at another target,
// that is put aside for Switch.
func (s *Store) Settle(ctx context.Context, c Credentials) error {
	if !s.current() {
		c.Target = strings.TrimSuffix(filepath.Base(s.path), ".yml")
		return s.Replace(ctx, c)
	}
	old, err := s.Load()
	if err == nil && c.Target == "" && old.API == c.API {
		c.Target = old.Target
	}
	if err != nil || !old.LoggedIn() || old.TargetName() == c.TargetName() {
		return s.Replace(ctx, c)
	}
	return s.move(ctx, c.TargetName(), func(privatefile.Contents) (Credentials, error) { return c, nil })
}

// Switch makes the login at another target the current one.
func (s *Store) Switch(ctx context.Context, name string) (Credentials, error) {
	if err := CheckTarget(name); err != nil {
		return Credentials{}, err
	}
	if !s.current() { // EnvTarget says which is used; which is current goes without it
		s = s.base()
	}
	current, err := s.Load()
	if err != nil {
		return Credentials{}, err
	}
	if current.API != "" && current.TargetName() == name {
		return current, nil
	}
	var switched Credentials
	err = s.move(ctx, name, func(old privatefile.Contents) (Credentials, error) {
		content := old[s.targetPath(name)]
		if len(content) == 0 {
			return Credentials{}, &UnknownTargetError{Name: name, Known: s.targetNames()}
		}
		switched, err = parseCredentials(content)
		if err != nil {
			return Credentials{}, &BrokenError{Path: s.targetPath(name), Err: err}
		}
		switched.Target = name
		return switched, nil
	})
	return switched, err
}

// move puts what creds.yml holds into the file of its target, and what next gives
// into creds.yml. Tokens are in one file only: each can be renewed once. What is
// put aside is written first, and what is taken is emptied last, so that a process
// that is killed in between loses no login.
func (s *Store) move(ctx context.Context, name string, next func(privatefile.Contents) (Credentials, error)) error {
	var err error
	for range moveTries {
		if err = s.tryMove(ctx, name, next); !errors.Is(err, errMoved) {
			return err
		}
	}
	return err
}

const moveTries = 5

// errMoved: between the look and the lock, another process changed the target.
var errMoved = errors.New("the current target keeps changing; try again")

func (s *Store) tryMove(ctx context.Context, name string, next func(privatefile.Contents) (Credentials, error)) error {
	was, err := s.Load()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	aside, taken := s.targetPath(was.TargetName()), s.targetPath(name)
	paths := []string{s.path, taken}
	if was.API != "" && aside != taken {
		paths = []string{aside, s.path, taken}
	}
	return privatefile.Change{
		Paths: paths,
		Keep:  0o600,
		Edit: func(_ context.Context, old privatefile.Contents) (privatefile.Contents, error) {
			if now, err := parseCredentials(old[s.path]); err != nil || now.API != was.API || now.TargetName() != was.TargetName() {
				return nil, errMoved
			}
			c, err := next(old)
			if err != nil {
				return nil, err
			}
			content, err := c.encode()
			if err != nil {
				return nil, err
			}
			c.Access, c.Refresh = "", ""
			rest, err := c.encode()
			if err != nil {
				return nil, err
			}
			changed := privatefile.Contents{s.path: content, taken: rest}
			if len(paths) > 2 {
				changed[aside] = old[s.path]
			}
			return changed, nil
		},
	}.Apply(ctx)
}

// Targets lists the places somebody has logged in at, the current one first.
func (s *Store) Targets() ([]Credentials, error) {
	base := s.base()
	var all []Credentials
	current, err := base.Load()
	if err != nil {
		return nil, err
	}
	if current.API != "" {
		current.Target = current.TargetName()
		all = append(all, current)
	}
	for _, name := range s.targetNames() {
		if current.API != "" && name == current.Target {
			continue
		}
		other, err := (&Store{folder: s.folder, path: s.targetPath(name)}).Load()
		if err != nil {
			return nil, err
		}
		other.Target = name
		all = append(all, other)
	}
	return all, nil
}

// Uses tells whether the store is that of the target.
func (s *Store) Uses(name string) (bool, error) {
	if !s.current() {
		return s.path == s.targetPath(name), nil
	}
	c, err := s.Load()
	return c.API != "" && c.TargetName() == name, err
}

func (s *Store) targetNames() []string {
	entries, err := os.ReadDir(filepath.Join(s.folder, "targets"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var names []string
	for _, entry := range entries {
		if name, ok := strings.CutSuffix(entry.Name(), ".yml"); ok && CheckTarget(name) == nil {
			names = append(names, name)
		}
	}
	return names
}
