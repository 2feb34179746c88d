package director_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/erb"
	"github.com/pks-community/pks-release/src/local/machine"
	localrelease "github.com/pks-community/pks-release/src/local/release"
)

func TestADeployWhoseTemplatesFailIsRefused(t *testing.T) {
	t.Parallel()
	b := start(t, setup{templates: func(specs []machine.Spec) ([]localrelease.TemplateFault, error) {
		if len(specs) != 6 || specs[0].Jobs[0].Properties == nil {
			t.Errorf("rendered for %d machines", len(specs))
		}
		return []localrelease.TemplateFault{
			{Group: "master", Job: "web", Messages: []string{"Error filling in template 'a' (line 1: one)", "Error filling in template 'b' (line 2: two)"}},
			{Group: "master", Job: "chk", Messages: []string{"three"}},
			{Group: "worker", Job: "web", Messages: []string{"four"}},
		}, nil
	}})
	failed := b.deploy(d1, "", "error")
	script := b.script(failed.ID)
	want := "error 100 Unable to render instance groups for deployment. Errors are:\n" +
		"  - Unable to render jobs for instance group 'master'. Errors are:\n" +
		"    - Unable to render templates for job 'web'. Errors are:\n" +
		"      - Error filling in template 'a' (line 1: one)\n" +
		"      - Error filling in template 'b' (line 2: two)\n" +
		"    - Unable to render templates for job 'chk'. Errors are:\n" +
		"      - three\n" +
		"  - Unable to render jobs for instance group 'worker'. Errors are:\n" +
		"    - Unable to render templates for job 'web'. Errors are:\n" +
		"      - four"
	if got := script[len(script)-1]; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestWithoutRubyADeployOnlyWarns(t *testing.T) {
	t.Parallel()
	b := start(t, setup{templates: func([]machine.Spec) ([]localrelease.TemplateFault, error) { return nil, erb.ErrNoRuby }})
	done := b.deploy(d1, "", "done")
	if events := b.output(done.ID, "event"); !strings.Contains(events, "Templates of uploaded releases are not checked") || !strings.Contains(events, "ruby") {
		t.Error(events)
	}
}

// The library has what was uploaded, once the task has taken it in, until the release
// is deleted.
func TestUploadedReleasesAreKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	library, err := localrelease.OpenLibrary(dir)
	if err != nil {
		t.Fatal(err)
	}
	b := start(t, setup{releases: library})
	files := func() []string {
		t.Helper()
		var found []string
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				path, err = filepath.Rel(dir, path)
				found = append(found, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	upload := func(query, archive, state string) {
		t.Helper()
		b.run(b.do("POST", "/releases"+query, archive, "Content-Type", "application/x-compressed"), state)
	}
	want := func(what string, wanted ...string) {
		t.Helper()
		if diff := cmp.Diff(wanted, files()); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	first := release(t)
	upload("", first, "done")
	want("uploaded", "kept/up/3.0.tgz")
	upload("", tgz(t, map[string]string{"release.MF": "name: up\nversion: 3.0\n"}), "done")
	want("uploaded again", "kept/up/3.0.tgz")
	if text, err := os.ReadFile(filepath.Join(dir, "kept/up/3.0.tgz")); err != nil || string(text) != first {
		t.Errorf("the archive of a release was replaced, %v", err)
	}
	other := tgz(t, map[string]string{"release.MF": "name: up\nversion: 3.0\n"})
	upload("?fix=true", other, "done")
	if text, err := os.ReadFile(filepath.Join(dir, "kept/up/3.0.tgz")); err != nil || string(text) != other {
		t.Errorf("the archive was not replaced, %v", err)
	}
	upload("", "nonsense", "error")
	upload("", tgz(t, map[string]string{"a": ""}), "error")
	want("what is no release", "kept/up/3.0.tgz")
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(tgz(t, map[string]string{"release.MF": "name: up\nversion: 4\n"})))
	}))
	defer web.Close()
	b.run(b.do("POST", "/releases", fmt.Sprintf(`{"location":%q}`, web.URL), "Content-Type", "application/json"), "done")
	want("a remote one", "kept/up/3.0.tgz", "kept/up/4.tgz")
	b.run(b.do("DELETE", "/releases/up?version=3.0", ""), "done")
	want("deleted", "kept/up/4.tgz")
	b.run(b.do("POST", "/cleanup", `{"config":{"remove_all":true}}`, "Content-Type", "application/json"), "done")
	want("cleaned up")
}
