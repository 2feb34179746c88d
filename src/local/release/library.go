package release

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/google/uuid"
)

// Library keeps the archives of uploaded releases.
type Library struct{ dir string }

// Folders of a library.
const (
	incomingDir = "incoming"
	keptDir     = "kept"
)

// OpenLibrary opens the library in a folder, which is made.
func OpenLibrary(dir string) (*Library, error) {
	for _, sub := range []string{incomingDir, keptDir} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("make the folder of releases: %w", err)
		}
	}
	l := &Library{dir}
	return l, l.sweep(time.Now())
}

// abandoned is how old an archive is that came in and that no task will ever keep.
const abandoned = 24 * time.Hour

func (l *Library) sweep(now time.Time) error {
	entries, err := os.ReadDir(filepath.Join(l.dir, incomingDir))
	if err != nil {
		return fmt.Errorf("look at the folder of releases: %w", err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && now.Sub(info.ModTime()) > abandoned {
			if err := os.Remove(filepath.Join(l.dir, incomingDir, e.Name())); err != nil {
				return fmt.Errorf("clean the folder of releases: %w", err)
			}
		}
	}
	return nil
}

// Incoming is an archive that is being read: who reads it has the library write it
// down.
type Incoming struct {
	io.Reader
	id   string
	file *os.File
}

// Receive returns a reader of the archive that writes down what is read.
func (l *Library) Receive(archive io.Reader) (*Incoming, error) {
	id := uuid.NewString()
	file, err := os.OpenFile(l.incoming(id), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("receive a release: %w", err)
	}
	return &Incoming{io.TeeReader(archive, file), id, file}, nil
}

// Finish ends writing and returns the id for Keep or Drop.
func (i *Incoming) Finish() (id string, err error) {
	if err := i.file.Close(); err != nil {
		return "", errors.Join(fmt.Errorf("receive a release: %w", err), os.Remove(i.file.Name()))
	}
	return i.id, nil
}

// Keep makes what was received the archive of a release.
func (l *Library) Keep(id, name, version string) error {
	path, err := l.kept(name, version)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keep release %s/%s: %w", name, version, err)
	}
	err = os.Rename(l.incoming(id), path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, kept := os.Stat(path); kept == nil {
			return nil // by a task that was interrupted behind it
		}
	}
	if err != nil {
		return fmt.Errorf("keep release %s/%s: %w", name, version, err)
	}
	return nil
}

// Drop forgets what was received. What is not there is no error.
func (l *Library) Drop(id string) error {
	if err := os.Remove(l.incoming(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("drop a release: %w", err)
	}
	return nil
}

// Remove forgets one version of a release, or all when version is empty.
func (l *Library) Remove(name, version string) error {
	path, err := l.kept(name, version)
	if err == nil && version == "" {
		path = filepath.Dir(path)
	}
	if err == nil {
		err = os.RemoveAll(path)
	}
	if err != nil {
		return fmt.Errorf("remove release %s: %w", name, err)
	}
	return nil
}

// open opens the archive of a release; ErrNotKept if there is none.
func (l *Library) open(name, version string) (*os.File, error) {
	path, err := l.kept(name, version)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("release %s/%s: %w", name, version, ErrNotKept)
	}
	return file, err
}

// has tells whether there is an archive of the release.
func (l *Library) has(name, version string) bool {
	path, err := l.kept(name, version)
	if err == nil {
		_, err = os.Stat(path)
	}
	return err == nil
}

func (l *Library) incoming(id string) string { return filepath.Join(l.dir, incomingDir, id+".tgz") }

// plainName is what releases, jobs and packages are called, and their versions: what
// can be the name of a file and of nothing else.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.+-]*$`)

func checkName(what, name string) error {
	if !plainName.MatchString(name) {
		return fmt.Errorf("%s %q cannot be kept: it is no name", what, name)
	}
	return nil
}

func (l *Library) kept(name, version string) (string, error) {
	if err := checkName("release", name); err != nil {
		return "", err
	}
	if version != "" {
		if err := checkName("version", version); err != nil {
			return "", err
		}
	}
	return filepath.Join(l.dir, keptDir, name, version+".tgz"), nil
}
