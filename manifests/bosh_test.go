// Package manifests_test holds the deployment manifest, its operations files and the cloud configs: what
// the public bosh CLI makes of them, a Director, the templates of the release, and the programs that
// read what the templates write.
package manifests_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var scratch string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "pks-manifests-*"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	return m.Run()
}

// boshCLI is the public bosh program: that of PKS_TEST_BOSH, else the one that the repository builds.
var boshCLI = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("PKS_TEST_BOSH"); path != "" {
		return path, nil
	}
	const cached = "../.cache/bin/bosh"
	if _, err := os.Stat(cached); err == nil {
		return filepath.Abs(cached)
	}
	path := filepath.Join(scratch, "bosh")
	build := exec.Command("go", "build", "-C", "../tools/bosh", "-trimpath", "-buildvcs=false", "-o", path, "github.com/cloudfoundry/bosh-cli/v7")
	if out, err := build.CombinedOutput(); err != nil {
		return "", errors.New("build the bosh program: " + string(out))
	}
	return path, nil
})

// bosh runs the program and returns what it prints.
func bosh(t *testing.T, env []string, args ...string) (string, error) {
	t.Helper()
	program, err := boshCLI()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "BOSH_NON_INTERACTIVE=true"}, env...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("bosh %v: %w\n%s%s", args, err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}

func mustBOSH(t *testing.T, env []string, args ...string) string {
	t.Helper()
	out, err := bosh(t, env, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// write makes a file of the test's own.
func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
