package kubeconfig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"
)

const (
	kubectlLockWait  = 5 * time.Second
	kubectlLockRetry = 20 * time.Millisecond
)

// lockOutKubectl holds kubectl's own lock on each file: the mere existence of
// FILE.lock (client-go, tools/clientcmd/loader.go). kubectl holds it for the
// blink of an eye, so one that stays was left behind by a crash, which kubectl
// refuses to work with too.
func lockOutKubectl(ctx context.Context, paths []string) (release func() error, err error) {
	ctx, cancel := context.WithTimeout(ctx, kubectlLockWait)
	defer cancel()
	var held []string
	release = func() error {
		var errs []error
		for _, path := range held {
			errs = append(errs, os.Remove(path))
		}
		return errors.Join(errs...)
	}
	for _, path := range slices.Sorted(slices.Values(paths)) {
		name := path + ".lock"
		if err := createExclusively(ctx, name); err != nil {
			return nil, errors.Join(err, release())
		}
		held = append(held, name)
	}
	return release, nil
}

func createExclusively(ctx context.Context, name string) error {
	retry := time.NewTicker(kubectlLockRetry)
	defer retry.Stop()
	for {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			return f.Close()
		}
		if !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("lock the kubeconfig: %w", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s exists: kubectl is changing the kubeconfig, or crashed while it did; remove that file if no kubectl is running", name)
		case <-retry.C:
		}
	}
}
