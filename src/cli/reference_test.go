package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
)

const referencePage = "../../docs/reference/cli.md"

// The manual is what the commands say about themselves; UPDATE_SCRIPTS writes it.
func TestReferenceIsFresh(t *testing.T) {
	t.Parallel()
	none := &bytes.Buffer{}
	got := Reference(System{Name: "pks", In: none, Out: none, Err: none, Getenv: func(string) string { return "" }})
	if os.Getenv("UPDATE_SCRIPTS") != "" {
		if err := os.WriteFile(referencePage, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("docs/reference/cli.md is stale: run UPDATE_SCRIPTS=1 go test ./src/cli -run TestReference\n%s", diff)
	}
}

func TestEveryExitCodeIsDocumented(t *testing.T) {
	t.Parallel()
	documented := map[int]bool{}
	for _, e := range exitCodes() {
		documented[e.code] = true
	}
	for _, entry := range pks.Catalogue() {
		if !documented[entry.Exit] {
			t.Errorf("exit code %d of %s is not in the table", entry.Exit, entry.Code)
		}
	}
}

func TestUsageLinesFollowTheName(t *testing.T) {
	t.Parallel()
	none := &bytes.Buffer{}
	page := Reference(System{Name: "tkgi", In: none, Out: none, Err: none, Getenv: func(string) string { return "" }})
	if strings.Contains(page, "'pks ") || strings.Contains(page, "\npks ") {
		t.Error("a text does not follow the name the program was called by")
	}
}
