package pks

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
)

// Secret is a text that must not be seen. It prints and logs as [redacted] and
// is compared in constant time. Its JSON and YAML forms carry the text, since
// that is how it reaches the one program that needs it.
type Secret string

const redacted = "[redacted]"

var (
	_ fmt.Formatter  = Secret("")
	_ slog.LogValuer = Secret("")
)

// Format writes the redacted form for every verb, %#v and %x included.
func (s Secret) Format(f fmt.State, _ rune) {
	if s != "" {
		_, _ = f.Write([]byte(redacted))
	}
}

// String is the redacted form; Reveal is the text.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// LogValue is the redacted form.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Reveal returns the text, for the place where it is used and nowhere else.
func (s Secret) Reveal() string { return string(s) }

// Equal compares in time that does not depend on where the texts differ.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s), []byte(other)) == 1
}
