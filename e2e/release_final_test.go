package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// docs/release.md tells how a final release is made; here it is done in a copy of the
// repository, after make test-release has staged what belongs to it.
func TestReleaseCanBeFinal(t *testing.T) {
	t.Parallel()
	dev, _ := readRelease(t, "PKS_TEST_RELEASE")
	dir, home := filepath.Join(t.TempDir(), "pks-release"), t.TempDir()
	run := func(program string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir = dir
		cmd.Env = []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + home, "BOSH_NON_INTERACTIVE=true", "GIT_CONFIG_NOSYSTEM=1",
			"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com",
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", program, args, err, out)
		}
		return string(out)
	}
	commit := func() {
		t.Helper()
		run("git", "add", "-A")
		run("git", "commit", "-q", "-m", "a step")
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"LICENSE", ".gitignore", "config", "jobs", "packages", "src", "blobs"} {
		copyTree(t, filepath.Join("..", name), filepath.Join(dir, name))
	}
	run("git", "init", "-q")
	commit()
	run(built.bosh, "upload-blobs")
	commit()
	tarball := filepath.Join(home, "final.tgz")
	run(built.bosh, "create-release", "--final", "--version", "1.2.3", "--tarball", tarball)
	if out := run("git", "status", "--short"); !strings.Contains(out, "releases/") || !strings.Contains(out, ".final_builds/") || strings.Contains(out, "blobs/") {
		t.Errorf("what is to be committed:\n%s", out)
	}
	commit()
	final, _ := unpackRelease(t, tarball)
	if final.Version != "1.2.3" || final.Name != "pks" {
		t.Errorf("%s %s", final.Name, final.Version)
	}
	if diff := cmp.Diff(dev.fingerprints(), final.fingerprints()); diff != "" {
		t.Error(diff)
	}
	// Anybody who has the blobs can make the same tarball again.
	run(built.bosh, "create-release", "releases/pks/pks-1.2.3.yml", "--tarball", filepath.Join(home, "again.tgz"))
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		err = os.CopyFS(to, os.DirFS(from))
	} else {
		var content []byte
		if content, err = os.ReadFile(from); err == nil {
			err = os.WriteFile(to, content, info.Mode().Perm())
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
