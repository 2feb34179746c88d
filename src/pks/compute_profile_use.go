package pks

import (
	"maps"
	"slices"
	"strings"
)

// ComputeChange asks for another compute profile, other numbers of machines in
// its node pools, or both.
type ComputeChange struct {
	Profile   *Profile       // nil: the one that the cluster has
	Instances map[string]int // node pool → machines; nil: not named
	// Force lets availability zones differ (reference/pks-product.md §8).
	Force bool
	// Field is the path of the member for Instances, for errors.
	Field string
}

// ApplyCompute puts the change into the spec of a new cluster. Node pools decide
// how many workers there are, and WorkerInstances is then their sum.
func (s ClusterSpec) ApplyCompute(change ComputeChange, plan Plan) (ClusterSpec, error) {
	if change.Profile != nil {
		s.ComputeProfile = change.Profile.clone()
	}
	return s.withPools(change, plan)
}

// ReplaceCompute puts the change into the spec of a cluster that exists, and
// refuses what would lose its data or replace all of its nodes at once.
func (s ClusterSpec) ReplaceCompute(change ComputeChange, plan Plan) (ClusterSpec, error) {
	if change.Profile != nil {
		was, err := readDocument[computeDocument](s.ComputeProfile)
		if err != nil {
			return s, err
		}
		wanted, err := readDocument[computeDocument](change.Profile)
		if err != nil {
			return s, err
		}
		if err := checkReplacement(was, wanted, plan, change.Force); err != nil {
			return s, err
		}
		s.NodePoolInstances = keptOverrides(s.NodePoolInstances, was, wanted)
		s.ComputeProfile = change.Profile.clone()
	}
	return s.withPools(change, plan)
}

// keptOverrides are the numbers that users chose for node pools about which both
// profiles say the same: a profile that says something new is the later word.
func keptOverrides(chosen map[string]int, was, wanted computeDocument) map[string]int {
	kept := map[string]int{}
	for name, n := range chosen {
		before, had := was.pool(name)
		after, has := wanted.pool(name)
		if had && has && before.Instances == after.Instances {
			kept[name] = n
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}

func (s ClusterSpec) withPools(change ComputeChange, plan Plan) (ClusterSpec, error) {
	document, err := readDocument[computeDocument](s.ComputeProfile)
	if err != nil {
		return s, err
	}
	pools := document.Customization.NodePools
	if len(pools) == 0 {
		if len(change.Instances) > 0 {
			return s, Failf(CodeInvalidRequest, "%s is set, but the cluster has no node pools.", change.Field).
				WithRemedy("Use kubernetes_worker_instances, or a compute profile with node pools.")
		}
		s.NodePoolInstances = nil
		return s, nil
	}
	if len(change.Instances) > 0 {
		chosen := map[string]int{}
		maps.Copy(chosen, s.NodePoolInstances)
		maps.Copy(chosen, change.Instances)
		s.NodePoolInstances = chosen
	}
	for _, name := range slices.Sorted(maps.Keys(change.Instances)) {
		if _, ok := document.pool(name); !ok {
			return s, Failf(CodeInvalidRequest, "%s names %q, which is no node pool of compute profile %s.", change.Field, Shorten(name), s.ComputeProfile.Name).
				WithRemedy("The node pools are: %s.", strings.Join(poolNames(document), ", "))
		}
	}
	total := 0
	for _, p := range pools {
		n := s.poolInstances(p)
		if n < 1 || p.MaxWorkerInstances > 0 && n > p.MaxWorkerInstances {
			most := p.MaxWorkerInstances
			if most == 0 {
				most = plan.MaxWorkerInstances
			}
			return s, Failf(CodeInvalidRequest, "%s.%s is %d; the node pool can have 1 to %d.", change.Field, p.Name, n, most)
		}
		total += n
	}
	if total > plan.MaxWorkerInstances {
		return s, Failf(CodeInvalidRequest, "The node pools of compute profile %s have %d workers together; plan %s allows at most %d.",
			s.ComputeProfile.Name, total, plan.Name, plan.MaxWorkerInstances).
			WithRemedy("Choose fewer by %s, or a plan that allows more: 'pks plans'.", change.Field)
	}
	s.WorkerInstances = total
	return s, nil
}

func (s ClusterSpec) poolInstances(p nodePool) int {
	if n, ok := s.NodePoolInstances[p.Name]; ok {
		return n
	}
	return p.Instances
}

// HasNodePools tells whether a compute profile says how many workers there are.
func (s ClusterSpec) HasNodePools() bool {
	document, err := readDocument[computeDocument](s.ComputeProfile)
	return err == nil && len(document.Customization.NodePools) > 0
}

func poolNames(d computeDocument) []string {
	names := make([]string, 0, len(d.Customization.NodePools))
	for _, p := range d.Customization.NodePools {
		names = append(names, p.Name)
	}
	return names
}

// leastMovable is how many masters there must be for one of them to move to
// another availability zone: etcd keeps its majority meanwhile.
const leastMovable = 3

func checkReplacement(was, wanted computeDocument, plan Plan, force bool) error {
	const field = "compute_profile_name"
	before, after := masterCount(was, plan), masterCount(wanted, plan)
	if before != after {
		return Failf(CodeInvalidRequest, "%s: the number of masters cannot change from %d to %d on a cluster that exists.", field, before, after).
			WithRemedy("Choose a profile with %d masters.", before)
	}
	oldZones, newZones := was.Customization.ControlPlane.AZNames, wanted.Customization.ControlPlane.AZNames
	if !sameSet(oldZones, newZones) {
		moved := len(missingFrom(newZones, oldZones))
		switch {
		case !force:
			return zonesDiffer(field, "the masters")
		case before < leastMovable || moved > 1:
			return Failf(CodeInvalidRequest, "%s: at most one availability zone of the masters can be replaced at a time, and of 3 or more masters only, or etcd loses its data.", field).
				WithRemedy("Go by way of profiles that each replace one zone.")
		}
	}
	var added, removed []string
	for _, p := range wanted.Customization.NodePools {
		old, had := was.pool(p.Name)
		switch {
		case !had:
			added = append(added, p.Name)
		case !force && !sameSet(old.AZNames, p.AZNames):
			return zonesDiffer(field, "node pool "+p.Name)
		}
	}
	for _, p := range was.Customization.NodePools {
		if _, stays := wanted.pool(p.Name); !stays {
			removed = append(removed, p.Name)
		}
	}
	if len(added) > 0 && len(removed) > 0 {
		return Failf(CodeInvalidRequest, "%s: the profile adds the node pools %s and removes %s at once, which looks like renaming them.",
			field, strings.Join(added, ", "), strings.Join(removed, ", ")).
			WithRemedy("Add node pools with one update and remove others with the next.")
	}
	return nil
}

func zonesDiffer(field, whose string) *Failure {
	return Failf(CodeInvalidRequest, "%s: the availability zones of %s cannot change on a cluster that exists.", field, whose).
		WithRemedy("Choose a profile with the same zones, or send enforce_compute_profile_update.")
}

func masterCount(d computeDocument, plan Plan) int {
	if n := d.Customization.ControlPlane.Instances; n > 0 {
		return n
	}
	return plan.MasterInstances
}

func sameSet(a, b []string) bool {
	return len(missingFrom(a, b)) == 0 && len(missingFrom(b, a)) == 0
}

// missingFrom are the words of all that are not among some.
func missingFrom(some, all []string) []string {
	var missing []string
	for _, word := range all {
		if !slices.Contains(some, word) {
			missing = append(missing, word)
		}
	}
	return missing
}
