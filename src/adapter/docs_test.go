package adapter_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/adapter"
)

// TestEveryPlanPropertyIsDocumented holds docs/plans.md against the code.
func TestEveryPlanPropertyIsDocumented(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/plans.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, word := range regexp.MustCompile("`[^`\n]+`").FindAllString(string(raw), -1) {
		for _, part := range regexp.MustCompile(`[a-z0-9_]+`).FindAllString(word, -1) {
			documented[part] = true
		}
	}
	for _, path := range adapter.PlanPropertyPaths() {
		if leaf := path[strings.LastIndex(path, ".")+1:]; !documented[leaf] {
			t.Errorf("docs/plans.md does not tell of %s", path)
		}
	}
}
