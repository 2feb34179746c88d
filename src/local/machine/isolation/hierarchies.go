package isolation

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/procfs"
)

// hierarchy is one mounted tree of control groups.
type hierarchy struct {
	// Mount is where the host has it, Version 1 or 2, Options what mounts it (version 1: its
	// controllers or name).
	Mount   string
	Version int
	Options string
	// Own is the folder of this process's group.
	Own string
}

// readHierarchies finds the host's trees; root is where the host's root is.
func readHierarchies(root string) ([]hierarchy, error) {
	self, err := procfs.Self()
	if err != nil {
		return nil, fmt.Errorf("read /proc: %w", err)
	}
	mounts, err := self.MountInfo()
	if err != nil {
		return nil, fmt.Errorf("read the mounts: %w", err)
	}
	groups, err := self.Cgroups()
	if err != nil {
		return nil, fmt.Errorf("read the control groups: %w", err)
	}
	prefix := strings.TrimSuffix(root, "/")
	found := []hierarchy{}
	for _, m := range mounts {
		place, below := strings.CutPrefix(m.MountPoint, prefix)
		if !below || !strings.HasPrefix(place+"/", groupRoot+"/") {
			continue
		}
		h := hierarchy{Mount: place}
		switch m.FSType {
		case "cgroup":
			h.Version, h.Options = 1, controllerOptions(m.SuperOptions, groups)
		case "cgroup2":
			h.Version = 2
		default:
			continue
		}
		h.Own = filepath.Join(place, ownGroup(h, m.Root, groups))
		// What is mounted last covers what was there.
		found = slices.DeleteFunc(found, func(o hierarchy) bool { return o.Mount == h.Mount })
		found = append(found, h)
	}
	return found, nil
}

// controllerOptions are those options of a version 1 mount that say which one it is: the names that
// /proc/self/cgroup has for it, too.
func controllerOptions(super map[string]string, groups []procfs.Cgroup) string {
	if name := super["name"]; name != "" {
		return "none,name=" + name
	}
	options := []string{}
	for _, g := range groups {
		for _, controller := range g.Controllers {
			if _, mounted := super[controller]; mounted {
				options = append(options, controller)
			}
		}
	}
	slices.Sort(options)
	return strings.Join(options, ",")
}

// ownGroup is this process's group below the mount's root.
func ownGroup(h hierarchy, root string, groups []procfs.Cgroup) string {
	for _, g := range groups {
		names := slices.Sorted(slices.Values(g.Controllers))
		same := h.Version == 2 && g.HierarchyID == 0
		if h.Version == 1 && g.HierarchyID != 0 {
			same = strings.Join(names, ",") == strings.TrimPrefix(h.Options, "none,")
		}
		if !same {
			continue
		}
		if below, ok := strings.CutPrefix(g.Path, strings.TrimSuffix(root, "/")); ok {
			return below
		}
	}
	return "/"
}

// stackGroup is the folder in which a stack has its groups. In version 1 it lies in this process's
// own, whose limits then hold for it. In version 2 a group with processes cannot pass controllers on,
// so it lies at the top, as container runtimes have theirs.
func (h hierarchy) stackGroup(stack string) string {
	if h.Version == 1 {
		return filepath.Join(h.Own, "pks-"+stack)
	}
	return filepath.Join(h.Mount, "pks-"+stack)
}
