package jobs

import (
	"maps"
	"slices"
	"strings"
)

// arguments are a program's flags by name. A nil value is a flag without one.
type arguments map[string]*string

// arguments reads the property k8s-args by the rules of reference/cluster-manifest.md §5.1 and leaves out,
// with a warning, what this version of Kubernetes does not have.
func (t *template) arguments() arguments {
	const property = "k8s-args"
	given := t.structure(property)
	out := arguments{}
	for _, flag := range slices.Sorted(maps.Keys(given)) {
		text, ok := argument(given[flag])
		if !ok {
			t.fail("property %s.%s is nested deeper than a list or a mapping of single values", property, flag)
			continue
		}
		if text != nil {
			*text = t.here(*text)
		}
		if from, gone := goneFlag(t.job.Name, flag, t.minor); gone {
			t.warn("property %s.%s is left out: Kubernetes %s does not have this flag (gone since 1.%d)", property, flag, t.Kubernetes, from)
			continue
		}
		out[flag] = text
	}
	t.filter(out, property, "feature-gates", t.knownGates)
	return out
}

// argument writes one value as a flag's. The second result is false for what has no such form.
func argument(value any) (*string, bool) {
	var text string
	switch v := value.(type) {
	case nil:
		return nil, true
	case []any:
		words := make([]string, len(v))
		for i := range v {
			word, ok := scalar(v[i])
			if !ok {
				return nil, false
			}
			words[i] = word
		}
		text = strings.Join(words, ",")
	case map[string]any:
		var pairs []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			word, ok := scalar(v[key])
			if !ok {
				return nil, false
			}
			pairs = append(pairs, key+"="+word)
		}
		text = strings.Join(pairs, ",")
	default:
		var ok bool
		if text, ok = scalar(v); !ok {
			return nil, false
		}
	}
	return &text, true
}

// filter keeps of a flag's comma-separated words those that keep lets pass.
func (t *template) filter(a arguments, property, flag string, keep func(property string, words []string) []string) {
	value := a[flag]
	if value == nil || *value == "" {
		return
	}
	words := keep(property+"."+flag, strings.Split(*value, ","))
	if len(words) == 0 {
		delete(a, flag)
		return
	}
	a.set(flag, strings.Join(words, ","))
}

// set gives a flag a value.
func (a arguments) set(flag, value string) { a[flag] = &value }

// add gives a flag a value that the manifest has not given.
func (a arguments) add(flag, value string) {
	if _, given := a[flag]; !given {
		a.set(flag, value)
	}
}

// value returns a flag's value, or nothing.
func (a arguments) value(flag string) string {
	if v := a[flag]; v != nil {
		return *v
	}
	return ""
}

// own sets a flag that is the template's business (reference/cluster-manifest.md §5.1).
func (t *template) own(a arguments, flag, value string) {
	if given, ok := a[flag]; ok && (given == nil || *given != value) {
		t.warn("property k8s-args.%s has no effect: the job sets this flag itself", flag)
	}
	a.set(flag, value)
}

// list writes the flags in the order of their names.
func (a arguments) list() []string {
	var out []string
	for _, flag := range slices.Sorted(maps.Keys(a)) {
		text := "--" + flag
		if v := a[flag]; v != nil {
			text += "=" + *v
		}
		out = append(out, text)
	}
	return out
}
