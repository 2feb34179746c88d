package errand_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// The reference tells of every property of the three jobs.
func TestEveryPropertyIsDocumented(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/reference/errands.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, word := range regexp.MustCompile("`[^`\n]+`").FindAllString(string(raw), -1) {
		word = strings.Trim(word, "`")
		documented[word[strings.LastIndex(word, ".")+1:]] = true
	}
	for _, job := range []string{"upgrade-all-clusters", "delete-all-clusters", "smoke-tests"} {
		text, err := os.ReadFile(filepath.Join("../../jobs", job, "spec"))
		if err != nil {
			t.Fatal(err)
		}
		var spec struct{ Properties map[string]any }
		if err := yaml.Unmarshal(text, &spec); err != nil || len(spec.Properties) == 0 {
			t.Fatalf("%s: %v", job, err)
		}
		for property := range spec.Properties {
			if !documented[property[strings.LastIndex(property, ".")+1:]] {
				t.Errorf("docs/reference/errands.md does not tell of %s of %s", property, job)
			}
		}
	}
}
