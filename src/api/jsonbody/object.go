package jsonbody

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/pks-community/pks-release/src/pks"
)

// Object is one JSON object of a request. Its readers return nil for a member
// that is absent or null; a member of the wrong kind is noted as a fault and
// reads as absent. Ask Err once everything was read.
//
// Objects of one body share their faults. An Object is for one goroutine.
type Object struct {
	path    string
	members map[string]any
	faults  *faults
}

// Has tells whether the member is there and not null.
func (o *Object) Has(name string) bool { return o.members[name] != nil }

// Path is where the member stands in the body, for errors: "parameters.name".
func (o *Object) Path(name string) string { return join(o.path, name) }

// Text reads a string.
func (o *Object) Text(name string) *string {
	value := o.members[name]
	if value == nil {
		return nil
	}
	text, ok := value.(string)
	if !ok {
		o.wrongKind(o.Path(name), value, "a string")
		return nil
	}
	if !o.intact(o.Path(name), text) {
		return nil
	}
	return &text
}

// Whole reads a whole number of at most 32 bits, written as a number or as a
// string of digits. 3.0 is whole: some serialisers write every number so.
func (o *Object) Whole(name string) *int {
	const want = "a whole number"
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
	if n, err := strconv.ParseInt(digits, 10, 32); err == nil {
		return ptr(int(n))
	}
	f, err := strconv.ParseFloat(digits, 64)
	switch {
	case strings.Trim(digits, "0123456789+-.eE") != "", err != nil && !errors.Is(err, strconv.ErrRange):
		o.faults.add("%s is %q; it must be %s.", path, pks.Shorten(digits), want)
	case math.Abs(f) > math.MaxInt32:
		o.faults.add("%s is %s, which is too large.", path, pks.Shorten(digits))
	case f != math.Trunc(f):
		o.faults.add("%s is %s; it must be %s.", path, pks.Shorten(digits), want)
	default:
		return ptr(int(f))
	}
	return nil
}

// Flag reads true or false, or the same as a string in any case.
func (o *Object) Flag(name string) *bool {
	switch value := o.members[name].(type) {
	case nil:
		return nil
	case bool:
		return &value
	case string:
		switch strings.ToLower(value) {
		case "true":
			return ptr(true)
		case "false":
			return ptr(false)
		}
		o.faults.add("%s is %q; it must be true or false.", o.Path(name), pks.Shorten(value))
	default:
		o.wrongKind(o.Path(name), value, "true or false")
	}
	return nil
}

// Object reads a nested object.
func (o *Object) Object(name string) *Object {
	value := o.members[name]
	if value == nil {
		return nil
	}
	members, ok := value.(map[string]any)
	if !ok {
		o.wrongKind(o.Path(name), value, "an object")
		return nil
	}
	return &Object{path: o.Path(name), members: members, faults: o.faults}
}

// Objects reads an array of objects, leaving nulls out. An empty array is not
// nil: it was given. An array of nulls alone is absent.
func (o *Object) Objects(name string) []*Object {
	values := o.array(name)
	if values == nil {
		return nil
	}
	objects := make([]*Object, 0, len(values))
	for i, value := range values {
		at := fmt.Sprintf("%s[%d]", o.Path(name), i)
		switch value := value.(type) {
		case nil:
		case map[string]any:
			objects = append(objects, &Object{path: at, members: value, faults: o.faults})
		default:
			o.wrongKind(at, value, "an object")
		}
	}
	return objects
}

// Texts reads an array of strings, leaving nulls out. An empty array is not nil:
// it was given. An array of nulls alone is absent: one client is known to send
// [null] when it has nothing to say.
func (o *Object) Texts(name string) []string {
	values := o.array(name)
	if values == nil {
		return nil
	}
	texts := make([]string, 0, len(values))
	for i, value := range values {
		at := fmt.Sprintf("%s[%d]", o.Path(name), i)
		switch value := value.(type) {
		case nil:
		case string:
			if o.intact(at, value) {
				texts = append(texts, value)
			}
		default:
			o.wrongKind(at, value, "a string")
		}
	}
	return texts
}

// Err is what was wrong with the members read so far, in one failure of
// pks.CodeInvalidRequest that names each path; nil when nothing was.
func (o *Object) Err() error {
	if len(o.faults.texts) == 0 {
		return nil
	}
	return pks.Failf(pks.CodeInvalidRequest, "%s", strings.Join(o.faults.texts, " "))
}

func (o *Object) array(name string) []any {
	value := o.members[name]
	if value == nil {
		return nil
	}
	values, ok := value.([]any)
	if !ok {
		o.wrongKind(o.Path(name), value, "an array")
		return nil
	}
	if len(values) > 0 && !slices.ContainsFunc(values, func(v any) bool { return v != nil }) {
		return nil
	}
	return values
}

// intact refuses text that was damaged before it came (the decoder puts the
// replacement character for half a surrogate pair), and NUL, which no database
// column nor environment variable can hold.
func (o *Object) intact(path, text string) bool {
	if strings.ContainsRune(text, '\uFFFD') {
		o.faults.add("%s holds a character that is not valid Unicode.", path)
		return false
	}
	if strings.ContainsRune(text, 0) {
		o.faults.add("%s holds a NUL character.", path)
		return false
	}
	return true
}

func (o *Object) wrongKind(path string, value any, want string) {
	o.faults.add("%s is %s; it must be %s.", path, kind(value), want)
}

// kind is the JSON kind of a parsed value, in words.
func kind(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case []any:
		return "an array"
	default:
		return "an object"
	}
}

func ptr[T any](v T) *T { return &v }
