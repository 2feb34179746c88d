package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// releaseManifest is release.MF (reference/bosh-release.md §2.1).
type releaseManifest struct {
	Name     string           `yaml:"name"`
	Version  string           `yaml:"version"`
	Jobs     []releasePackage `yaml:"jobs"`
	Packages []releasePackage `yaml:"packages"`
}

type releasePackage struct {
	Name         string   `yaml:"name"`
	Fingerprint  string   `yaml:"fingerprint"`
	Dependencies []string `yaml:"dependencies"`
}

// fingerprints of jobs and packages.
func (m releaseManifest) fingerprints() map[string]string {
	all := map[string]string{}
	for _, p := range m.Jobs {
		all["job "+p.Name] = p.Fingerprint
	}
	for _, p := range m.Packages {
		all["package "+p.Name] = p.Fingerprint
	}
	return all
}

// archive unpacks a tgz in memory: content by name.
func archive(t *testing.T, packed []byte) map[string][]byte {
	t.Helper()
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(unzipped); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(header.Name, "./")] = content
	}
}

// readRelease unpacks a release that make test-release has made.
func readRelease(t *testing.T, variable string) (releaseManifest, map[string][]byte) {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Skipf("%s names no release; make test-release makes one", variable)
	}
	return unpackRelease(t, path)
}

func unpackRelease(t *testing.T, path string) (releaseManifest, map[string][]byte) {
	t.Helper()
	packed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := archive(t, packed)
	var manifest releaseManifest
	if err := yaml.Unmarshal(files["release.MF"], &manifest); err != nil {
		t.Fatal(err)
	}
	return manifest, files
}

func TestReleaseIsTheSameTwice(t *testing.T) {
	t.Parallel()
	first, _ := readRelease(t, "PKS_TEST_RELEASE")
	second, _ := readRelease(t, "PKS_TEST_RELEASE_AGAIN")
	if len(first.Packages) == 0 || len(first.Jobs) == 0 {
		t.Fatalf("the release has %d packages and %d jobs", len(first.Packages), len(first.Jobs))
	}
	if diff := cmp.Diff(first.fingerprints(), second.fingerprints()); diff != "" {
		t.Error(diff)
	}
}

// What is in a package makes VMs compile again when it changes: tests and documents
// are no reason to.
func TestPackagesHoldWhatIsCompiledAndNoMore(t *testing.T) {
	t.Parallel()
	manifest, files := readRelease(t, "PKS_TEST_RELEASE")
	for _, p := range manifest.Packages {
		for name := range archive(t, files["packages/"+p.Name+".tgz"]) {
			base := filepath.Base(name)
			if strings.HasSuffix(base, "_test.go") || strings.Contains(name, "/testdata/") || strings.Contains(name, ".git/") || strings.HasSuffix(base, "~") || strings.HasSuffix(base, ".md") && !strings.Contains(name, "vendor/") {
				t.Errorf("package %s holds %s", p.Name, name)
			}
		}
	}
}

// The packages compile as a Director has them compiled: in order, from their
// archives alone, in an empty environment without a network.
func TestPackagesCompileOffline(t *testing.T) {
	manifest, files := readRelease(t, "PKS_TEST_RELEASE")
	v := newVM(t, built.bin)
	if err := os.RemoveAll(v.path("packages")); err != nil {
		t.Fatal(err)
	}
	compiled := map[string]bool{}
	for len(compiled) < len(manifest.Packages) {
		before := len(compiled)
		for _, p := range manifest.Packages {
			ready := !slices.ContainsFunc(p.Dependencies, func(d string) bool { return !compiled[d] })
			if ready && !compiled[p.Name] {
				v.compile(p, files["packages/"+p.Name+".tgz"])
				compiled[p.Name] = true
			}
		}
		if len(compiled) == before {
			t.Fatalf("nothing more can be compiled after %v", slices.Collect(maps.Keys(compiled)))
		}
	}
	programs, err := os.ReadDir(v.path("packages/pks/bin"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range programs {
		names = append(names, p.Name())
		if out := v.must(nil, "unshare", "--net", "/var/vcap/packages/pks/bin/"+p.Name(), "-version"); !strings.Contains(out, "0.1.0-dev") {
			t.Errorf("%s is of version %s", p.Name(), out)
		}
	}
	want := []string{"delete-all-clusters", "pks-api", "pks-broker", "pks-service-adapter", "smoke-tests", "upgrade-all-clusters"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	keep(t, v.path("packages/pks"))
}

// compile does what an agent does (reference/bosh-release.md §15.5).
func (v *vm) compile(p releasePackage, packed []byte) {
	v.t.Helper()
	source := filepath.Join("data/compile", p.Name)
	v.write(source+".tgz", packed)
	v.mkdir(source)
	v.mkdir("packages/" + p.Name)
	v.must(nil, "tar", "-xzf", "/var/vcap/"+source+".tgz", "-C", "/var/vcap/"+source, "--no-same-owner")
	script := `cd "/var/vcap/` + source + `" && exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin BOSH_COMPILE_TARGET="$PWD" BOSH_INSTALL_TARGET=/var/vcap/packages/` + p.Name +
		` BOSH_PACKAGE_NAME=` + p.Name + ` BOSH_PACKAGE_VERSION=` + p.Fingerprint + ` bash -x packaging`
	r := v.runFor(compilePatience, nil, "unshare", "--net", "bash", "-c", script)
	if r.code != 0 {
		v.t.Fatalf("package %s: exit code %d\n%s%s", p.Name, r.code, r.stdout, r.stderr)
	}
	// Module caches and the like are read-only.
	v.must(nil, "rm", "-rf", "/var/vcap/"+source, "/var/vcap/"+source+".tgz")
}

// keep puts the compiled package where the other tests of the release look for it.
func keep(t *testing.T, from string) {
	t.Helper()
	dir := os.Getenv("PKS_TEST_COMPILED")
	if dir == "" {
		return
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// sameBytes compares what the embedded Director has compiled, in a sandbox of its
// own, with what TestPackagesCompileOffline has.
func (s *stack) sameBytes() {
	s.t.Helper()
	kept := os.Getenv("PKS_TEST_COMPILED")
	if kept == "" {
		return
	}
	found := ""
	err := filepath.WalkDir(s.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "/bin/pks-api") {
			found = filepath.Dir(path)
		}
		return err
	})
	if err != nil || found == "" {
		s.t.Fatalf("the Director has compiled no pks-api: %v", err)
	}
	once, again := digests(s.t, filepath.Join(kept, "bin")), digests(s.t, found)
	if diff := cmp.Diff(once, again); diff != "" {
		s.t.Errorf("compiled twice, the programs differ:\n%s", diff)
	}
}

func digests(t *testing.T, dir string) map[string][sha256.Size]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][sha256.Size]byte{}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = sha256.Sum256(content)
	}
	return all
}
