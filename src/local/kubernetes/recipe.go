// Package kubernetes builds the programs of process machines (Kubernetes in two minors, containerd, runc, CNI
// plugins, flanneld, CoreDNS, kwok) and the container images they start from, out of Go modules alone, and keeps
// what it built in a cache: one folder per version and recipe. What is built is said by the recipes in
// tools/kubernetes (recipes.yaml and the modules beside it); this package knows none of them by name but
// "kubernetes", of which there may be several versions.
package kubernetes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// RecipesVariable is the environment variable that names the folder of the recipes.
const RecipesVariable = "PKS_KUBERNETES_RECIPES"

// Recipes are what can be built: the contents of a folder with a recipes.yaml.
type Recipes struct {
	dir        string
	components []recipe
}

type recipe struct {
	Name    string        `yaml:"name"`
	Title   string        `yaml:"title"` // for people; default the name
	Version string        `yaml:"version"`
	Time    time.Duration `yaml:"time"`    // on two cores with empty Go caches
	DiskMB  int           `yaml:"disk_mb"` // what Go's caches grow by
	Needs   []need        `yaml:"needs"`
	Builds  []goBuild     `yaml:"builds"`
	Images  []image       `yaml:"images"`
	Check   check         `yaml:"check"`
}

// need is what must be on the host before a build begins: a program on the PATH or a C header.
type need struct {
	Program string `yaml:"program"`
	Header  string `yaml:"header"`
	Package string `yaml:"package"` // the Debian package that has it
}

// goBuild is one run of `go build`.
type goBuild struct {
	Folder   string   `yaml:"folder"`  // of the main module, in the recipes' folder
	Modfile  string   `yaml:"modfile"` // instead of the folder's own go.mod
	Packages []string `yaml:"packages"`
	Output   string   `yaml:"output"` // the program's name in bin/; default that of each package
	Links    []string `yaml:"links"`  // further names of it
	Tags     []string `yaml:"tags"`
	LDFlags  []string `yaml:"ldflags"`
	CGo      bool     `yaml:"cgo"`
}

// image is an OCI archive with one program in it.
type image struct {
	File      string `yaml:"file"`
	Reference string `yaml:"reference"`
	Program   string `yaml:"program"`
	Component string `yaml:"component"` // where the program is built; default this one
}

type check struct {
	Run  []string `yaml:"run"`
	Says string   `yaml:"says"`
}

// FindRecipes reads the recipes from override (the value of RecipesVariable) or, when that is empty, from
// tools/kubernetes beside the folder in which executable lies, as in a checkout.
func FindRecipes(executable, override string) (*Recipes, error) {
	dir := override
	if dir == "" {
		dir = filepath.Join(filepath.Dir(filepath.Dir(executable)), "tools", "kubernetes")
	}
	recipes, err := readRecipes(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("the recipes for building Kubernetes are not at %s: run from a checkout, or set %s to its folder tools/kubernetes", dir, RecipesVariable)
	}
	return recipes, err
}

func readRecipes(dir string) (*Recipes, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("recipes' folder: %w", err)
	}
	file := filepath.Join(dir, "recipes.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read recipes: %w", err)
	}
	components, err := parseRecipes(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &Recipes{dir: dir, components: components}, nil
}

func parseRecipes(data []byte) ([]recipe, error) {
	var document struct {
		Components []recipe `yaml:"components"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(document.Components) == 0 {
		return nil, errors.New("no components")
	}
	seen := map[string]bool{}
	for i := range document.Components {
		r := &document.Components[i]
		if err := r.validate(seen); err != nil {
			return nil, fmt.Errorf("components[%d] %s %s: %w", i, r.Name, r.Version, err)
		}
		seen[r.Name], seen[r.key()] = true, true
		r.expand()
	}
	return document.Components, nil
}

// A name or version becomes part of a path and of a tidy listing.
var plainName = regexp.MustCompile(`^[a-z0-9][a-z0-9.+_-]*$`)

// validate refuses what could not be built; seen has the components before it.
func (r *recipe) validate(seen map[string]bool) error {
	switch {
	case !plainName.MatchString(r.Name):
		return errors.New("name has to be of lower-case letters, digits, dots and dashes")
	case !plainName.MatchString(r.Version):
		return errors.New("version has to be of lower-case letters, digits, dots and dashes")
	case seen[r.key()]:
		return errors.New("is there twice")
	case seen[r.Name] && r.Name != kubernetesName:
		return errors.New("only " + kubernetesName + " may have several versions")
	case len(r.Builds) == 0:
		return errors.New("has no builds")
	case len(r.Check.Run) == 0 || r.Check.Says == "":
		return errors.New("check needs run and says")
	case r.Time <= 0:
		return errors.New("time has to be positive")
	}
	for i, b := range r.Builds {
		if b.Folder == "" || len(b.Packages) == 0 {
			return fmt.Errorf("builds[%d] needs folder and packages", i)
		}
		if !filepath.IsLocal(b.Folder) || b.Modfile != "" && !filepath.IsLocal(b.Modfile) {
			return fmt.Errorf("builds[%d]: folder and modfile have to be in the recipes' folder", i)
		}
		if b.Output == "" && len(b.Links) > 0 || b.Output != "" && len(b.Packages) != 1 {
			return fmt.Errorf("builds[%d]: output names one package's program, and links are to it", i)
		}
	}
	for i, image := range r.Images {
		if image.File == "" || image.Reference == "" || image.Program == "" {
			return fmt.Errorf("images[%d] needs file, reference and program", i)
		}
		if image.Component != "" && !seen[image.Component] {
			return fmt.Errorf("images[%d]: component %s has to come before it", i, image.Component)
		}
	}
	return nil
}

// expand puts the version into the flags and into what the check expects.
func (r *recipe) expand() {
	major, rest, _ := strings.Cut(r.Version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	replacer := strings.NewReplacer("$version", r.Version, "$major", major, "$minor", minor)
	r.Check.Says = replacer.Replace(r.Check.Says)
	for i := range r.Builds {
		flags := make([]string, len(r.Builds[i].LDFlags)) // the array may be shared by a YAML alias
		for j, flag := range r.Builds[i].LDFlags {
			flags[j] = replacer.Replace(flag)
		}
		r.Builds[i].LDFlags = flags
	}
	if r.Title == "" {
		r.Title = r.Name
	}
}

func (r *recipe) key() string { return r.Name + " " + r.Version }

// label names the component to people.
func (r *recipe) label() string { return r.Title + " " + r.Version }
