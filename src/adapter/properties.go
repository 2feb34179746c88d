package adapter

import (
	"reflect"
	"strings"
)

// properties makes the property map of a job from a struct with yaml tags. Only
// the first level becomes a map; what lies below stays typed and is written by
// the YAML encoder.
func properties(job any) map[string]any {
	v := reflect.Indirect(reflect.ValueOf(job))
	t := v.Type()
	out := make(map[string]any, t.NumField())
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		field := v.Field(i)
		if strings.Contains(options, "omitempty") && empty(field) {
			continue
		}
		out[name] = field.Interface()
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// empty is what the YAML encoder takes for it.
func empty(v reflect.Value) bool {
	if v.Kind() == reflect.Map || v.Kind() == reflect.Slice {
		return v.Len() == 0
	}
	return v.IsZero()
}

// arguments are the command line flags of a Kubernetes component: flag → value,
// where the value is nil, a text, a number, a boolean, a list or a mapping
// (reference/cluster-manifest.md §5.1).
type arguments map[string]any
