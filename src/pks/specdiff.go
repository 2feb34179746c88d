package pks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// SpecChange is one member that differs between two specs. A value is nil where
// the member is absent; what may be secret reads as [redacted].
type SpecChange struct {
	Path   string // "kubelet_drain.timeout_minutes"
	Before any
	After  any
}

// SpecChanges lists what differs, by path. Lists are compared whole. before is
// nil for a cluster that is new. Profiles are told by their names.
func SpecChanges(before *ClusterSpec, after ClusterSpec) ([]SpecChange, error) {
	old := map[string]any{}
	if before != nil {
		var err error
		if old, err = members(*before); err != nil {
			return nil, err
		}
	}
	made, err := members(after)
	if err != nil {
		return nil, err
	}
	changes := []SpecChange{}
	collectChanges("", old, made, &changes)
	for i := range changes {
		changes[i].Before = hideSecret(changes[i].Path, changes[i].Before)
		changes[i].After = hideSecret(changes[i].Path, changes[i].After)
	}
	return changes, nil
}

// members is the spec as its JSON form has it, with profiles by name.
func members(s ClusterSpec) (map[string]any, error) {
	document, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode spec: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber() // no number loses digits
	var found map[string]any
	if err := decoder.Decode(&found); err != nil {
		return nil, fmt.Errorf("decode spec: %w", err)
	}
	return found, nil
}

func collectChanges(path string, before, after map[string]any, changes *[]SpecChange) {
	names := map[string]bool{}
	for name := range before {
		names[name] = true
	}
	for name := range after {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		at := name
		if path != "" {
			at = path + "." + name
		}
		was, is := before[name], after[name]
		if reflect.DeepEqual(was, is) {
			continue
		}
		oldObject, wasObject := was.(map[string]any)
		newObject, isObject := is.(map[string]any)
		switch {
		case isOpaque(at):
			*changes = append(*changes, SpecChange{Path: at, Before: was, After: is})
		case wasObject && (isObject || is == nil), isObject && was == nil:
			collectChanges(at, oldObject, newObject, changes)
		default:
			*changes = append(*changes, SpecChange{Path: at, Before: was, After: is})
		}
	}
}

// isOpaque are members whose content is the asker's own and may hold anything.
func isOpaque(path string) bool {
	switch path {
	case "vm_extension_properties", "network_profile.parameters", "compute_profile.parameters", "kubernetes_profile.parameters":
		return true
	default:
		return false
	}
}

func hideSecret(path string, value any) any {
	if value == nil {
		return nil
	}
	switch path {
	case "custom_ca.private_key", "proxy.http_proxy.password", "proxy.https_proxy.password":
		return redacted
	}
	if isOpaque(path) {
		return redacted
	}
	return value
}
