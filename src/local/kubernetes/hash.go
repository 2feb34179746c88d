package kubernetes

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// recipeFormat goes into every hash: raise it when this package comes to build the same recipe differently.
const recipeFormat = 2

// hash tells what r's result depends on, apart from the Go version: flags, go.mod, go.sum and sources, and
// those of the components whose programs go into its images.
func (s *Recipes) hash(r recipe, target string) (string, error) {
	h := sha256.New()
	type flags struct {
		Format int
		Target string
		Builds []goBuild
		Images []image
		Check  check
	}
	if err := json.NewEncoder(h).Encode(flags{recipeFormat, target, r.Builds, r.Images, r.Check}); err != nil {
		return "", fmt.Errorf("hash recipe %s: %w", r.Name, err)
	}
	for _, b := range r.Builds {
		if err := hashModule(h, s.dir, b); err != nil {
			return "", fmt.Errorf("hash recipe %s: %w", r.Name, err)
		}
	}
	for _, image := range r.Images {
		other, ok := s.find(image.Component)
		if !ok {
			continue
		}
		hash, err := s.hash(other, target)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, other.Version, hash)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (s *Recipes) find(name string) (recipe, bool) {
	for _, r := range s.components {
		if r.Name == name {
			return r, true
		}
	}
	return recipe{}, false
}

// hashModule writes the names and contents of a build's go.mod, go.sum and Go files, tests left out. The files
// of modules inside the folder count too: a replace line may point at them.
func hashModule(h io.Writer, dir string, b goBuild) error {
	files := []string{}
	if b.Modfile != "" {
		files = append(files, b.Modfile, strings.TrimSuffix(b.Modfile, ".mod")+".sum")
	}
	err := fs.WalkDir(os.DirFS(dir), filepath.ToSlash(b.Folder), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "testdata" {
			return fs.SkipDir
		}
		name := d.Name()
		source := strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
		module := b.Modfile == "" && (name == "go.mod" || name == "go.sum")
		if d.Type().IsRegular() && (source || module) {
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file)))
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %d\n", file, len(data))
		if _, err := h.Write(data); err != nil {
			return err
		}
	}
	return nil
}
