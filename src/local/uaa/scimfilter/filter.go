// Package scimfilter reads and applies the filters of UAA's lists
// (reference/uaa.md §10.4): eq, co, sw, pr, gt, ge, lt, le, and, or, and
// parentheses.
package scimfilter

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Limits that keep a hostile filter cheap.
const (
	maxLength = 4096
	maxDepth  = 32
)

// ErrInvalid is what every error of Parse is.
var ErrInvalid = errors.New("invalid filter expression")

// Filter is a parsed expression. The zero Filter accepts everything.
type Filter struct{ root node }

// Row gives the values of a named attribute; none when it has no value. Values
// are texts; times in a form that sorts as time does, booleans as true or false.
type Row func(attribute string) []string

// Parse reads an expression over the attributes known, which are in lower case.
// The empty text accepts everything.
func Parse(text string, known func(attribute string) bool) (Filter, error) {
	if strings.TrimSpace(text) == "" {
		return Filter{}, nil
	}
	if len(text) > maxLength {
		return Filter{}, fmt.Errorf("%w: it is too long", ErrInvalid)
	}
	words, err := split(text)
	if err != nil {
		return Filter{}, err
	}
	p := parser{words: words, known: known}
	root, err := p.either(0)
	if err != nil {
		return Filter{}, err
	}
	if !p.done() {
		return Filter{}, fmt.Errorf("%w: %q is unexpected", ErrInvalid, p.peek().text)
	}
	return Filter{root}, nil
}

// Accepts applies the filter.
func (f Filter) Accepts(row Row) bool { return f.root == nil || f.root.accepts(row) }

type node interface{ accepts(Row) bool }

type both struct{ left, right node }

func (n both) accepts(r Row) bool { return n.left.accepts(r) && n.right.accepts(r) }

type either struct{ left, right node }

func (n either) accepts(r Row) bool { return n.left.accepts(r) || n.right.accepts(r) }

type comparison struct{ attribute, operator, value string }

// accepts compares without case, as UAA's database queries do.
func (n comparison) accepts(r Row) bool {
	values := r(n.attribute)
	if n.operator == "pr" {
		return len(values) > 0
	}
	wanted := strings.ToLower(n.value)
	for _, value := range values {
		if holds(strings.ToLower(value), n.operator, wanted) {
			return true
		}
	}
	return false
}

func holds(value, operator, wanted string) bool {
	switch operator {
	case "eq":
		return value == wanted
	case "co":
		return strings.Contains(value, wanted)
	case "sw":
		return strings.HasPrefix(value, wanted)
	case "gt":
		return compare(value, wanted) > 0
	case "ge":
		return compare(value, wanted) >= 0
	case "lt":
		return compare(value, wanted) < 0
	case "le":
		return compare(value, wanted) <= 0
	}
	return false
}

// compare orders numbers as numbers and all else as texts.
func compare(a, b string) int {
	x, errX := strconv.ParseInt(a, 10, 64)
	y, errY := strconv.ParseInt(b, 10, 64)
	switch {
	case errX != nil || errY != nil:
		return strings.Compare(a, b)
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}
