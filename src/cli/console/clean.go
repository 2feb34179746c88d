package console

import (
	"strings"
	"unicode"
)

// Clean makes a text from outside fit for a terminal: what is not printable, such
// as the escape character, becomes "?", and line ends become spaces.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, text)
}
