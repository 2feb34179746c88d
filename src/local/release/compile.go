package release

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// compiler compiles packages, each fingerprint once
// (reference/bosh-release.md §14, §15.5).
type compiler struct {
	program string
	dir     string

	mu    sync.Mutex
	locks map[string]*sync.Mutex // by key
}

// compilation is what belongs to one release.
type compilation struct {
	*compiler
	library  *Library
	manifest manifest
}

// errCycle: a package needs itself.
var errCycle = errors.New("its dependencies lead back to it")

// compile returns the folder of a compiled package.
func (c compilation) compile(ctx context.Context, name string, above ...string) (string, error) {
	at := slices.IndexFunc(c.manifest.Packages, func(p Package) bool { return p.Name == name })
	if at < 0 {
		return "", fmt.Errorf("the release has no package %s", name)
	}
	if slices.Contains(above, name) {
		return "", fmt.Errorf("package %s: %w", name, errCycle)
	}
	p := c.manifest.Packages[at]
	if err := checkName("package", name); err != nil {
		return "", err
	}
	dependencies := map[string]string{}
	sum := sha256.New()
	fmt.Fprintln(sum, p.Name, p.Fingerprint)
	for _, dependency := range slices.Sorted(slices.Values(p.Dependencies)) {
		dir, err := c.compile(ctx, dependency, append(above, name)...)
		if err != nil {
			return "", err
		}
		dependencies[dependency] = dir
		fmt.Fprintln(sum, dependency, filepath.Base(dir))
	}
	key := hex.EncodeToString(sum.Sum(nil))[:32]
	target := filepath.Join(c.dir, name+"-"+key)
	unlock := c.lock(key)
	defer unlock()
	if _, err := os.Stat(target); err == nil {
		return target, nil
	}
	if err := c.make(ctx, p, dependencies, target); err != nil {
		return "", fmt.Errorf("compile package %s: %w", name, err)
	}
	return target, nil
}

func (c *compiler) lock(key string) (unlock func()) {
	c.mu.Lock()
	l := c.locks[key]
	if l == nil {
		l = &sync.Mutex{}
		c.locks[key] = l
	}
	c.mu.Unlock()
	l.Lock()
	return l.Unlock
}

// make runs the packaging script as an agent does, without a network and with an
// empty environment.
func (c compilation) make(ctx context.Context, p Package, dependencies map[string]string, target string) (err error) {
	work, err := os.MkdirTemp(c.dir, compilePrefix)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(work)) }()
	root := filepath.Join(work, "vcap")
	sources := filepath.Join(root, "data", "compile", p.Name)
	result := filepath.Join(root, "packages", p.Name)
	if err := os.MkdirAll(result, 0o755); err != nil {
		return err
	}
	for name, dir := range dependencies {
		if err := os.Symlink(dir, filepath.Join(root, "packages", name)); err != nil {
			return err
		}
	}
	archive, err := c.library.open(c.manifest.Name, c.manifest.Version)
	if err != nil {
		return err
	}
	err = unpackPackage(archive, p.Name, sources)
	if err = errors.Join(err, archive.Close()); err != nil {
		return err
	}
	compileDir := filepath.Join(vcap, "data", "compile", p.Name)
	if _, err := os.Stat(filepath.Join(sources, "packaging")); errors.Is(err, fs.ErrNotExist) {
		return errors.New("it has no packaging script")
	}
	s := sandbox{program: c.program, vcap: root, env: []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "BOSH_COMPILE_TARGET=" + compileDir, "BOSH_INSTALL_TARGET=" + filepath.Join(vcap, "packages", p.Name),
		"BOSH_PACKAGE_NAME=" + p.Name, "BOSH_PACKAGE_VERSION=" + p.Fingerprint, workdirVariable + "=" + compileDir,
	}}
	o, err := s.run(ctx, "bash", "-x", "packaging")
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case o.code != 0:
		return fmt.Errorf("the packaging script ended with %d: %s", o.code, tail(&o.stderr))
	}
	return os.Rename(result, target)
}

// shownOutput is how much of a failed script's output is shown: its end.
const shownOutput = 4 << 10

func tail(o *output) []byte {
	text := bytes.TrimSpace(o.kept)
	return text[max(0, len(text)-shownOutput):]
}

// removeAll removes also what a script has made unwritable, as Go does its modules.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return err
	})
	return os.RemoveAll(dir)
}
