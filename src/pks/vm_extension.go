package pks

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const maxVMExtension = 16 << 10 // bytes of JSON

// GroupExtension is what a request says of the machines of one instance group:
// cloud properties of the cluster's own, none to take them away
// (reference/pks-cli.md §16.4).
type GroupExtension struct {
	Group      string
	Properties map[string]any // numbers as json.Number
	Path       string         // of the entry in the request, for errors
}

// ExtendGroups puts the extensions in the place of those that the groups had. Those
// of other groups stay, but for groups that the cluster has no longer.
func (s ClusterSpec) ExtendGroups(extensions []GroupExtension, plan Plan) (ClusterSpec, error) {
	if len(extensions) == 0 && len(s.VMExtensionProperties) == 0 {
		return s, nil
	}
	machines, err := s.Machines(plan)
	if err != nil {
		return s, err
	}
	groups := map[string]bool{}
	for _, group := range machines.Groups {
		groups[group.Name] = true
	}
	properties := maps.Clone(s.VMExtensionProperties)
	if properties == nil {
		properties = map[string]json.RawMessage{}
	}
	maps.DeleteFunc(properties, func(group string, _ json.RawMessage) bool { return !groups[group] })
	named := map[string]bool{}
	for _, e := range extensions {
		if err := e.validate(groups, named); err != nil {
			return s, err
		}
		named[e.Group] = true
		delete(properties, e.Group)
		if len(e.Properties) == 0 {
			continue
		}
		document, err := json.Marshal(e.Properties)
		if err != nil {
			return s, fmt.Errorf("write %s: %w", e.Path, err)
		}
		if len(document) > maxVMExtension {
			return s, Failf(CodeInvalidRequest, "%s.vm_extension has %d bytes; at most %d are allowed.", e.Path, len(document), maxVMExtension)
		}
		properties[e.Group] = document
	}
	if len(properties) == 0 {
		properties = nil
	}
	s.VMExtensionProperties = properties
	return s, nil
}

func (e GroupExtension) validate(groups, named map[string]bool) error {
	field := e.Path + ".name"
	switch {
	case e.Group == "":
		return Failf(CodeInvalidRequest, "%s is missing.", field).WithRemedy("Name an instance group: %s.", wordsOf(groups))
	case strings.HasPrefix(e.Group, "windows-"):
		return Failf(CodeInvalidRequest, "%s is %q, but this PKS makes no Windows workers.", field, Shorten(e.Group)).WithRemedy("Leave the entry out.")
	case !groups[e.Group]:
		return Failf(CodeInvalidRequest, "%s is %q, which is no instance group of the cluster.", field, Shorten(e.Group)).WithRemedy("The groups are %s.", wordsOf(groups))
	case named[e.Group]:
		return Failf(CodeInvalidRequest, "%s is %q, which another entry is about.", field, e.Group).WithRemedy("Give one entry for each group.")
	}
	return checkAnything(e.Path+".vm_extension", e.Properties)
}

func wordsOf(set map[string]bool) string { return strings.Join(slices.Sorted(maps.Keys(set)), ", ") }
