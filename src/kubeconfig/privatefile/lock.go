package privatefile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
)

// retryLock is how often a taken lock is tried again; the kernel offers no wait
// that a context could end.
const retryLock = 20 * time.Millisecond

// lockAll takes the lock of every target, in one order for everybody so that two
// processes cannot wait for each other.
func lockAll(ctx context.Context, targets map[string]string) (release func() error, err error) {
	var held []*flock.Flock
	release = func() error {
		var errs []error
		for _, lock := range slices.Backward(held) {
			errs = append(errs, lock.Unlock())
		}
		return errors.Join(errs...)
	}
	for _, target := range slices.Compact(slices.Sorted(maps.Values(targets))) {
		lock := flock.New(lockPath(target), flock.SetPermissions(fileMode))
		if _, err := lock.TryLockContext(ctx, retryLock); err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", target, err), release())
		}
		held = append(held, lock)
	}
	return release, nil
}

// lockPath is a file of its own, because the file itself is replaced and a lock
// on it would go with the old one. The name is not kubectl's FILE.lock, whose
// mere existence stops kubectl. The lock file stays: removing it would let two
// processes hold two files of one name.
func lockPath(target string) string {
	return filepath.Join(filepath.Dir(target), "."+filepath.Base(target)+".pks-lock")
}
