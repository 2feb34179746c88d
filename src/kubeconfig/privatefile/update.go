package privatefile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

const (
	fileMode = 0o600
	dirMode  = 0o700
	// maxSize bounds what is read: no creds.yml or kubeconfig comes near it.
	maxSize = 16 << 20
	maxLink = 40 // symbolic links followed, as Linux itself allows
)

// Contents are files by path: what was read, or what is to be written.
type Contents map[string][]byte

// Change is one change of one or more files.
type Change struct {
	// Paths are written in their order: a process that is killed in between has
	// written the first of them.
	Paths []string
	// Keep holds the permission bits that an existing file may keep. New files
	// have mode 0600, new folders 0700.
	Keep fs.FileMode
	// Guard, if set, takes a further lock while the change's own is held.
	Guard func(context.Context) (release func() error, err error)
	// Edit gets what the files hold, an absent file missing from the map, and
	// returns what they shall hold. A path that it leaves out is not touched.
	Edit func(context.Context, Contents) (Contents, error)
}

// Apply locks the files, reads them, has them edited and writes those whose bytes
// changed, each by one rename. A path that is a symbolic link stays one: the file
// that it leads to is replaced. Apply waits for the lock until ctx ends; when
// Edit fails nothing is written.
func (c Change) Apply(ctx context.Context) (err error) {
	targets := make(map[string]string, len(c.Paths))
	for _, path := range c.Paths {
		target, err := follow(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(target), dirMode); err != nil {
			return fmt.Errorf("make the folder of %s: %w", path, err)
		}
		targets[path] = target
	}
	release, err := lockAll(ctx, targets)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()

	if c.Guard != nil {
		unguard, failed := c.Guard(ctx)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, unguard()) }()
	}
	return c.applyLocked(ctx, targets)
}

func (c Change) applyLocked(ctx context.Context, targets map[string]string) error {
	old := make(Contents, len(targets))
	for path, target := range targets {
		content, err := Read(target)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		default:
			old[path] = content
		}
	}
	changed, err := c.Edit(ctx, clone(old))
	if err != nil {
		return err
	}
	for path := range changed {
		if _, known := targets[path]; !known {
			return fmt.Errorf("write %s: the file is not locked", path)
		}
	}
	for _, path := range c.Paths {
		target := targets[path]
		content, edited := changed[path]
		if !edited {
			continue
		}
		if before, exists := old[path]; exists && slices.Equal(before, content) {
			continue
		}
		if err := replace(target, content, modeFor(target, c.Keep)); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	return nil
}

func modeFor(target string, keep fs.FileMode) fs.FileMode {
	info, err := os.Stat(target)
	if err != nil {
		return fileMode
	}
	return info.Mode().Perm() & keep
}

// Read returns the whole file. It refuses what is not a plain file, so that a
// folder or a pipe gives a clear error, and what is far too big to be meant.
func Read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a plain file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(content) > maxSize {
		return nil, fmt.Errorf("%s is larger than %d MiB", path, maxSize>>20)
	}
	return content, nil
}

// follow finds the file that path leads to, whether or not it exists yet. (A
// dangling link is what a dotfile repository looks like before its first use.)
func follow(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	target := absolute
	for range maxLink {
		link, err := os.Readlink(target)
		if err != nil {
			return target, nil // no link, or nothing there: this is the file
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(target), link)
		}
		target = link
	}
	return "", fmt.Errorf("%s: too many symbolic links", path)
}

func clone(c Contents) Contents {
	out := make(Contents, len(c))
	for path, content := range c {
		out[path] = slices.Clone(content)
	}
	return out
}
