package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"
)

// Instance is what a running stack tells of itself in its state file.
type Instance struct {
	PID       int       `json:"pid"`
	Version   string    `json:"version"`
	Machines  string    `json:"machines"`
	Ports     Ports     `json:"ports"`
	StartedAt time.Time `json:"started_at"`
	Children  []Child   `json:"children"`
}

// Child is one program that the stack keeps running.
type Child struct {
	Name     string `json:"name"`
	PID      int    `json:"pid"` // 0 while it is being started again
	Restarts int    `json:"restarts"`
}

// ErrNotRunning says that no process serves the data folder.
var ErrNotRunning = errors.New("the stack is not running")

// Running reads the state of the stack that serves the folder, or returns
// ErrNotRunning. What a killed stack left behind does not count: the lock tells.
func Running(l Layout) (Instance, error) {
	held, err := lockHeld(l)
	if err != nil {
		return Instance{}, err
	}
	if !held {
		return Instance{}, ErrNotRunning
	}
	raw, err := os.ReadFile(l.State())
	if errors.Is(err, fs.ErrNotExist) {
		return Instance{}, fmt.Errorf("a stack is starting or stopping in %s: try again in a moment", l.Dir)
	}
	if err != nil {
		return Instance{}, fmt.Errorf("read the state: %w", err)
	}
	var i Instance
	if err := json.Unmarshal(raw, &i); err != nil {
		return Instance{}, fmt.Errorf("read %s: %w", l.State(), err)
	}
	return i, nil
}

func lockHeld(l Layout) (bool, error) {
	if _, err := os.Stat(l.Lock()); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	lock := flock.New(l.Lock())
	free, err := lock.TryRLock()
	if err != nil {
		return false, fmt.Errorf("look at the lock of %s: %w", l.Dir, err)
	}
	if free {
		return false, lock.Unlock()
	}
	return true, nil
}

// takeLock makes this process the one that serves the folder.
func takeLock(l Layout) (*flock.Flock, error) {
	lock := flock.New(l.Lock(), flock.SetPermissions(0o600))
	mine, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", l.Dir, err)
	}
	if !mine {
		return nil, fmt.Errorf("another pks-local serves %s already: look at it with 'pks-local status', or end it with 'pks-local down'", l.Dir)
	}
	return lock, nil
}

func (i Instance) write(l Layout) error {
	raw, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the state: %w", err)
	}
	if err := renameio.WriteFile(l.State(), append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}

// Stop ends the stack that serves the folder and waits until it is gone.
func Stop(ctx context.Context, l Layout) error {
	i, err := Running(l)
	if err != nil {
		return err
	}
	if err := syscall.Kill(i.PID, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end process %d: %w", i.PID, err)
	}
	lock := flock.New(l.Lock())
	gone, err := lock.TryRLockContext(ctx, 50*time.Millisecond)
	if err != nil || !gone {
		return fmt.Errorf("process %d did not end: see %s", i.PID, l.Log("pks-local"))
	}
	return lock.Unlock()
}

// Reset removes the data folder. It refuses while a stack serves it.
func Reset(l Layout) error {
	switch _, err := Running(l); {
	case err == nil:
		return fmt.Errorf("the stack is running: end it first with 'pks-local down'")
	case !errors.Is(err, ErrNotRunning):
		return err
	}
	if _, err := os.Stat(l.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	// Only a folder that a stack has made is removed, so that a slip in
	// --data-dir costs nobody's files.
	if _, err := os.Stat(l.Lock()); err != nil {
		return fmt.Errorf("%s is not a data folder of pks-local; nothing was removed", l.Dir)
	}
	if err := os.RemoveAll(l.Dir); err != nil {
		return fmt.Errorf("remove %s: %w", l.Dir, err)
	}
	return nil
}
