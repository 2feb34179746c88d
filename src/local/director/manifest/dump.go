package manifest

import (
	"bytes"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// Dump writes a runtime-config the way the Director keeps it: block style, and the versions of
// releases as texts in single quotes where they would read as numbers.
func Dump(document *yaml.Node) (string, error) {
	plainStyle(document)
	if len(document.Content) > 0 {
		textVersions(document.Content[0])
	}
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(document); err != nil {
		return "", fmt.Errorf("write config: %w", err)
	}
	return "---\n" + unindentLists(b.String()), nil
}

func plainStyle(node *yaml.Node) {
	switch node.Kind {
	case yaml.MappingNode, yaml.SequenceNode:
		if len(node.Content) > 0 {
			node.Style &^= yaml.FlowStyle
		}
	case yaml.ScalarNode:
		if node.Style == yaml.DoubleQuotedStyle {
			node.Style = 0
		}
	}
	node.HeadComment, node.LineComment, node.FootComment = "", "", ""
	for _, child := range node.Content {
		plainStyle(child)
	}
}

func textVersions(root *yaml.Node) {
	releases := child(root, "releases")
	if releases == nil {
		return
	}
	for _, release := range releases.Content {
		if version := child(release, "version"); version != nil && version.Kind == yaml.ScalarNode && version.Tag != "!!str" {
			version.Tag, version.Style = "!!str", yaml.SingleQuotedStyle
		}
	}
}

func child(node *yaml.Node, key string) *yaml.Node {
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

// unindentLists moves lists in maps to the column of their key, where Ruby writes them.
func unindentLists(text string) string {
	lines := strings.Split(text, "\n")
	var out []string
	var shifts []int // columns of keys whose list was indented
	for n, line := range lines {
		column := len(line) - len(strings.TrimLeft(line, " "))
		if strings.TrimSpace(line) != "" {
			for len(shifts) > 0 && column <= shifts[len(shifts)-1] {
				shifts = shifts[:len(shifts)-1]
			}
		}
		shifted := line
		if remove := 2 * len(shifts); remove <= column {
			shifted = line[remove:]
		}
		out = append(out, shifted)
		if strings.HasSuffix(line, ":") && n+1 < len(lines) {
			next := lines[n+1]
			nextColumn := len(next) - len(strings.TrimLeft(next, " "))
			keyColumn := column
			for strings.HasPrefix(line[keyColumn:], "- ") {
				keyColumn += 2
			}
			if strings.HasPrefix(strings.TrimLeft(next, " "), "- ") && nextColumn == keyColumn+2 {
				shifts = append(shifts, keyColumn)
			}
		}
	}
	return strings.Join(out, "\n")
}

// Scalar writes a value on one line as Ruby's YAML would.
func Scalar(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case *Map:
		if len(value.Keys) == 0 {
			return "{}"
		}
	case []any:
		if len(value) == 0 {
			return "[]"
		}
	case string:
		if value == "<redacted>" {
			return `"<redacted>"`
		}
		node := yaml.Node{}
		node.SetString(value)
		if looksOther(value) {
			node.Style = yaml.SingleQuotedStyle
		}
		text, err := yaml.Marshal(&node)
		if err == nil {
			return strings.TrimSuffix(string(text), "\n")
		}
	}
	return fmt.Sprint(value)
}

// looksOther tells whether a text would read as something else without quotes.
func looksOther(text string) bool {
	var value any
	if yaml.Unmarshal([]byte(text), &value) != nil {
		return true
	}
	_, isText := value.(string)
	return !isText
}

// Join puts documents into one: lists are concatenated, other members of later ones win.
func Join(documents []*Map) *Map {
	joined := &Map{Values: map[string]any{}}
	for _, document := range documents {
		for _, key := range document.Keys {
			existing, isList := joined.Get(key).([]any)
			items, areItems := document.Values[key].([]any)
			if isList && areItems {
				joined.set(key, append(append([]any{}, existing...), items...))
				continue
			}
			joined.set(key, document.Values[key])
		}
	}
	return joined
}
