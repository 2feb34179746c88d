package kubernetes

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DirVariable is the environment variable that names the folder of the cache.
const DirVariable = "PKS_KUBERNETES_CACHE"

// kubernetesName is the one component that may have several versions.
const kubernetesName = "kubernetes"

// ErrNotBuilt says that programs of process machines are not there; the error that wraps it names them.
var ErrNotBuilt = errors.New("not built")

// Cache is the folder with the built programs: NAME/VERSION-HASH for each.
type Cache struct {
	dir     string
	recipes *Recipes
	target  string                 // GOOS/GOARCH
	goTool  func() (goTool, error) // the toolchain on the PATH
}

// Component is one thing to build.
type Component struct {
	Name     string
	Title    string // for people
	Version  string
	Dir      string // where it is, or will be, with bin/ in it
	Built    bool
	Reason   string        // why it does not count as built, where a folder of that version is there
	Estimate time.Duration // on two cores with empty Go caches
}

// Binaries are the folders of everything built.
type Binaries struct {
	Kubernetes []Release         // oldest first
	Packages   map[string]string // folder by name of the component; programs are in its bin/
}

// Release is a built Kubernetes: Dir has bin/kube and, as links to it, every server and kubectl.
type Release struct{ Version, Dir string }

// DefaultDir is $PKS_KUBERNETES_CACHE or pks-local/kubernetes in the user's cache folder.
func DefaultDir() (string, error) {
	if dir := os.Getenv(DirVariable); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for built programs, set %s: %w", DirVariable, err)
	}
	return filepath.Join(dir, "pks-local", "kubernetes"), nil
}

// Open returns the cache in dir, which need not exist yet.
func Open(dir string, recipes *Recipes) *Cache {
	return &Cache{dir: dir, recipes: recipes, target: runtime.GOOS + "/" + runtime.GOARCH, goTool: findGo}
}

// Dir is the folder of the cache.
func (c *Cache) Dir() string { return c.dir }

// Components lists what the recipes name, in the order in which it is built. Without a Go toolchain on the PATH
// whatever version of Go built a component will do.
func (c *Cache) Components() ([]Component, error) {
	tool, err := c.goTool()
	if err != nil && !errors.Is(err, exec.ErrNotFound) {
		return nil, err
	}
	components := make([]Component, 0, len(c.recipes.components))
	for _, r := range c.recipes.components {
		component, err := c.component(r, tool.version)
		if err != nil {
			return nil, err
		}
		components = append(components, component)
	}
	return components, nil
}

func (c *Cache) component(r recipe, goVersion string) (Component, error) {
	hash, err := c.recipes.hash(r, c.target)
	if err != nil {
		return Component{}, err
	}
	component := Component{Name: r.Name, Title: r.Title, Version: r.Version, Estimate: r.Time, Dir: c.folder(r, hash, goVersion)}
	for _, dir := range c.folders(r) {
		s, err := readStamp(dir)
		switch {
		case err != nil:
			component.Reason = fmt.Sprintf("%s in %s", err, dir)
		case s.Target != c.target:
			component.Reason = fmt.Sprintf("built for %s, this is %s", s.Target, c.target)
		case s.Recipe != hash:
			component.Reason = "built from another recipe"
		case goVersion != "" && s.Go != goVersion:
			component.Reason = fmt.Sprintf("built with %s, now there is %s", s.Go, goVersion)
		default:
			component.Dir, component.Built, component.Reason = dir, true, ""
			return component, nil
		}
	}
	return component, nil
}

// folder is where r's result goes.
func (c *Cache) folder(r recipe, hash, goVersion string) string {
	short := hash[:12]
	if goVersion != "" {
		short += "-" + goVersion
	}
	return filepath.Join(c.dir, r.Name, r.Version+"-"+short)
}

// folders lists the finished folders of r's version.
func (c *Cache) folders(r recipe) []string {
	found, err := filepath.Glob(filepath.Join(globQuote(c.dir), r.Name, r.Version+"-*"))
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(found, func(dir string) bool { return strings.Contains(filepath.Base(dir), temporary) })
}

// globQuote keeps characters of a path from being taken for a pattern.
func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// Binaries returns the folders of everything built. When something is missing the error wraps ErrNotBuilt,
// names it, and says how to build it and how long that takes.
func (c *Cache) Binaries() (Binaries, error) {
	components, err := c.Components()
	if err != nil {
		return Binaries{}, err
	}
	binaries := Binaries{Packages: map[string]string{}}
	var missing []string
	var estimate time.Duration
	for _, component := range components {
		switch {
		case !component.Built:
			missing = append(missing, component.describeMissing())
			estimate += component.Estimate
		case component.Name == kubernetesName:
			binaries.Kubernetes = append(binaries.Kubernetes, Release{component.Version, component.Dir})
		default:
			binaries.Packages[component.Name] = component.Dir
		}
	}
	if len(missing) > 0 {
		return Binaries{}, fmt.Errorf("%w: %s; `make kubernetes` builds what is missing, in about %s", ErrNotBuilt, strings.Join(missing, ", "), minutes(estimate))
	}
	slices.SortFunc(binaries.Kubernetes, func(a, b Release) int { return compareVersions(a.Version, b.Version) })
	return binaries, nil
}

func (c Component) describeMissing() string {
	text := c.Title + " " + c.Version
	if c.Reason != "" {
		text += " (" + c.Reason + ")"
	}
	return text
}

// compareVersions compares dotted numbers, as in Kubernetes' versions.
func compareVersions(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(x, y string) int {
		m, errM := strconv.Atoi(x)
		n, errN := strconv.Atoi(y)
		if errM != nil || errN != nil {
			return cmp.Compare(x, y)
		}
		return cmp.Compare(m, n)
	})
}
