package pks

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	masterGroup = "master"
	workerGroup = "worker"
)

// MachineSize is what one machine takes. Zero: not known.
type MachineSize struct {
	CPU      int `json:"cpu" yaml:"cpu"`
	MemoryMB int `json:"memory_in_mb" yaml:"memory_in_mb"`
}

// Known tells whether the size was stated.
func (s MachineSize) Known() bool { return s.CPU > 0 && s.MemoryMB > 0 }

// MachineGroup is an instance group of a cluster: machines of one size.
type MachineGroup struct {
	Name      string
	Instances int
	MachineSize
}

// Machines are what a cluster takes of the platform, per instance group.
type Machines struct {
	Groups []MachineGroup
	// Observed tells where the numbers are from: from BOSH, after an operation that
	// succeeded, or else from the spec, and from what there was before it, whichever
	// is more.
	Observed bool
}

// Machines are those that the spec asks for on a plan.
func (s ClusterSpec) Machines(plan Plan) (Machines, error) {
	document, err := readDocument[computeDocument](s.ComputeProfile)
	if err != nil {
		return Machines{}, err
	}
	control := document.Customization.ControlPlane
	groups := []MachineGroup{{Name: masterGroup, Instances: masterCount(document, plan), MachineSize: control.or(plan.MasterVM)}}
	for _, p := range document.Customization.NodePools {
		groups = append(groups, MachineGroup{Name: workerGroup + "-" + p.Name, Instances: s.poolInstances(p), MachineSize: p.or(plan.WorkerVM)})
	}
	if len(document.Customization.NodePools) == 0 {
		groups = append(groups, MachineGroup{Name: workerGroup, Instances: s.WorkerInstances, MachineSize: plan.WorkerVM})
	}
	return Machines{Groups: groups}, nil
}

func (s profileSize) or(otherwise MachineSize) MachineSize {
	if s.Known() {
		return s.MachineSize
	}
	return otherwise
}

// Use is what all the machines take together.
func (m Machines) Use() Resources {
	use := Resources{Clusters: 1}
	for _, g := range m.Groups {
		use.CPU += g.Instances * g.CPU
		use.MemoryMB += g.Instances * g.MemoryMB
	}
	return use
}

// SizesKnown tells whether Use is the whole truth.
func (m Machines) SizesKnown() bool {
	return !slices.ContainsFunc(m.Groups, func(g MachineGroup) bool { return !g.Known() })
}

// During is what a cluster may take while it becomes next: of each group, the
// greater number of the larger machines.
func (m Machines) During(next Machines) Machines {
	groups := slices.Clone(next.Groups)
	for _, was := range m.Groups {
		i := slices.IndexFunc(groups, func(g MachineGroup) bool { return g.Name == was.Name })
		if i < 0 {
			groups = append(groups, was)
			continue
		}
		g := &groups[i]
		g.Instances = max(g.Instances, was.Instances)
		g.CPU, g.MemoryMB = max(g.CPU, was.CPU), max(g.MemoryMB, was.MemoryMB)
	}
	return Machines{Groups: groups}
}

// Seen is m with the numbers of machines that BOSH tells of, by the addresses that
// each group has: a machine on several networks has as many. Groups of BOSH that m
// does not know have no known size.
func (m Machines) Seen(addresses map[string]int) Machines {
	seen := Machines{Observed: true}
	left := maps.Clone(addresses)
	for _, g := range m.Groups {
		n := left[g.Name]
		delete(left, g.Name)
		if n == 0 {
			continue
		}
		if g.Instances == 0 || n%g.Instances != 0 {
			g.Instances = n
		}
		seen.Groups = append(seen.Groups, g)
	}
	for name, n := range left {
		if n > 0 && name != "" && !strings.ContainsAny(name, ": \t\n") {
			seen.Groups = append(seen.Groups, MachineGroup{Name: name, Instances: n})
		}
	}
	slices.SortFunc(seen.Groups, func(a, b MachineGroup) int { return compareGroups(a.Name, b.Name) })
	return seen
}

// compareGroups puts masters first.
func compareGroups(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == masterGroup:
		return -1
	case b == masterGroup || a > b:
		return 1
	default:
		return -1
	}
}

const observedMark = "observed"

// MarshalText is the short form in which machines are stored, empty for none:
//
//	observed master:1:2:4096 worker:3:2:8192
//
// It is read with every cluster, which JSON would make felt in long lists.
func (m Machines) MarshalText() ([]byte, error) {
	var out []byte
	if m.Observed {
		out = append(out, observedMark...)
	}
	for _, g := range m.Groups {
		if strings.ContainsAny(g.Name, ": \t\n") || g.Name == "" {
			return nil, fmt.Errorf("write machines: the instance group %q has a name that BOSH does not allow", Shorten(g.Name))
		}
		if len(out) > 0 {
			out = append(out, ' ')
		}
		out = fmt.Appendf(out, "%s:%d:%d:%d", g.Name, g.Instances, g.CPU, g.MemoryMB)
	}
	return out, nil
}

// UnmarshalText reads the short form.
func (m *Machines) UnmarshalText(stored []byte) error {
	*m = Machines{}
	for word := range strings.FieldsSeq(string(stored)) {
		if word == observedMark && len(m.Groups) == 0 {
			m.Observed = true
			continue
		}
		var numbers [3]int
		name, rest, ok := strings.Cut(word, ":")
		for i := range numbers {
			var digits string
			digits, rest, _ = strings.Cut(rest, ":")
			n, err := strconv.Atoi(digits)
			ok = ok && err == nil && n >= 0
			numbers[i] = n
		}
		if !ok || name == "" || rest != "" {
			return fmt.Errorf("read machines: %q is not NAME:INSTANCES:CPU:MEMORY", Shorten(word))
		}
		m.Groups = append(m.Groups, MachineGroup{Name: name, Instances: numbers[0], MachineSize: MachineSize{CPU: numbers[1], MemoryMB: numbers[2]}})
	}
	return nil
}

// Allocation is what the cluster takes of the platform, as far as it is known:
// what was recorded, with the sizes of the plan's VM types where the record has
// none, or, without a record, what its spec asks for.
func (c Cluster) Allocation(plan Plan) (Machines, error) {
	if len(c.Machines.Groups) == 0 && !c.Machines.Observed {
		return c.Spec.Machines(plan)
	}
	known := Machines{Groups: slices.Clone(c.Machines.Groups), Observed: c.Machines.Observed}
	for i, g := range known.Groups {
		switch {
		case g.Known():
		case g.Name == masterGroup:
			known.Groups[i].MachineSize = plan.MasterVM
		default:
			known.Groups[i].MachineSize = plan.WorkerVM
		}
	}
	return known, nil
}

// Count is how many machines there are in all groups.
func (m Machines) Count() int {
	n := 0
	for _, g := range m.Groups {
		n += g.Instances
	}
	return n
}
