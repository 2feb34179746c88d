package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/pks-community/pks-release/src/local/director/state"
)

// Machines is a kind of machines.
type Machines string

// Kinds of machines. Simulated ones are records that take time; process machines run Kubernetes.
const (
	Simulated Machines = "simulated"
	Process   Machines = "process"
)

// Settings are what a stack keeps from one start to the next of how it runs. Empty fields are open.
type Settings struct {
	Machines Machines `json:"machines"`
	// Isolation is the mode of process machines: root, rootless or kwok.
	Isolation string `json:"isolation,omitempty"`
	// Kubernetes is the version that new clusters get and that upgrades go to.
	Kubernetes string `json:"kubernetes"`
	// Stemcell is likewise that of the machines' image.
	Stemcell string `json:"stemcell"`
}

// readSettings returns what the stack in the folder has kept; nothing of one that never ran.
func readSettings(l Layout) (Settings, error) {
	raw, err := os.ReadFile(l.Settings())
	if errors.Is(err, fs.ErrNotExist) {
		return Settings{}, nil
	}
	if err != nil {
		return Settings{}, fmt.Errorf("read the settings: %w", err)
	}
	var s Settings
	if err := json.Unmarshal(raw, &s); err != nil {
		return Settings{}, fmt.Errorf("%s is damaged (%w): delete it, and name the kind of machines anew with 'pks-local up --machines'", l.Settings(), err)
	}
	return s, nil
}

func (s Settings) write(l Layout) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the settings: %w", err)
	}
	if err := renameio.WriteFile(l.Settings(), append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("store the settings: %w", err)
	}
	return nil
}

// deployments lists what the Director of the stack in the folder has deployed, also while it runs.
func deployments(ctx context.Context, l Layout) (found []state.Deployment, err error) {
	path := filepath.Join(l.Director(), "director.db")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	store, err := state.Open(ctx, path)
	if err != nil {
		return nil, unopened(l.Director(), err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return store.Deployments(ctx)
}
