package pks_test

import (
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/pks"
)

func TestShortenLeavesWholeCharacters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                            "",
		"short":                       "short",
		strings.Repeat("a", 120):      strings.Repeat("a", 120),
		strings.Repeat("a", 121):      strings.Repeat("a", 120) + "…",
		strings.Repeat("ä", 61):       strings.Repeat("ä", 60) + "…",
		"a" + strings.Repeat("ä", 60): "a" + strings.Repeat("ä", 59) + "…",
		strings.Repeat("\x80", 200):   "…",
	} {
		if got := pks.Shorten(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
