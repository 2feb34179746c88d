package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"

	"github.com/pks-community/pks-release/src/local/machine"
)

// Instance is what a running stack tells of itself in its state file.
type Instance struct {
	PID     int    `json:"pid"`
	Version string `json:"version"`
	Settings
	// Offered are the versions that settings can name.
	Offered Offered `json:"offered"`
	// Refused tells why the machines have no better isolation, by mode.
	Refused   map[string]string `json:"isolation_refused,omitempty"`
	Ports     Ports             `json:"ports"`
	StartedAt time.Time         `json:"started_at"`
	Children  []Child           `json:"children"`
}

// Offered are the versions that the embedded Director holds, oldest first.
type Offered struct {
	Kubernetes []string `json:"kubernetes"`
	Stemcells  []string `json:"stemcells"`
}

// Child is one program that the stack keeps running.
type Child struct {
	Name     string `json:"name"`
	PID      int    `json:"pid"` // 0 while it is being started again
	Restarts int    `json:"restarts"`
}

var (
	// ErrNotRunning says that no process serves the data folder.
	ErrNotRunning = errors.New("the stack is not running")
	// ErrBusy says that a process serves the data folder, but that the stack is
	// not (or no longer) ready for use.
	ErrBusy = errors.New("the stack is starting or stopping")
	// ErrServed says that another process serves the data folder.
	ErrServed = errors.New("another pks-local serves this data folder")
)

// Running reads the state of the stack that serves the folder, or returns
// ErrNotRunning or ErrBusy. What a killed stack left behind does not count: the
// lock tells.
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
		return Instance{}, ErrBusy
	}
	if err != nil {
		return Instance{}, fmt.Errorf("read the state: %w", err)
	}
	var i Instance
	if err := json.Unmarshal(raw, &i); err != nil {
		return Instance{}, fmt.Errorf("%s is damaged (%w): start anew with 'pks-local down' and 'pks-local up'", l.State(), err)
	}
	return i, nil
}

// Await waits while the stack is starting or stopping, or does not answer. It
// returns ErrNotRunning when there is none (any more).
func Await(ctx context.Context, l Layout) (Instance, error) {
	for {
		i, err := Running(l)
		switch {
		case err == nil && healthy(Probe(ctx, l, i)):
			return i, nil
		case err == nil:
			err = errors.New("the stack runs, but does not answer")
		case !errors.Is(err, ErrBusy):
			return Instance{}, err
		}
		select {
		case <-ctx.Done():
			return Instance{}, fmt.Errorf("%w (%w): see 'pks-local status' and %s, or end it with 'pks-local down'", err, ctx.Err(), l.Log("pks-local"))
		case <-time.After(lookAgain):
		}
	}
}

// lookAgain is how often a process looks at another one that has no way to tell.
const lookAgain = 50 * time.Millisecond

func lockHeld(l Layout) (bool, error) {
	switch _, err := os.Stat(l.Lock()); {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look into the data folder: %w", err)
	}
	lock := flock.New(l.Lock())
	free, err := lock.TryRLock()
	if err != nil {
		return false, fmt.Errorf("look at the lock: %w", err)
	}
	if free {
		return false, lock.Unlock()
	}
	return true, nil
}

// takeLock makes this process the one that serves the folder. The lock file says
// which process that is, from the first moment to the last.
func takeLock(ctx context.Context, l Layout) (*flock.Flock, error) {
	lock := flock.New(l.Lock(), flock.SetPermissions(0o600))
	// Somebody who only looks holds the lock for a moment, too.
	ctx, cancel := context.WithTimeout(ctx, 10*lookAgain)
	defer cancel()
	switch mine, err := lock.TryLockContext(ctx, lookAgain); {
	case err != nil && ctx.Err() == nil:
		return nil, fmt.Errorf("lock %s: %w", l.Dir, err)
	case !mine:
		return nil, fmt.Errorf("%w: look at it with 'pks-local status', or end it with 'pks-local down'", ErrServed)
	}
	if err := os.WriteFile(l.Lock(), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", l.Dir, err), lock.Unlock())
	}
	return lock, nil
}

// holder is the process that has the lock.
func holder(l Layout) (int, error) {
	raw, err := os.ReadFile(l.Lock())
	if err != nil {
		return 0, fmt.Errorf("read the lock: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("%s does not say which process serves the stack: end the process 'pks-local serve' by hand", l.Lock())
	}
	return pid, nil
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

func removeState(l Layout) error {
	if err := os.Remove(l.State()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the state: %w", err)
	}
	return nil
}

// Stop ends the stack that serves the folder, also one that is starting, and
// waits until it is gone. It returns ErrNotRunning if there is none.
func Stop(ctx context.Context, l Layout) error {
	held, err := lockHeld(l)
	if err != nil {
		return err
	}
	if !held {
		return ErrNotRunning
	}
	pid, err := holder(l)
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end process %d: %w", pid, err)
	}
	lock := flock.New(l.Lock())
	gone, err := lock.TryRLockContext(ctx, lookAgain)
	if err != nil || !gone {
		return fmt.Errorf("process %d did not end: see %s", pid, l.Log("pks-local"))
	}
	return lock.Unlock()
}

// Reset removes what a stack has stored. It refuses while one serves the folder.
// Files that are not the stack's stay, and with them the folder: a slip in
// --data-dir costs nobody's files.
func Reset(ctx context.Context, l Layout) (err error) {
	if _, err := os.Stat(l.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, made := range []string{l.Lock(), l.UAA(), l.Director()} {
		if _, err := os.Stat(made); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is not a data folder of pks-local; nothing was removed", l.Dir)
		}
	}
	lock, err := takeLock(ctx, l)
	if errors.Is(err, ErrServed) {
		return errors.New("the stack is running: end it first with 'pks-local down'")
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	// Machines of a killed stack may still hold what is about to be removed.
	if err := sweepMachines(ctx, l); err != nil {
		return err
	}
	own, err := l.own()
	if err != nil {
		return err
	}
	for _, path := range own {
		if err := machine.RemoveTree(path); err != nil {
			return fmt.Errorf("remove the data: %w", err)
		}
	}
	if err := os.Remove(l.Dir); err != nil && !errors.Is(err, syscall.ENOTEMPTY) {
		return fmt.Errorf("remove the data folder: %w", err)
	}
	return nil
}
