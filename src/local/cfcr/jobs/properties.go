package jobs

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// lookup finds a property by its dotted name; names of CFCR properties hold no dots themselves.
func lookup(tree map[string]any, name string) (any, bool) {
	var at any = tree
	for key := range strings.SplitSeq(name, ".") {
		m, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = m[key]; !ok {
			return nil, false
		}
	}
	return at, at != nil
}

// scalar writes a scalar as a template would.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case json.Number:
		return v.String(), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return fmt.Sprint(v), true
	default:
		return "", false
	}
}

// value returns a property, or nothing when the manifest does not have it.
func (t *template) value(name string) (any, bool) { return lookup(t.job.Properties, name) }

// text returns a required scalar.
func (t *template) text(name string) string {
	v, ok := t.value(name)
	if !ok {
		t.fail("property %s is missing", name)
		return ""
	}
	s, ok := scalar(v)
	if !ok || s == "" {
		t.fail("property %s is not a single value", name)
	}
	return s
}

// optional returns a scalar, or otherwise when the manifest does not have it.
func (t *template) optional(name, otherwise string) string {
	v, ok := t.value(name)
	if !ok {
		return otherwise
	}
	s, ok := scalar(v)
	if !ok {
		t.fail("property %s is not a single value", name)
	}
	return s
}

// flag returns a boolean.
func (t *template) flag(name string, otherwise bool) bool {
	s := t.optional(name, strconv.FormatBool(otherwise))
	b, err := strconv.ParseBool(s)
	if err != nil {
		t.fail("property %s is neither true nor false", name)
	}
	return b
}

// number returns a whole number.
func (t *template) number(name string, otherwise int) int {
	n, err := strconv.Atoi(t.optional(name, strconv.Itoa(otherwise)))
	if err != nil {
		t.fail("property %s is not a whole number", name)
	}
	return n
}

// words returns a list of scalars.
func (t *template) words(name string) []string {
	v, ok := t.value(name)
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		t.fail("property %s is not a list", name)
		return nil
	}
	out := make([]string, 0, len(list))
	for i, element := range list {
		s, ok := scalar(element)
		if !ok {
			t.fail("property %s: element %d is not a single value", name, i)
		}
		out = append(out, s)
	}
	return out
}

// structure returns a mapping, nil when the manifest does not have it.
func (t *template) structure(name string) map[string]any {
	v, ok := t.value(name)
	if !ok {
		return nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		t.fail("property %s is not a mapping", name)
	}
	return m
}

// entries returns a list of mappings.
func (t *template) entries(name string) []map[string]any {
	v, ok := t.value(name)
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		t.fail("property %s is not a list", name)
		return nil
	}
	out := make([]map[string]any, 0, len(list))
	for i, element := range list {
		m, ok := element.(map[string]any)
		if !ok {
			t.fail("property %s: element %d is not a mapping", name, i)
			continue
		}
		out = append(out, m)
	}
	return out
}

// proxies is the environment of a process behind a proxy, in both spellings.
func (t *template) proxies(prefix string) map[string]string {
	env := map[string]string{}
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if v := t.optional(prefix+name, ""); v != "" {
			env[name], env[strings.ToUpper(name)] = v, v
		}
	}
	return env
}
