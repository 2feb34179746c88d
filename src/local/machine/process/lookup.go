package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/pks-community/pks-release/src/local/machine/agent"
	"github.com/pks-community/pks-release/src/local/machine/isolation"
)

// instanceFile names, in a machine's folder, the instance whose machine it is: "group/id".
const instanceFile = "instance"

func (v *vm) writeInstance() error {
	name := v.spec.Group + "/" + v.spec.ID
	if err := renameio.WriteFile(filepath.Join(v.dir(), instanceFile), []byte(name+"\n"), 0o600); err != nil {
		return fmt.Errorf("store whose machine it is: %w", err)
	}
	return nil
}

// Lookup finds the agent of a machine of a driver that runs with its files in dir, in this process or
// another one. The machine is named as BOSH does: "group/id" of its instance, or the beginning of it
// ("worker" or "worker/3f2a") as long as only one machine is meant.
func Lookup(dir, name string) (*agent.Client, error) {
	found, err := os.ReadDir(filepath.Join(dir, "machines"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the machines: %w", err)
	}
	var all, meant []string
	machines := map[string]string{}
	for _, entry := range found {
		raw, err := os.ReadFile(filepath.Join(dir, "machines", entry.Name(), instanceFile))
		if err != nil { // it is being made or removed
			continue
		}
		instance := strings.TrimSpace(string(raw))
		machines[instance] = filepath.Join(dir, "machines", entry.Name())
		all = append(all, instance)
		if strings.HasPrefix(instance, name) {
			meant = append(meant, instance)
		}
	}
	slices.Sort(all)
	switch {
	case len(meant) == 1:
		return agent.NewClient(isolation.Socket(machines[meant[0]])), nil
	case len(all) == 0:
		return nil, errors.New("there are no machines: create a cluster first, with process machines")
	case len(meant) == 0:
		return nil, fmt.Errorf("there is no machine %s: there are %s", name, strings.Join(all, ", "))
	default:
		slices.Sort(meant)
		return nil, fmt.Errorf("%s can be %s: name one", name, strings.Join(meant, " or "))
	}
}
