package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNearestNames(t *testing.T) {
	t.Parallel()
	all := []string{"demo", "production", "ab", "Staging"}
	for given, want := range map[string][]string{
		"dmeo": {"demo"}, "demo1": {"demo"}, "prod": {"production"}, "producton": {"production"}, "staging": {"Staging"},
		"x": nil, "xy": nil, "demo": nil, "nothing": nil, "": {"demo", "production", "ab", "Staging"},
	} {
		if diff := cmp.Diff(want, nearest(given, all)); diff != "" {
			t.Errorf("%q: %s", given, diff)
		}
	}
}

func TestEdits(t *testing.T) {
	t.Parallel()
	for pair, want := range map[[2]string]int{
		{"", ""}: 0, {"", "abc"}: 3, {"abc", ""}: 3, {"kitten", "sitting"}: 3, {"demo", "demo"}: 0, {"ab", "ba"}: 2,
	} {
		if got := edits(pair[0], pair[1]); got != want {
			t.Errorf("%q: %d, want %d", pair, got, want)
		}
	}
}
