package kubernetes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVersionGoesIntoFlagsOfEachVersion(t *testing.T) {
	t.Parallel()
	recipes, err := parseRecipes([]byte(`
components:
- name: kubernetes
  version: 1.35.4
  time: 1m
  builds:
  - &kube {folder: kube, packages: [.], ldflags: [-X version=v$version, -X minor=$minor]}
  check: {run: [bin/kube], says: v$version}
- name: kubernetes
  version: 1.36.3
  time: 1m
  builds:
  - {<<: *kube, modfile: 1.36/go.mod}
  check: {run: [bin/kube], says: v$version}
`))
	if err != nil {
		t.Fatal(err)
	}
	got := [][]string{recipes[0].Builds[0].LDFlags, recipes[1].Builds[0].LDFlags, {recipes[0].Check.Says, recipes[1].Check.Says}}
	want := [][]string{{"-X version=v1.35.4", "-X minor=35"}, {"-X version=v1.36.3", "-X minor=36"}, {"v1.35.4", "v1.36.3"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("flags (-want +got):\n%s", diff)
	}
}

func TestWrongRecipesAreRefused(t *testing.T) {
	t.Parallel()
	const good = "components: [{name: a, version: 1.0.0, time: 1s, builds: [{folder: a, packages: [.]}], check: {run: [bin/a], says: a}}]"
	if _, err := parseRecipes([]byte(good)); err != nil {
		t.Fatalf("a good recipe was refused: %v", err)
	}
	for text, want := range map[string]string{
		"":                                       "no components",
		"components: []":                         "no components",
		strings.Replace(good, "time", "tyme", 1): "field tyme not found",
		strings.Replace(good, "name: a", "name: ../a", 1):                                                         "name has to be",
		strings.Replace(good, "version: 1.0.0", "version: 1/0", 1):                                                "version has to be",
		strings.Replace(good, "time: 1s", "time: 0s", 1):                                                          "time has to be positive",
		strings.Replace(good, "says: a", "says: ''", 1):                                                           "check needs run and says",
		strings.Replace(good, "folder: a", "folder: ../a", 1):                                                     "in the recipes' folder",
		strings.Replace(good, "packages: [.]", "packages: []", 1):                                                 "needs folder and packages",
		strings.Replace(good, "packages: [.]", "packages: [., b], output: x", 1):                                  "output names one package's program",
		strings.Replace(good, "packages: [.]", "packages: [.], links: [b]", 1):                                    "output names one package's program",
		strings.Replace(good, "[{folder: a, packages: [.]}]", "[]", 1):                                            "has no builds",
		strings.Replace(good, "check:", "images: [{file: a.tar, program: a}], check:", 1):                         "needs file, reference and program",
		strings.Replace(good, "check:", "images: [{file: a, reference: a, program: a, component: b}], check:", 1): "has to come before it",
		twice(good, "1.0.0"): "is there twice",
		twice(good, "2.0.0"): "only kubernetes may have several versions",
	} {
		if _, err := parseRecipes([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot %v, want %q", text, err, want)
		}
	}
}

// twice adds the one recipe again, with another version.
func twice(text, version string) string {
	entry := strings.TrimSuffix(strings.TrimPrefix(text, "components: ["), "]")
	return "components: [" + entry + ", " + strings.Replace(entry, "1.0.0", version, 1) + "]"
}

func TestRecipesOfThisRepositoryAreSound(t *testing.T) {
	t.Parallel()
	recipes, err := FindRecipes("/nowhere/bin/pks-local", "../../../tools/kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range recipes.components {
		if _, err := recipes.hash(r, "linux/amd64"); err != nil {
			t.Error(err)
		}
		for _, b := range r.Builds {
			module := b.Modfile
			if module == "" {
				module = filepath.Join(b.Folder, "go.mod")
			}
			if _, err := os.Stat(filepath.Join(recipes.dir, module)); err != nil {
				t.Errorf("%s: %v", r.label(), err)
			}
		}
		names = append(names, r.Name)
	}
	want := []string{"kubernetes", "kubernetes", "containerd", "runc", "cni", "flannel", "etcdctl", "coredns", "kwok", "images"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("components (-want +got):\n%s", diff)
	}
}

func TestRecipesAreFoundBesideThePrograms(t *testing.T) {
	t.Parallel()
	checkout := t.TempDir()
	write(t, filepath.Join(checkout, "tools", "kubernetes", "recipes.yaml"), "components: [{name: a, version: 1.0.0, time: 1s, builds: [{folder: a, packages: [.]}], check: {run: [bin/a], says: a}}]")
	if _, err := FindRecipes(filepath.Join(checkout, "bin", "pks-local"), ""); err != nil {
		t.Error(err)
	}
	_, err := FindRecipes(filepath.Join(checkout, "elsewhere", "bin", "pks-local"), "")
	if err == nil || !strings.Contains(err.Error(), RecipesVariable) {
		t.Errorf("without recipes: %v", err)
	}
}

func FuzzParseRecipes(f *testing.F) {
	f.Add([]byte("components: [{name: a, version: 1.0.0, time: 1s, builds: [{folder: a, packages: [.]}], check: {run: [bin/a], says: a}}]"))
	f.Add([]byte("components: [{name: kubernetes, version: '1', time: 1h}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		recipes, err := parseRecipes(data)
		for _, r := range recipes {
			if err == nil && (!plainName.MatchString(r.Name) || len(r.Builds) == 0) {
				t.Errorf("accepted %+v", r)
			}
		}
	})
}
