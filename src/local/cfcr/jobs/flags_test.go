package jobs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/local/kubernetes"
)

// flagsOf117 are the flags that a program of Kubernetes 1.17 had and that are of use on Linux.
func flagsOf117(t *testing.T, program string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "flags-1.17", program))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// builtKubernetes are the folders of the built versions; the test is skipped without them.
func builtKubernetes(t *testing.T) []kubernetes.Release {
	t.Helper()
	return Binaries(t).Kubernetes
}

// Binaries are what 'make kubernetes' has built; the test is skipped without it.
func Binaries(t *testing.T) kubernetes.Binaries {
	t.Helper()
	recipes, err := kubernetes.FindRecipes("", "../../../../tools/kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := kubernetes.DefaultDir()
	if err != nil {
		t.Skip(err)
	}
	built, err := kubernetes.Open(dir, recipes).Binaries()
	if errors.Is(err, kubernetes.ErrNotBuilt) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// TestGoneFlagsAreThoseOfThePrograms holds the tables against the programs: a flag of 1.17 is taken by the
// program or is in the table of those that are gone, never both.
func TestGoneFlagsAreThoseOfThePrograms(t *testing.T) {
	t.Parallel()
	if os.Getenv("PKS_TEST_KUBERNETES") == "" {
		t.Skip("it asks the programs some hundred times: 'make test-kubernetes' runs it")
	}
	releases := builtKubernetes(t)
	for i, release := range releases {
		minor, err := minorOf(release.Version)
		if err != nil {
			t.Fatal(err)
		}
		newest := i == len(releases)-1
		for _, program := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"} {
			t.Run(release.Version+"/"+program, func(t *testing.T) {
				t.Parallel()
				path := filepath.Join(release.Dir, "bin", program)
				help := output(t, path, "--help")
				all := flagsOf117(t, program)
				for _, g := range goneFlags(program) {
					if !slices.Contains(all, g.name) {
						t.Errorf("--%s is in the table, but Kubernetes 1.17 had none", g.name)
					}
				}
				for _, flag := range all {
					_, gone := goneFlag(program, flag, minor)
					has := strings.Contains(help, " --"+flag+" ")
					if !has && !newest {
						continue // deprecated or gone: the newest version tells
					}
					// What is deprecated is taken although --help is silent about it.
					has = has || !strings.Contains(output(t, path, "--"+flag+"=1", "--help"), "unknown flag")
					if has == gone {
						t.Errorf("--%s: the program has it: %t, the table says it is gone: %t", flag, has, gone)
					}
				}
			})
		}
	}
}

// TestKnownGatesAreThoseOfThePrograms: what the programs list is known.
func TestKnownGatesAreThoseOfThePrograms(t *testing.T) {
	t.Parallel()
	for _, release := range builtKubernetes(t) {
		minor, err := minorOf(release.Version)
		if err != nil {
			t.Fatal(err)
		}
		known := gatesOf(minor)
		if known == nil {
			t.Errorf("the feature gates of %s are not listed", release.Version)
		}
		for _, program := range []string{"kube-apiserver", "kubelet"} {
			listed := 0
			for line := range strings.Lines(output(t, filepath.Join(release.Dir, "bin", program), "--help")) {
				name, rest, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "kube:")), "=true|false")
				if !ok || !strings.HasPrefix(rest, " (") {
					continue
				}
				listed++
				if at := strings.LastIndexByte(name, ' '); at >= 0 {
					name = name[at+1:]
				}
				name = strings.TrimPrefix(name, "kube:")
				if !slices.Contains(known, name) {
					t.Errorf("%s %s knows gate %s", program, release.Version, name)
				}
			}
			if listed < 20 {
				t.Errorf("%s %s lists only %d gates", program, release.Version, listed)
			}
		}
	}
}

func output(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out)
}
