package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	yaml "gopkg.in/yaml.v3"
)

// Tree writes a JSON document for people: members on lines of their own, indented
// below what they belong to, in the order they came.
func (c *Console) Tree(document json.RawMessage) {
	var node yaml.Node // JSON is YAML, and the order of members stays
	if err := yaml.Unmarshal(bytes.TrimSpace(document), &node); err != nil || len(node.Content) == 0 {
		c.Printf("  %s\n", Clean(string(document)))
		return
	}
	var out strings.Builder
	branch(&out, node.Content[0], "  ")
	c.result(out.String())
}

func branch(out *strings.Builder, node *yaml.Node, indent string) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			label, value := title(node.Content[i].Value), node.Content[i+1]
			if text, ok := leaf(value); ok {
				_, _ = fmt.Fprintf(out, "%s%s\n", indent, strings.TrimRight(label+": "+text, " "))
				continue
			}
			_, _ = fmt.Fprintf(out, "%s%s:\n", indent, label)
			branch(out, value, indent+"  ")
		}
	case yaml.SequenceNode:
		for _, item := range node.Content {
			if text, ok := leaf(item); ok {
				_, _ = fmt.Fprintf(out, "%s- %s\n", indent, text)
				continue
			}
			var inner strings.Builder
			branch(&inner, item, indent+"  ")
			_, _ = fmt.Fprintf(out, "%s- %s", indent, strings.TrimPrefix(inner.String(), indent+"  "))
		}
	default:
		text, _ := leaf(node)
		_, _ = fmt.Fprintf(out, "%s%s\n", indent, text)
	}
}

// leaf is a value that fits on the line of its label.
func leaf(node *yaml.Node) (string, bool) {
	switch {
	case node.Kind == yaml.ScalarNode:
		return Clean(node.Value), true
	case len(node.Content) == 0:
		return "none", true
	case node.Kind == yaml.SequenceNode:
		texts := make([]string, 0, len(node.Content))
		for _, item := range node.Content {
			if item.Kind != yaml.ScalarNode {
				return "", false
			}
			texts = append(texts, Clean(item.Value))
		}
		return strings.Join(texts, ", "), true
	}
	return "", false
}

// title makes a label of a member's name: node_pools reads Node Pools. Names that
// are no words of this kind, flags say, stay.
func title(name string) string {
	if strings.ContainsAny(name, "-.") {
		return Clean(name)
	}
	words := strings.Split(name, "_")
	for i, word := range words {
		if runes := []rune(word); len(runes) > 0 {
			runes[0] = unicode.ToUpper(runes[0])
			words[i] = string(runes)
		}
	}
	return Clean(strings.Join(words, " "))
}
