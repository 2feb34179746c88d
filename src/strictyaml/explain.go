package strictyaml

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

var (
	unknownKey = regexp.MustCompile(`^line (\d+): field (.+) not found in type `)
	wrongType  = regexp.MustCompile("^line (\\d+): cannot unmarshal (\\S+) (?:`(.*)` )?into (.+)$")
	wrongLevel = regexp.MustCompile(`^slog: level string (".*"): `)
	brokenLine = regexp.MustCompile(`^yaml: line (\d+): `)
)

// explain says what the decoder found, in the words of the file rather than of
// this program: keys, and what their values have to be.
func explain(content []byte, err error) error {
	var document yaml.Node
	if yaml.Unmarshal(content, &document) != nil {
		return explainSyntax(content, err)
	}
	if found := wrongLevel.FindStringSubmatch(err.Error()); found != nil {
		return fmt.Errorf("log.level is %s; it must be debug, info, warn or error", found[1])
	}
	texts := []string{err.Error()}
	if faults, ok := errors.AsType[*yaml.TypeError](err); ok {
		texts = faults.Errors
	}
	explained := make([]error, len(texts))
	for i, text := range texts {
		explained[i] = errors.New(explainValue(&document, text))
	}
	return errors.Join(explained...)
}

func explainValue(document *yaml.Node, text string) string {
	if found := unknownKey.FindStringSubmatch(text); found != nil {
		return fmt.Sprintf("line %s: the key %s is not known", found[1], found[2])
	}
	found := wrongType.FindStringSubmatch(text)
	if found == nil {
		return text
	}
	line, _ := strconv.Atoi(found[1])
	value := strings.TrimSuffix(found[3], "...") // the decoder cuts long ones
	key := keyAt(document, "", place{line, kindOf(found[2]), value})
	if value != "" && !strings.HasSuffix(found[4], "Secret") {
		key += " is " + strconv.Quote(value) + "; it"
	}
	return fmt.Sprintf("line %d: %s must be %s", line, cmp.Or(key, "the value"), wanted(found[4]))
}

// wanted is a Go type as people say it.
func wanted(goType string) string {
	switch {
	case goType == "time.Duration":
		return "a duration with its unit, for example 10s or 2m"
	case goType == "int":
		return "a whole number"
	case goType == "bool":
		return "true or false"
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case goType == "string", strings.HasSuffix(goType, "Secret"), strings.HasSuffix(goType, ".Driver"): // named texts
		return "a text"
	default:
		return "a group of keys"
	}
}

// place is what the decoder tells of a value that is of the wrong kind: the line, a
// list, a group or neither, and how a text begins.
type place struct {
	line  int
	kind  yaml.Kind
	value string
}

func kindOf(tag string) yaml.Kind {
	switch tag {
	case "!!seq":
		return yaml.SequenceNode
	case "!!map":
		return yaml.MappingNode
	}
	return yaml.ScalarNode
}

func (p place) fits(node *yaml.Node) bool {
	return node.Line == p.line && node.Kind == p.kind && (node.Value == "") == (p.value == "") && strings.HasPrefix(node.Value, p.value)
}

// keyAt is the path of the key whose value is at the place; empty if there is none.
func keyAt(node *yaml.Node, path string, at place) string {
	for i, child := range node.Content {
		here := path
		switch {
		case node.Kind == yaml.SequenceNode:
			here = fmt.Sprintf("%s[%d]", path, i)
		case node.Kind == yaml.MappingNode && i%2 == 0:
			continue // a key
		case node.Kind == yaml.MappingNode:
			here = strings.TrimPrefix(path+"."+node.Content[i-1].Value, ".")
		}
		if found := keyAt(child, here, at); found != "" {
			return found
		}
	}
	if at.fits(node) {
		return path
	}
	return ""
}

// explainSyntax names the commonest cause, which the parser's words hide.
func explainSyntax(content []byte, err error) error {
	found := brokenLine.FindStringSubmatch(err.Error())
	if found == nil {
		return err
	}
	at, _ := strconv.Atoi(found[1])
	lines := strings.Split(string(content), "\n")
	for line := max(1, at-1); line <= min(len(lines), at+1); line++ { // the parser counts from 0 now and then
		text := lines[line-1]
		if indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]; strings.Contains(indent, "\t") {
			return fmt.Errorf("line %d is indented with a tab; YAML wants blanks", line)
		}
	}
	return err
}
