package broker

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"gopkg.in/yaml.v3"
)

// maxPaths is how many differing paths are worth a log line.
const maxPaths = 20

// changedPaths names where two manifests differ, leaving aside how an update is
// carried out: the update blocks of the manifest and of its instance groups.
func changedPaths(a, b string) ([]string, error) {
	left, err := withoutUpdate(a)
	if err != nil {
		return nil, err
	}
	right, err := withoutUpdate(b)
	if err != nil {
		return nil, err
	}
	var paths []string
	differ("", left, right, &paths)
	return paths, nil
}

func withoutUpdate(text string) (map[string]any, error) {
	var m map[string]any
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		return nil, err
	}
	delete(m, "update")
	groups, _ := m["instance_groups"].([]any)
	for _, g := range groups {
		if group, ok := g.(map[string]any); ok {
			delete(group, "update")
		}
	}
	return m, nil
}

func differ(path string, a, b any, paths *[]string) {
	if len(*paths) >= maxPaths || reflect.DeepEqual(a, b) {
		return
	}
	switch left := a.(type) {
	case map[string]any:
		if right, ok := b.(map[string]any); ok {
			keys := maps.Clone(left)
			maps.Copy(keys, right)
			for _, key := range slices.Sorted(maps.Keys(keys)) {
				l, inLeft := left[key]
				r, inRight := right[key]
				if inLeft != inRight {
					*paths = append(*paths, path+"/"+key)
					continue
				}
				differ(path+"/"+key, l, r, paths)
			}
			return
		}
	case []any:
		if right, ok := b.([]any); ok && len(left) == len(right) {
			for i := range left {
				differ(fmt.Sprintf("%s/%s", path, nameOf(left[i], i)), left[i], right[i], paths)
			}
			return
		}
	}
	*paths = append(*paths, path)
}

// nameOf is how manifests speak of a list's member: by its name.
func nameOf(v any, i int) string {
	if m, ok := v.(map[string]any); ok {
		if name, ok := m["name"].(string); ok {
			return name
		}
	}
	return fmt.Sprint(i)
}
