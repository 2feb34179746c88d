// Package architecture holds the rules between the rooms of the house
// (docs/architecture.md) as tests. It has no code of its own.
package architecture

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/pks-community/pks-release/"

// allowed names, for each room below src/, the rooms it may import. A room
// stands for everything below it, and may always import itself. "*" is any room
// but cmd. The arrows point down only: a cycle cannot be written here.
func allowed() map[string][]string {
	return map[string][]string{
		"pks":          nil,
		"api/v1":       nil,
		"uaa":          {"pks"},
		"osb":          {"pks"},
		"director":     {"pks", "uaa"},
		"kubeconfig":   {"pks"},
		"adapter":      {"pks"},
		"strictyaml":   nil,
		"healthcheck":  nil,
		"apiclient":    {"pks", "api/v1"},
		"store":        {"pks"},
		"lifecycle":    {"pks", "store", "osb"},
		"broker":       {"pks", "uaa", "director", "healthcheck"},
		"api":          {"pks", "api/v1", "uaa", "store", "osb", "lifecycle", "strictyaml", "healthcheck"},
		"cli":          {"pks", "api/v1", "uaa", "apiclient", "kubeconfig"},
		"errand":       {"pks", "api/v1", "uaa", "apiclient", "strictyaml"},
		"local":        {"*"},
		"cmd":          {"*"},
		"architecture": nil,
	}
}

func TestArrowsPointDownOnly(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, tree := range []string{"src", "errands"} {
		if _, err := os.Stat(filepath.Join(root, tree)); errors.Is(err, fs.ErrNotExist) {
			continue // there are no errands yet
		}
		err := filepath.WalkDir(filepath.Join(root, tree), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && (d.Name() == "testdata" || d.Name() == "vendor" || d.Name() == "staged") {
				return filepath.SkipDir
			}
			if d.IsDir() || !strings.HasSuffix(path, ".go") {
				return nil
			}
			checked++
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			for _, problem := range problemsOf(t, filepath.ToSlash(rel), path) {
				t.Error(problem)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if checked == 0 {
		t.Fatal("no Go file was found to check")
	}
}

func problemsOf(t *testing.T, rel, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatalf("%s: %v", rel, err)
	}
	var problems []string
	for _, spec := range file.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatalf("%s: %v", rel, err)
		}
		inner, ours := strings.CutPrefix(target, module)
		if !ours {
			continue
		}
		if reason := refused(rel, inner); reason != "" {
			problems = append(problems, fmt.Sprintf("%s imports %s: %s", rel, inner, reason))
		}
	}
	return problems
}

// refused says why the file at rel may not import the package at target, both
// relative to the root of the module; empty when it may.
func refused(rel, target string) string {
	test := strings.HasSuffix(rel, "_test.go")
	from, ok := room(filepath.ToSlash(filepath.Dir(rel)))
	if strings.HasPrefix(rel, "errands/") {
		from, ok = "errand", true
	}
	if !ok {
		return "its folder is no room of docs/architecture.md; add it to the table with what it may import"
	}
	to, ok := room(target)
	if !ok {
		return "the imported folder is no room of docs/architecture.md"
	}
	rooms := allowed()[from]
	switch {
	case from == to:
		return ""
	case to == "cmd":
		return "programs are imported by nobody"
	case to == "local" && from != "cmd" && !test:
		return "the embedded stack stands in for the outside world; only programs and tests may import it"
	case test:
		return "" // a test may use its neighbours as they really are
	case slices.Contains(rooms, "*") || slices.Contains(rooms, to):
		return ""
	default:
		return fmt.Sprintf("%s may import %v only", from, rooms)
	}
}

// room finds the longest room that holds the package.
func room(pkg string) (string, bool) {
	inner, ok := strings.CutPrefix(pkg, "src/")
	if !ok {
		return "", false
	}
	best := ""
	for name := range allowed() {
		if (inner == name || strings.HasPrefix(inner, name+"/")) && len(name) > len(best) {
			best = name
		}
	}
	return best, best != ""
}

func TestRefusedArrows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		refused  bool
	}{
		{"src/pks/cluster.go", "src/store", true},
		{"src/store/sql.go", "src/pks", false},
		{"src/store/sql.go", "src/lifecycle", true},
		{"src/api/server.go", "src/lifecycle", false},
		{"src/api/server.go", "src/local/uaa", true},
		{"src/api/server_test.go", "src/local/uaa", false},
		{"src/api/v1/cluster.go", "src/pks", true},
		{"src/cli/login.go", "src/store", true},
		{"src/cmd/pks-local/main.go", "src/local/stack", false},
		{"src/local/stack/stack.go", "src/cmd/pks", true},
		{"errands/smoke-tests/main.go", "src/errand", false},
		{"errands/smoke-tests/main.go", "src/local/stack", true},
		{"src/errand/journal.go", "src/apiclient", false},
		{"src/errand/journal.go", "src/store", true},
		{"src/newroom/x.go", "src/pks", true},
	} {
		if got := refused(c.from, c.to); (got != "") != c.refused {
			t.Errorf("%s → %s: refused %q, want refused %t", c.from, c.to, got, c.refused)
		}
	}
}
