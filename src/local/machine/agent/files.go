package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// place checks that a plan may write path.
func (c Config) place(path string) error {
	switch {
	case !filepath.IsAbs(path) || filepath.Clean(path) != path || path == "/":
		return fmt.Errorf("file %q: its path must be absolute and without detours", path)
	case c.Confine != "" && !strings.HasPrefix(path, strings.TrimSuffix(c.Confine, "/")+"/"):
		return fmt.Errorf("file %q lies outside the machine's folder %s", path, c.Confine)
	}
	return nil
}

// layOut writes the plan's files and removes those that an earlier plan wrote and this one does not have.
func (c Config) layOut(plan Plan) error {
	keep := make(map[string]bool)
	for _, job := range plan.Jobs {
		for _, f := range job.Files {
			if err := c.place(f.Path); err != nil {
				return fmt.Errorf("job %s: %w", job.Name, err)
			}
			keep[f.Path] = true
		}
	}
	before, err := c.readLedger()
	if err != nil {
		return err
	}
	// Both old and new files are on record before the first is written, so that none is ever forgotten.
	record := make([]string, 0, len(keep)+len(before))
	for path := range keep {
		record = append(record, path)
	}
	for _, path := range before {
		if !keep[path] {
			record = append(record, path)
		}
	}
	if err := c.writeLedger(record); err != nil {
		return err
	}
	for _, path := range before {
		if !keep[path] {
			if err := c.removeFile(path); err != nil {
				return err
			}
		}
	}
	for _, job := range plan.Jobs {
		for _, f := range job.Files {
			if err := writeFile(f.Path, f.Content, fs.FileMode(f.Mode).Perm()); err != nil {
				return fmt.Errorf("job %s: %w", job.Name, err)
			}
		}
	}
	record = record[:0]
	for path := range keep {
		record = append(record, path)
	}
	return c.writeLedger(record)
}

// removeFile removes a file and the folders that are empty without it.
func (c Config) removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove a file of an earlier plan: %w", err)
	}
	jobs := filepath.Join(c.Vcap, "jobs") + "/"
	for dir := filepath.Dir(path); strings.HasPrefix(dir, jobs); dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil {
			break // not empty, or gone
		}
	}
	return nil
}

func (c Config) readLedger() ([]string, error) {
	data, err := os.ReadFile(c.ledger())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the list of files: %w", err)
	}
	var paths []string
	if err := json.Unmarshal(data, &paths); err != nil {
		return nil, nil // a torn list only means that old files stay
	}
	valid := paths[:0]
	for _, path := range paths {
		if c.place(path) == nil {
			valid = append(valid, path)
		}
	}
	return valid, nil
}

func (c Config) writeLedger(paths []string) error {
	data, err := json.Marshal(paths)
	if err != nil {
		return fmt.Errorf("encode the list of files: %w", err)
	}
	return writeFile(c.ledger(), data, 0o600)
}

// writeFile replaces path in one step. It does not wait for the disk: what a machine holds besides its
// persistent disk may be lost with the machine.
func writeFile(path string, content []byte, mode fs.FileMode) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
