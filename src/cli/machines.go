package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/pks"
)

const (
	// nearlyFull is where a disk becomes worth a word (reference/pks-cli.md §7.1).
	nearlyFull = 95
	full       = 100
)

// errNoMachines: the server is of another make.
var errNoMachines = errors.New("the server does not tell how machines are")

// machines asks how the machines of a cluster are.
func machines(ctx context.Context, api *apiclient.Client, name string) ([]v1.Machine, error) {
	answer, err := api.Machines(ctx, name)
	refusal, refused := errors.AsType[*apiclient.Error](err)
	if refused && refusal.Status == http.StatusNotFound && refusal.Code != pks.CodeClusterNotFound {
		return nil, errNoMachines
	}
	return answer.Value, err
}

// isMaster tells masters from workers.
func isMaster(m v1.Machine) bool { return m.Group == "master" }

// slug is what BOSH calls a machine.
func slug(m v1.Machine) string { return m.Group + "/" + m.ID }

// stopped is why the machine does not run as it should; empty when it does.
func stopped(m v1.Machine) string {
	switch {
	case m.Desired != "started":
		return "is " + m.Desired + " on purpose"
	case m.State == "missing":
		return "has no VM"
	case m.State != "running":
		if down := processesDown(m); len(down) > 0 {
			return m.State + ": " + strings.Join(down, ", ")
		}
		return m.State
	}
	return strings.Join(processesDown(m), ", ")
}

func processesDown(m v1.Machine) []string {
	var down []string
	for _, p := range m.Processes {
		if p.State != "running" {
			down = append(down, p.Name+" "+p.State)
		}
	}
	return down
}

// fullest are the disks that are at least so full.
func fullest(m v1.Machine, percent int) []string {
	var disks []string
	for _, d := range m.Disks {
		if d.Percent >= percent {
			disks = append(disks, fmt.Sprintf("%s disk %d %% full", d.Name, d.Percent))
		}
	}
	return disks
}

// faults is all that is not well with a machine.
func faults(m v1.Machine) []string {
	var all []string
	if why := stopped(m); why != "" {
		all = append(all, why)
	}
	all = append(all, fullest(m, nearlyFull+1)...)
	if m.Ignored {
		all = append(all, "BOSH is told to ignore it")
	}
	return all
}
