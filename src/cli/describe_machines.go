package cli

import (
	"fmt"
	"strings"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/pks"
)

// machineBranches are the masters, and the workers by node pool: one line when all
// of them are well, and each that is not.
func (d description) machineBranches() []console.Branch {
	c := d.cluster
	at := fmt.Sprintf("%s (%s:%d)", strings.Join(c.KubernetesMasterIPs, ", "), c.Parameters.KubernetesMasterHost, c.Parameters.KubernetesMasterPort)
	if d.silent != "" {
		workers := console.Branch{Text: fmt.Sprintf("Workers: %d", c.Parameters.KubernetesWorkerInstances)}
		for _, name := range sortedKeys(c.Parameters.NodePoolInstances) {
			workers.Below = append(workers.Below, console.Branch{Text: fmt.Sprintf("pool %s: %d", name, c.Parameters.NodePoolInstances[name])})
		}
		return []console.Branch{
			{Text: "Masters: " + at}, workers,
			{Text: "How the machines are cannot be told: " + d.silent},
		}
	}
	var masters []v1.Machine
	var groups []string
	workers := map[string][]v1.Machine{}
	for _, m := range d.machines {
		switch _, known := workers[m.Group]; {
		case isMaster(m):
			masters = append(masters, m)
			continue
		case !known:
			groups = append(groups, m.Group)
		}
		workers[m.Group] = append(workers[m.Group], m)
	}
	branches := []console.Branch{d.machineBranch("Masters", " at "+at, masters)}
	for _, group := range groups {
		label := group
		if pool, found := strings.CutPrefix(group, "worker-"); found {
			label = "Workers of pool " + pool
		} else if group == "worker" {
			label = "Workers"
		}
		branches = append(branches, d.machineBranch(label, "", workers[group]))
	}
	if len(groups) == 0 {
		branches = append(branches, d.machineBranch("Workers", "", nil))
	}
	return branches
}

func (d description) machineBranch(label, suffix string, machines []v1.Machine) console.Branch {
	branch, unwell := console.Branch{}, 0
	for _, m := range machines {
		bad := faults(m)
		if len(bad) > 0 {
			unwell++
		} else if !d.all {
			continue
		}
		text := slug(m) + place(m)
		if len(bad) == 0 {
			bad = []string{m.State}
		}
		branch.Below = append(branch.Below, console.Branch{Text: text + ": " + strings.Join(bad, "; "), Bad: len(faults(m)) > 0})
	}
	switch {
	case len(machines) == 0:
		branch.Text = label + ": none"
		branch.Bad = d.cluster.LastActionState != string(pks.ActionInProgress)
	case unwell == 0:
		branch.Text = fmt.Sprintf("%s: %d running%s", label, len(machines), suffix)
	default:
		branch.Bad = true
		branch.Text = fmt.Sprintf("%s: %d of %d not well%s", label, unwell, len(machines), suffix)
	}
	return branch
}

// place is where a machine is found.
func place(m v1.Machine) string {
	var known []string
	for _, text := range append([]string{m.AZ}, m.IPs...) {
		if text != "" {
			known = append(known, text)
		}
	}
	if len(known) == 0 {
		return ""
	}
	return " (" + strings.Join(known, ", ") + ")"
}

// quotaBranch tells how much of the owner's quota is used. It is marked when
// nothing of a resource is left.
func quotaBranch(quota v1.Quota, used v1.UsageTotals) console.Branch {
	var parts []string
	spent := false
	add := func(what string, used, limit float64, shown string) {
		spent = spent || used >= limit
		parts = append(parts, shown+" "+what)
	}
	if limit := quota.Limit.Cluster; limit != nil {
		add("clusters", float64(used.Cluster), float64(*limit), fmt.Sprintf("%d of %d", used.Cluster, *limit))
	}
	if limit := quota.Limit.CPU; limit != nil {
		add("CPU", float64(used.CPU), float64(*limit), fmt.Sprintf("%d of %d", used.CPU, *limit))
	}
	if limit := quota.Limit.Memory; limit != nil {
		add("GB of memory", float64(used.Memory), float64(*limit), gigabytes(&used.Memory)+" of "+gigabytes(limit))
	}
	text := "Quota of " + quota.Owner + ": "
	if len(parts) == 0 {
		return console.Branch{Text: text + "no limits"}
	}
	return console.Branch{Text: text + strings.Join(parts, ", "), Bad: spent}
}
