package spec

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const modulePath = "github.com/pks-community/pks-release"

// packageSpec is packages/NAME/spec.
type packageSpec struct {
	Name         string   `yaml:"name"`
	Dependencies []string `yaml:"dependencies"`
	Files        []string `yaml:"files"`
	Excluded     []string `yaml:"excluded_files"`
}

func readPackage(t *testing.T, name string) packageSpec {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../packages", name, "spec"))
	if err != nil {
		t.Fatal(err)
	}
	var spec packageSpec
	if err := yaml.Unmarshal(text, &spec); err != nil {
		t.Fatal(err)
	}
	return spec
}

// matcher is a pattern of a package (reference/bosh-release.md §14).
func matcher(pattern string) *regexp.Regexp {
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.ReplaceAll(quoted, `\*\*/`, `(?:.*/)?`)
	quoted = strings.ReplaceAll(quoted, `\*`, `[^/]*`)
	return regexp.MustCompile("^" + quoted + "$")
}

// packed are the files below src/ that go into the package, but for the staged ones.
func packed(t *testing.T, spec packageSpec) []string {
	t.Helper()
	var files []string
	matches := func(patterns []string, path string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return matcher(p).MatchString(path) })
	}
	err := filepath.WalkDir("../src", func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path = filepath.ToSlash(strings.TrimPrefix(path, "../src/"))
		if d.IsDir() {
			if path == "staged" {
				return filepath.SkipDir
			}
			return nil
		}
		if matches(spec.Files, path) && !matches(spec.Excluded, path) {
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// compiled are the files below src/ that the programs are made of, and the folders
// of their packages.
func compiled(t *testing.T) (files []string, folders map[string]bool) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,GoFiles,EmbedFiles",
		"./src/cmd/pks-api", "./src/cmd/pks-broker", "./src/cmd/pks-service-adapter", "./errands/...")
	command.Dir = ".."
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	folders = map[string]bool{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath          string
			GoFiles, EmbedFiles []string
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return files, folders
		} else if err != nil {
			t.Fatal(err)
		}
		folder, ours := strings.CutPrefix(p.ImportPath, modulePath+"/src/")
		if !ours {
			continue
		}
		folders[folder] = true
		for _, file := range append(p.GoFiles, p.EmbedFiles...) {
			files = append(files, folder+"/"+file)
		}
	}
}

// What is missing would only be found by a compilation VM; what is too much would
// make VMs compile again for nothing.
func TestPackageHoldsTheSourcesOfItsPrograms(t *testing.T) {
	t.Parallel()
	has := packed(t, readPackage(t, "pks"))
	needs, folders := compiled(t)
	if len(needs) == 0 {
		t.Fatal("go list names no files")
	}
	for _, file := range needs {
		if !slices.Contains(has, file) {
			t.Errorf("packages/pks/spec leaves out src/%s", file)
		}
	}
	for _, file := range has {
		if !slices.Contains(needs, file) && !folders[filepath.Dir(file)] {
			t.Errorf("packages/pks/spec has src/%s, which no program is made of", file)
		}
	}
}

// A pattern that nothing matches is refused by create-release.
func TestPatternsOfPackagesMatch(t *testing.T) {
	t.Parallel()
	spec := readPackage(t, "pks")
	has := packed(t, spec)
	for _, pattern := range spec.Files {
		if strings.HasPrefix(pattern, "staged/") {
			continue
		}
		if !slices.ContainsFunc(has, matcher(pattern).MatchString) {
			t.Errorf("nothing matches %s", pattern)
		}
	}
	if !slices.Contains(spec.Files, "staged/go.mod") {
		t.Error("without staged/go.mod in the list a release would be made of stale modules")
	}
}

// The script, the package and the list of blobs speak of one toolchain, which is new
// enough for the module.
func TestToolchainIsNamedOnce(t *testing.T) {
	t.Parallel()
	read := func(path string) string {
		text, err := os.ReadFile(filepath.Join("..", path))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	found := regexp.MustCompile(`(?m)^version=(go([0-9]+\.[0-9]+)\.[0-9]+\.linux-amd64)$`).FindStringSubmatch(read("tools/fetch-golang"))
	if found == nil {
		t.Fatal("tools/fetch-golang names no version")
	}
	if blob := "golang/" + found[1] + ".tar"; !strings.Contains(read("config/blobs.yml"), blob+":\n") ||
		!strings.Contains(read("packages/golang-"+found[2]+"-linux/spec"), "- "+blob+" ") {
		t.Errorf("%s is not in config/blobs.yml and the package", blob)
	}
	if !regexp.MustCompile(`(?m)^go ` + regexp.QuoteMeta(found[2]) + `(\.|$)`).MatchString(read("go.mod")) {
		t.Errorf("go.mod wants another Go than %s", found[2])
	}
	for _, p := range readPackage(t, "pks").Dependencies {
		if p != "golang-"+found[2]+"-linux" {
			t.Errorf("the package pks depends on %s", p)
		}
	}
}
