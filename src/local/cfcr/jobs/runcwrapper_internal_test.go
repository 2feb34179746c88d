package jobs

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRuncWrapperAdaptsTheBundleAndBecomesRunc(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "config.json")
	const before = `{"ociVersion":"1.2.0","process":{"oomScoreAdj":-998},"linux":{"cgroupsPath":"/k8s/x","resources":{"memory":{"limit":9007199254740993}},"maskedPaths":["/proc/acpi"]},
"mounts":[{"type":"devpts","destination":"/dev/pts","options":["nosuid","gid=5","mode=0620"]},{"type":"tmpfs","options":["gid=5"]}],"x":9007199254740993}`
	const after = `{"ociVersion":"1.2.0","process":{"oomScoreAdj":-998},"linux":{"maskedPaths":["/proc/acpi"]},
"mounts":[{"type":"devpts","destination":"/dev/pts","options":["nosuid","mode=0620"]},{"type":"tmpfs","options":["gid=5"]}],"x":9007199254740993}`
	for _, args := range [][]string{
		{"--root", "/r", "create", "--bundle", dir, "id"}, {"create", "--bundle=" + dir, "id"}, {"create", "-b", dir, "id"},
	} {
		if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		var program string
		var became []string
		err := runcWrapper(append([]string{"/bin/runc"}, args...), func(p string, a []string) error {
			program, became = p, a
			return nil
		})
		if err != nil || program != "/bin/runc" {
			t.Fatal(program, err)
		}
		if diff := cmp.Diff(append([]string{"runc"}, args...), became); diff != "" {
			t.Error(diff)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tree(t, after), tree(t, string(got))); diff != "" {
			t.Errorf("specification (-want +got):\n%s", diff)
		}
		if !json.Valid(got) || !strings.Contains(string(got), "9007199254740993") {
			t.Errorf("a number was rounded: %s", got)
		}
	}
}

func tree(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestRuncWrapperFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	fine := func(string, []string) error { return nil }
	for name, c := range map[string]struct {
		args   []string
		become func(string, []string) error
	}{
		"no program":   {nil, fine},
		"no bundle":    {[]string{"runc", "create", "--bundle", filepath.Join(dir, "none")}, fine},
		"not a bundle": {[]string{"runc", "create", "--bundle", dir}, fine},
		"no runc":      {[]string{"runc", "list"}, func(string, []string) error { return errors.New("no such file") }},
	} {
		if err := runcWrapper(c.args, c.become); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if code := RuncWrapper([]string{filepath.Join(dir, "none"), "list"}); code != 1 {
		t.Errorf("exit code %d", code)
	}
}

func FuzzAdaptSpecification(f *testing.F) {
	for _, seed := range []string{`{}`, `null`, `{"linux":[]}`, `{"mounts":[1,{"type":"devpts","options":[1,"gid=5"]}]}`, `{"linux":{"resources":1}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		adapted, err := adaptSpecification(text)
		if err == nil && !json.Valid(adapted) {
			t.Errorf("%q became %q", text, adapted)
		}
	})
}
