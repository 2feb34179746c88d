package broker

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/pks-community/pks-release/src/director"
)

// machineState is one instance and how it is just now.
type machineState struct {
	Group     string           `json:"group"`
	ID        string           `json:"id"`
	Index     int              `json:"index"`
	AZ        string           `json:"az"`
	IPs       []string         `json:"ips"`
	State     string           `json:"state"`   // what the agent says; missing without a VM
	Desired   string           `json:"desired"` // started, stopped, detached
	Bootstrap bool             `json:"bootstrap"`
	Ignored   bool             `json:"ignored"`
	Disks     []disk           `json:"disks"`
	Processes []machineProcess `json:"processes"`
}

type disk struct {
	Name    string `json:"name"`    // system, ephemeral, persistent
	Percent int    `json:"percent"` // of the space or of the files, whichever is more
}

type machineProcess struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

// serveMachines tells how the machines of an instance are. Their agents are asked.
// Errands have none between runs and are left out then.
func (b *Broker) serveMachines(w http.ResponseWriter, r *http.Request) {
	name := deploymentName(instanceID(r))
	instances, err := b.director.Instances(r.Context(), name)
	if errors.Is(err, director.ErrNotFound) {
		respond(w, http.StatusGone, struct{}{})
		return
	}
	if err != nil {
		b.respondError(r.Context(), w, instanceID(r), "", unlessAway("look at", err))
		return
	}
	machines := make([]machineState, 0, len(instances))
	for _, i := range instances {
		if i.VMCID == "" && i.State == "started" && !i.ExpectsVM {
			continue
		}
		machines = append(machines, machineOf(i))
	}
	slices.SortFunc(machines, func(a, b machineState) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Index, b.Index))
	})
	respond(w, http.StatusOK, struct {
		Deployment string         `json:"deployment"`
		Machines   []machineState `json:"machines"`
	}{name, machines})
}

func machineOf(i director.Instance) machineState {
	m := machineState{
		Group: i.Group, ID: i.ID, Index: i.Index, AZ: i.AZ, IPs: i.IPs, State: cmp.Or(i.JobState, "missing"), Desired: i.State,
		Bootstrap: i.Bootstrap, Ignored: i.Ignored, Disks: []disk{}, Processes: make([]machineProcess, 0, len(i.Processes)),
	}
	for _, p := range i.Processes {
		m.Processes = append(m.Processes, machineProcess(p))
	}
	if i.Vitals == nil {
		return m
	}
	for _, kind := range []string{"system", "ephemeral", "persistent"} {
		use, ok := i.Vitals.Disk[kind]
		percent, err := strconv.Atoi(use.Percent)
		if !ok || err != nil {
			continue
		}
		if files, err := strconv.Atoi(use.InodePercent); err == nil {
			percent = max(percent, files)
		}
		m.Disks = append(m.Disks, disk{Name: kind, Percent: percent})
	}
	return m
}
