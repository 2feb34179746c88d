package scimfilter

import (
	"fmt"
	"slices"
	"strings"
)

type word struct {
	text   string
	quoted bool
}

// split cuts the text into words, quoted texts and parentheses.
func split(text string) ([]word, error) {
	var words []word
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == ' ' || c == '\t':
			i++
		case c == '(' || c == ')':
			words = append(words, word{text: string(c)})
			i++
		case c == '"':
			value, length, err := quoted(text[i:])
			if err != nil {
				return nil, err
			}
			words = append(words, word{value, true})
			i += length
		default:
			end := strings.IndexAny(text[i:], " \t()\"")
			if end < 0 {
				end = len(text) - i
			}
			words = append(words, word{text: text[i : i+end]})
			i += end
		}
	}
	return words, nil
}

// quoted reads a text in double quotes, in which a backslash makes the next
// character an ordinary one, and returns how long it was with its quotes.
func quoted(text string) (string, int, error) {
	var value strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return value.String(), i + 1, nil
		case '\\':
			i++
			if i == len(text) {
				return "", 0, fmt.Errorf("%w: a text is not closed", ErrInvalid)
			}
			value.WriteByte(text[i])
		default:
			value.WriteByte(text[i])
		}
	}
	return "", 0, fmt.Errorf("%w: a text is not closed", ErrInvalid)
}

type parser struct {
	words []word
	known func(string) bool
}

func (p *parser) done() bool { return len(p.words) == 0 }

func (p *parser) peek() word {
	if p.done() {
		return word{}
	}
	return p.words[0]
}

func (p *parser) next() word {
	w := p.peek()
	if !p.done() {
		p.words = p.words[1:]
	}
	return w
}

// is tells whether the next word is the bare one given, in any case.
func (p *parser) is(text string) bool {
	w := p.peek()
	return !p.done() && !w.quoted && strings.EqualFold(w.text, text)
}

func (p *parser) either(depth int) (node, error) {
	left, err := p.both(depth)
	for err == nil && p.is("or") {
		p.next()
		var right node
		right, err = p.both(depth)
		left = either{left, right}
	}
	return left, err
}

func (p *parser) both(depth int) (node, error) {
	left, err := p.single(depth)
	for err == nil && p.is("and") {
		p.next()
		var right node
		right, err = p.single(depth)
		left = both{left, right}
	}
	return left, err
}

func (p *parser) single(depth int) (node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: it is nested too deep", ErrInvalid)
	}
	if p.is("(") {
		p.next()
		inner, err := p.either(depth + 1)
		if err != nil {
			return nil, err
		}
		if !p.is(")") {
			return nil, fmt.Errorf("%w: a parenthesis is not closed", ErrInvalid)
		}
		p.next()
		return inner, nil
	}
	return p.comparison()
}

func (p *parser) comparison() (node, error) {
	attribute := p.next()
	name := strings.ToLower(attribute.text)
	if attribute.quoted || !p.known(name) {
		return nil, fmt.Errorf("%w: attribute %q is unknown", ErrInvalid, attribute.text)
	}
	operator := p.next()
	op := strings.ToLower(operator.text)
	if operator.quoted || !slices.Contains([]string{"eq", "co", "sw", "pr", "gt", "ge", "lt", "le"}, op) {
		return nil, fmt.Errorf("%w: operator %q is unknown", ErrInvalid, operator.text)
	}
	if op == "pr" {
		return comparison{attribute: name, operator: op}, nil
	}
	if p.done() {
		return nil, fmt.Errorf("%w: the value of %q is missing", ErrInvalid, name)
	}
	value := p.next()
	if !value.quoted && !bare(value.text) {
		return nil, fmt.Errorf("%w: value %q is not in quotes", ErrInvalid, value.text)
	}
	return comparison{name, op, value.text}, nil
}

// bare values are booleans and numbers.
func bare(text string) bool {
	if strings.EqualFold(text, "true") || strings.EqualFold(text, "false") {
		return true
	}
	return text != "" && strings.Trim(text, "0123456789") == ""
}
