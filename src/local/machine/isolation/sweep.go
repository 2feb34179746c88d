package isolation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// recordName is the file in a segment's folder that lists where it has control groups. It is written
// before the first is made.
const recordName = "segment.json"

// record is what the next start has to know if this one ends without a chance to clean up.
type record struct {
	Stack string `json:"stack"`
	// Groups are the stack's folders in all hierarchies.
	Groups []string `json:"groups"`
}

func (s *Segment) record() error {
	r := record{Stack: s.options.Stack, Groups: []string{}}
	for _, h := range s.hierarchies {
		r.Groups = append(r.Groups, h.stackGroup(s.options.Stack))
	}
	data, err := json.Marshal(r)
	if err == nil {
		err = os.WriteFile(filepath.Join(s.options.Dir, recordName), data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("record the segment: %w", err)
	}
	return nil
}

// forget removes the record; there is nothing left to find.
func (s *Segment) forget() { _ = os.Remove(filepath.Join(s.options.Dir, recordName)) }

// recordDepth is how deep below the stack's folder records are looked for.
const recordDepth = 3

// Sweep removes what an earlier run of the stack left behind because it was killed: processes and
// control groups, and those of trials by Detect. dir is a folder below which its segments had theirs.
// It must not be called while the stack runs.
func Sweep(ctx context.Context, stack, dir string) error {
	if err := checkName("stack", stack); err != nil {
		return err
	}
	records, err := findRecords(dir)
	if err != nil {
		return err
	}
	errs := []error{sweepStack(ctx, stack, groupsOf(records, stack))}
	for path, r := range records {
		if strings.HasPrefix(r.Stack, probePrefix) {
			errs = append(errs, sweepStack(ctx, r.Stack, groupsOf(records, r.Stack)), os.RemoveAll(filepath.Dir(path)))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for path := range records {
		_ = os.Remove(path)
	}
	return nil
}

// sweepStack removes the processes and groups of one stack.
func sweepStack(ctx context.Context, stack string, folders []string) error {
	err := killMarked(ctx, func(value string) bool { return strings.HasPrefix(value, stack+"/") })
	if err != nil {
		return err
	}
	// Where it would have its groups now, should the record be lost.
	if hierarchies, err := readHierarchies("/"); err == nil {
		for _, h := range hierarchies {
			folders = append(folders, h.stackGroup(stack))
		}
	}
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	var errs []error
	for _, folder := range folders {
		errs = append(errs, removeGroup(ctx, folder))
	}
	return errors.Join(errs...)
}

// findRecords looks for records, by their paths, without descending into what machines wrote.
func findRecords(dir string) (map[string]record, error) {
	found := make(map[string]record)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission):
			return nil
		case err != nil:
			return err
		case !e.IsDir():
			if e.Name() == recordName {
				found[path] = readRecord(path)
			}
			return nil
		}
		below, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		machine := e.Name() == varDir || e.Name() == rootDir || e.Name() == "vcap"
		if machine || strings.Count(below, "/") >= recordDepth {
			return filepath.SkipDir
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for what was left: %w", err)
	}
	return found, nil
}

// readRecord reads a record; a torn one is empty.
func readRecord(path string) record {
	data, err := os.ReadFile(path)
	if err != nil {
		return record{}
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil || checkName("stack", r.Stack) != nil {
		return record{}
	}
	return r
}

// groupsOf are the folders on record that can be the stack's.
func groupsOf(records map[string]record, stack string) []string {
	folders := []string{}
	for _, r := range records {
		for _, folder := range r.Groups {
			within := strings.HasPrefix(folder, groupRoot+"/") && filepath.Clean(folder) == folder
			if r.Stack == stack && within && filepath.Base(folder) == "pks-"+stack {
				folders = append(folders, folder)
			}
		}
	}
	return folders
}
