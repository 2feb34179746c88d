package kubeconfig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/pks-community/pks-release/src/kubeconfig/privatefile"
)

// keepMode lets an existing kubeconfig keep its permissions, as kubectl does.
const keepMode = 0o777

// Merge puts the entries of config into the files at paths (see Paths) and makes
// its current-context theirs. It follows kubectl: an entry that exists is changed
// in the first file that has it; a new one goes to the first file that exists, or
// to the last of the list when none does; the current context is set in the first
// file that sets one. All other entries, comments and unknown members stay as
// they are. A file that kubectl could not read is refused and nothing is written.
//
// Only files that change are locked and written: another one of the list may be
// where this user cannot write.
func Merge(ctx context.Context, paths []string, config *api.Config) error {
	if len(paths) == 0 {
		return errors.New("no kubeconfig file is named")
	}
	var lock []string
	for range mergeTries {
		changed, err := plan(paths, config)
		if err != nil || len(changed) == 0 {
			return err
		}
		lock = slices.Compact(slices.Sorted(slices.Values(slices.AppendSeq(lock, maps.Keys(changed)))))
		if err := mergeLocked(ctx, lock, paths, config); !errors.Is(err, errMoved) {
			return err
		}
	}
	return errMoved
}

// errMoved: between the look and the lock, others moved the entries elsewhere.
var errMoved = errors.New("the kubeconfig files keep changing; try again")

const mergeTries = 5

func mergeLocked(ctx context.Context, lock, paths []string, config *api.Config) error {
	return privatefile.Change{
		Paths: lock,
		Keep:  keepMode,
		Guard: func(ctx context.Context) (func() error, error) { return lockOutKubectl(ctx, lock) },
		Edit: func(context.Context, privatefile.Contents) (privatefile.Contents, error) {
			changed, err := plan(paths, config)
			if err != nil {
				return nil, err
			}
			for path := range changed {
				if !slices.Contains(lock, path) {
					return nil, errMoved
				}
			}
			return changed, nil
		},
	}.Apply(ctx)
}

// plan reads the files and says what those that change shall hold.
func plan(paths []string, config *api.Config) (privatefile.Contents, error) {
	old := make(privatefile.Contents, len(paths))
	for _, path := range paths {
		content, err := privatefile.Read(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, fmt.Errorf("read the kubeconfig: %w", err)
		default:
			old[path] = content
		}
	}
	return merge(paths, old, config)
}

func merge(paths []string, old privatefile.Contents, config *api.Config) (privatefile.Contents, error) {
	entries, err := entriesOf(config)
	if err != nil {
		return nil, err
	}
	files := make([]*file, 0, len(paths))
	for _, path := range paths {
		f, err := parseFile(path, old[path])
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	home := files[len(files)-1]
	for i, path := range paths {
		if _, exists := old[path]; exists {
			home = files[i]
			break
		}
	}
	for _, entry := range entries {
		first(files, home, func(f *file) bool { return f.find(entry) != nil }).put(entry)
	}
	first(files, home, func(f *file) bool { return f.config.CurrentContext != "" }).setCurrentContext(config.CurrentContext)

	changed := make(privatefile.Contents)
	for _, f := range files {
		if !f.changed {
			continue
		}
		content, err := f.encode(config)
		if err != nil {
			return nil, fmt.Errorf("%s is left as it is: %w", f.path, err)
		}
		changed[f.path] = content
	}
	return changed, nil
}

// first is the first file that fits, else the fallback.
func first(files []*file, fallback *file, fits func(*file) bool) *file {
	for _, f := range files {
		if fits(f) {
			return f
		}
	}
	return fallback
}
