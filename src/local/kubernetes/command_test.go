package kubernetes

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// command runs one command line with recipes and cache of its own; environment variables choose them, so its
// tests cannot be parallel.
func command(t *testing.T, cache *Cache, line string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv(DirVariable, cache.dir)
	t.Setenv(RecipesVariable, cache.recipes.dir)
	var out, errOut bytes.Buffer
	code = Run(t.Context(), strings.Fields(line), &out, &errOut)
	return code, out.String(), errOut.String()
}

func TestCommandBuildsListsAndCleans(t *testing.T) {
	cache := tinyCache(t, tinyRecipes)
	if code, out, _ := command(t, cache, "status"); code != 1 || !strings.Contains(out, "Kubernetes  1.36.3   no") {
		t.Errorf("status before: %d\n%s", code, out)
	}
	if code, out, errOut := command(t, cache, "build"); code != 0 || !strings.Contains(out, "All built in") || errOut != "" {
		t.Errorf("build: %d\n%s%s", code, out, errOut)
	}
	if code, out, _ := command(t, cache, "status"); code != 0 || !strings.Contains(out, "images      1.0.0    yes    "+cache.dir) {
		t.Errorf("status after: %d\n%s", code, out)
	}
	code, out, _ := command(t, cache, "status --json")
	var status struct {
		Kubernetes []struct{ Version, Dir string }
	}
	if err := json.Unmarshal([]byte(out), &status); err != nil || code != 0 {
		t.Fatalf("status --json: %d, %v\n%s", code, err, out)
	}
	if len(status.Kubernetes) != 2 || status.Kubernetes[0].Version != "1.9.1" || !strings.HasPrefix(status.Kubernetes[1].Dir, cache.dir) {
		t.Errorf("status --json: %+v", status)
	}
	if code, out, _ := command(t, cache, "clean"); code != 0 || out != "Nothing to remove in "+cache.dir+"\n" {
		t.Errorf("clean: %d\n%s", code, out)
	}
}

func TestWrongUsageIsToldApartFromFailure(t *testing.T) {
	cache := tinyCache(t, tinyRecipes)
	for _, line := range []string{"", "biuld", "build now", "clean --json"} {
		if code, out, errOut := command(t, cache, line); code != 2 || out != "" || errOut != usage {
			t.Errorf("%q: %d, %q, %q", line, code, out, errOut)
		}
	}
	if code, out, _ := command(t, cache, "--help"); code != 0 || out != usage {
		t.Errorf("--help: %d, %q", code, out)
	}
	cache.recipes.dir = t.TempDir()
	if code, _, errOut := command(t, cache, "status"); code != 1 || !strings.Contains(errOut, "the recipes for building Kubernetes are not at") {
		t.Errorf("without recipes: %d, %q", code, errOut)
	}
}
