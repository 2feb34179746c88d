// Package manifest reads what people post to a Director: deployment manifests, cloud-configs and
// runtime-configs. It checks them the way BOSH does, with BOSH's error codes and texts
// (reference/director-api.md §19.2), and turns them into plain structures.
package manifest

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/local/director/fault"
)

// maxNodes bounds what aliases may expand to.
const maxNodes = 1 << 18

// Map is a YAML map that keeps its order: error texts print objects as they were written.
type Map struct {
	Keys   []string
	Values map[string]any
}

// Get returns the value of key, nil when there is none.
func (m *Map) Get(key string) any {
	if m == nil {
		return nil
	}
	return m.Values[key]
}

func (m *Map) set(key string, value any) {
	if _, known := m.Values[key]; !known {
		m.Keys = append(m.Keys, key)
	}
	m.Values[key] = value
}

// Parse reads a YAML document into *Map, []any, string, int, float64, bool and nil.
func Parse(text string) (any, error) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return nil, fmt.Errorf("parse YAML: %w", err)
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	budget := maxNodes
	return fromNode(document.Content[0], &budget)
}

func fromNode(node *yaml.Node, budget *int) (any, error) {
	if *budget--; *budget < 0 {
		return nil, errors.New("document is too large")
	}
	switch node.Kind {
	case yaml.AliasNode:
		return fromNode(node.Alias, budget)
	case yaml.SequenceNode:
		list := make([]any, len(node.Content))
		for i, item := range node.Content {
			value, err := fromNode(item, budget)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return list, nil
	case yaml.MappingNode:
		return fromMapping(node, budget)
	case yaml.ScalarNode:
		var value any
		if err := node.Decode(&value); err != nil {
			return nil, fmt.Errorf("line %d: %w", node.Line, err)
		}
		switch value.(type) {
		case string, int, float64, bool, nil:
			return value, nil
		default: // times, binary, huge numbers
			return node.Value, nil
		}
	default:
		return nil, nil
	}
}

func fromMapping(node *yaml.Node, budget *int) (any, error) {
	m := &Map{Values: map[string]any{}}
	var merged []*Map
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		value, err := fromNode(node.Content[i+1], budget)
		if err != nil {
			return nil, err
		}
		if key.Tag == "!!merge" {
			switch value := value.(type) {
			case *Map:
				merged = append(merged, value)
			case []any:
				for _, item := range value {
					if other, ok := item.(*Map); ok {
						merged = append(merged, other)
					}
				}
			}
			continue
		}
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		m.set(key.Value, value)
	}
	for _, other := range merged {
		for _, key := range other.Keys {
			if _, known := m.Values[key]; !known {
				m.set(key, other.Values[key])
			}
		}
	}
	return m, nil
}

// Plain turns a parsed value into maps, lists and scalars without order.
func Plain(value any) any {
	switch value := value.(type) {
	case *Map:
		return PlainMap(value)
	case []any:
		list := make([]any, len(value))
		for i, item := range value {
			list[i] = Plain(item)
		}
		return list
	default:
		return value
	}
}

// PlainMap is Plain for a map; nil gives an empty one.
func PlainMap(m *Map) map[string]any {
	plain := map[string]any{}
	if m != nil {
		for key, value := range m.Values {
			plain[key] = Plain(value)
		}
	}
	return plain
}

// Inspect prints a value the way Ruby does, because the Director's error texts do.
func Inspect(value any) string {
	switch value := value.(type) {
	case nil:
		return "nil"
	case string:
		return strconv.Quote(value)
	case bool:
		return strconv.FormatBool(value)
	case int:
		return strconv.Itoa(value)
	case float64:
		if value == math.Trunc(value) && math.Abs(value) < 1e16 {
			return strconv.FormatFloat(value, 'f', 1, 64)
		}
		return strconv.FormatFloat(value, 'g', -1, 64)
	case []any:
		items := make([]string, len(value))
		for i, item := range value {
			items[i] = Inspect(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case *Map:
		items := make([]string, len(value.Keys))
		for i, key := range value.Keys {
			items[i] = strconv.Quote(key) + "=>" + Inspect(value.Values[key])
		}
		return "{" + strings.Join(items, ", ") + "}"
	default:
		return fmt.Sprint(value)
	}
}

var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

// SyntaxText prints a YAML error the way Ruby's parser words it.
func SyntaxText(err error) string {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "parse YAML: "), "yaml: ")
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		text = fmt.Sprintf("%s at line %s column 1", m[2], m[1])
	}
	return "(<unknown>): " + text
}

// Document parses text as the YAML map that a manifest or config must be. Its errors are those of
// POST /deployments (reference/director-api.md §8.1).
func Document(text string) (*Map, error) {
	value, err := Parse(text)
	if err != nil {
		return nil, fault.New(fault.BadManifest, "Incorrect YAML structure of the uploaded manifest: #<Psych::SyntaxError: %s>", SyntaxText(err))
	}
	if value == nil {
		return nil, fault.New(fault.BadManifest, "Manifest should not be empty")
	}
	m, ok := value.(*Map)
	if !ok {
		return nil, fault.New(fault.BadManifest, "Manifest should be a hash")
	}
	return m, nil
}
