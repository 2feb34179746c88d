// Package jsonbody reads request bodies the way existing clients need it: kind
// to what they are known to send (unknown members, nulls, numbers written as
// strings), strict about everything else, and exact about where a fault is
// (reference/pks-api.md §17).
package jsonbody

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/pks-community/pks-release/src/pks"
)

// maxDepth is how deep arrays and objects may nest. No known request needs more
// than four levels; the rest is room.
const maxDepth = 64

// byteOrderMark begins the bodies of some .NET clients.
var byteOrderMark = []byte("\xef\xbb\xbf")

// Parse reads one JSON object. A body that is not exactly that gives a
// pks.CodeMalformedBody failure; a member that is given twice is refused too,
// since two readers of the same body could understand it differently.
func Parse(body []byte) (*Object, error) {
	body = bytes.TrimPrefix(body, byteOrderMark)
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, malformed("The request has no body.")
	}
	if !utf8.Valid(body) {
		return nil, malformed("The request body is not UTF-8.")
	}
	p := parser{tokens: json.NewDecoder(bytes.NewReader(body))}
	p.tokens.UseNumber()
	value, err := p.value("", 0)
	if err != nil {
		return nil, err
	}
	if _, err := p.tokens.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed("The request body goes on after its JSON object.")
	}
	members, ok := value.(map[string]any)
	if !ok {
		return nil, malformed("The request body is %s; it must be a JSON object.", kind(value))
	}
	return &Object{members: members, faults: &faults{}}, nil
}

type parser struct {
	tokens *json.Decoder
}

// value reads the next value whole: nil, bool, string, json.Number, []any or
// map[string]any. path says where it stands, for errors.
func (p *parser) value(path string, depth int) (any, error) {
	token, err := p.next()
	if err != nil {
		return nil, err
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return token, nil
	}
	if depth == maxDepth {
		return nil, malformed("The request body nests deeper than %d levels.", maxDepth)
	}
	if delim == '[' {
		return p.array(path, depth)
	}
	return p.object(path, depth)
}

func (p *parser) array(path string, depth int) (any, error) {
	values := []any{}
	for p.tokens.More() {
		v, err := p.value(fmt.Sprintf("%s[%d]", path, len(values)), depth+1)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	_, err := p.next()
	return values, err
}

func (p *parser) object(path string, depth int) (any, error) {
	members := map[string]any{}
	for p.tokens.More() {
		token, err := p.next()
		if err != nil {
			return nil, err
		}
		name, ok := token.(string)
		if !ok {
			return nil, malformed("The request body has a member without a name.")
		}
		at := join(path, name)
		if _, twice := members[name]; twice {
			return nil, malformed("The request body has the member %s twice.", pks.Shorten(at))
		}
		if members[name], err = p.value(at, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := p.next()
	return members, err
}

func (p *parser) next() (json.Token, error) {
	token, err := p.tokens.Token()
	if err == nil {
		return token, nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, malformed("The request body ends in the middle of its JSON.")
	}
	return nil, malformed("The request body is not JSON: %s (at byte %d).",
		strings.TrimPrefix(err.Error(), "json: "), p.tokens.InputOffset()).WithCause(err)
}

func malformed(format string, args ...any) *pks.Failure {
	return pks.Failf(pks.CodeMalformedBody, format, args...)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
