package manifests_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The other tests deploy the jobs of this repository without their packages. These two, which make
// test-release runs, deploy the release as it is built.

// builtRelease is the archive that make test-release has built.
func builtRelease(t *testing.T) string {
	t.Helper()
	path := os.Getenv("PKS_TEST_RELEASE")
	if path == "" {
		t.Skip("PKS_TEST_RELEASE does not say where the release is; make test-release does")
	}
	return path
}

func TestReleaseAsBuiltIsDeployed(t *testing.T) {
	t.Parallel()
	path := builtRelease(t)
	s := combinations(t)[0]
	b := startDirector(t, allReleases(), allStemcells())
	b.prepare(t, s)
	mustBOSH(t, b.env, "upload-release", path)
	var listed struct {
		Tables []struct{ Rows []map[string]string }
	}
	if err := json.Unmarshal([]byte(mustBOSH(t, b.env, "inspect-local-release", path, "--json")), &listed); err != nil {
		t.Fatal(err)
	}
	version := listed.Tables[0].Rows[0]["version"]
	if out, err := b.deploy(t, s, "-v", "pks_version="+version); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := b.machines.specs[0].Releases["pks"]; got != version {
		t.Errorf("pks/%s was deployed, not %s", got, version)
	}
}

// The release is made by the deploy itself, from a checkout as make stage has prepared it: here a copy,
// since bosh notes there what it has built.
func TestDevReleaseIsMadeByTheDeploy(t *testing.T) {
	t.Parallel()
	builtRelease(t)
	checkout := t.TempDir()
	for _, part := range []string{"LICENSE", "blobs", "config", "jobs", "packages", "src"} {
		if out, err := exec.CommandContext(t.Context(), "cp", "-a", filepath.Join("..", part), filepath.Join(checkout, part)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	s := site{name: "dev-release.yml", cloud: "vsphere.yml", files: []string{"dev-release.yml"}}
	b := startDirector(t, allReleases(), allStemcells())
	b.prepare(t, s)
	if out, err := b.deploy(t, s, "-v", "pks_release_dir="+checkout); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := b.machines.specs[0].Releases["pks"]; got == "0.1.0" || got == "" {
		t.Errorf("pks/%s was deployed", got)
	}
}
