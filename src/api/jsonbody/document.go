package jsonbody

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/pks-community/pks-release/src/pks"
)

// Value is the member as it is: nil, bool, string, json.Number, []any or
// map[string]any. Its texts are not looked at.
func (o *Object) Value(name string) any { return o.members[name] }

// Document reads a nested object that clients also send as a string that holds it
// (reference/pks-api.md §8).
func (o *Object) Document(name string) map[string]any {
	value := o.members[name]
	if text, ok := value.(string); ok {
		path := o.Path(name)
		p := parser{tokens: json.NewDecoder(strings.NewReader(text))}
		p.tokens.UseNumber()
		parsed, err := p.value(path, 0)
		if err == nil {
			if _, rest := p.tokens.Token(); !errors.Is(rest, io.EOF) {
				err = rest
				parsed = nil
			}
		}
		if err != nil || parsed == nil {
			o.faults.add("%s is a string that does not hold a JSON object.", path)
			return nil
		}
		value = parsed
	}
	if value == nil {
		return nil
	}
	members, ok := value.(map[string]any)
	if !ok {
		o.wrongKind(o.Path(name), value, "an object")
		return nil
	}
	return members
}

// Number reads a number, written as one or as a string.
func (o *Object) Number(name string) *float64 {
	const want = "a number"
	path := o.Path(name)
	var digits string
	switch value := o.members[name].(type) {
	case nil:
		return nil
	case json.Number:
		digits = value.String()
	case string:
		digits = value
	default:
		o.wrongKind(path, value, want)
		return nil
	}
	f, err := strconv.ParseFloat(digits, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), math.IsInf(f, 0):
		o.faults.add("%s is %s, which is too large.", path, pks.Shorten(digits))
	case err != nil, strings.Trim(digits, "0123456789+-.eE") != "":
		o.faults.add("%s is %q; it must be %s.", path, pks.Shorten(digits), want)
	default:
		return &f
	}
	return nil
}

// Counts reads an object whose members are all whole numbers, leaving nulls out.
// An empty one is not nil: it was given.
func (o *Object) Counts(name string) map[string]int {
	object := o.Object(name)
	if object == nil {
		return nil
	}
	counts := make(map[string]int, len(object.members))
	for _, member := range slices.Sorted(maps.Keys(object.members)) {
		if !object.intact(object.Path(pks.Shorten(member)), member) {
			continue
		}
		if n := object.Whole(member); n != nil {
			counts[member] = *n
		}
	}
	return counts
}
