package manifests_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// made are the passwords and certificates of pks.yml: making keys takes long, so all sites share them.
var made = sync.OnceValues(func() ([]byte, error) {
	program, err := boshCLI()
	if err != nil {
		return nil, err
	}
	store := filepath.Join(scratch, "store.yml")
	cmd := exec.Command(program, "int", "pks.yml", "--vars-store", store, "-v", "api_hostname=api.pks.example.com")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return os.ReadFile(store)
})

// varsStore is a file with what is made, which the test may change.
func varsStore(t *testing.T) string {
	t.Helper()
	content, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "store.yml", content)
}

// interpolate lets the bosh CLI fill in a site's variables and make its passwords and certificates; one
// that is missing or not needed is an error.
func interpolate(t *testing.T, s site) map[string]any {
	t.Helper()
	args := append([]string{"int", "pks.yml", "--var-errs", "--vars-store", varsStore(t), "-l", varsFile(t, s)}, s.operations()...)
	return parseYAML(t, []byte(mustBOSH(t, nil, args...)))
}

func TestManifestIsCompleteWithEveryOperationsFileAlone(t *testing.T) {
	t.Parallel()
	for _, s := range alone(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			manifest := interpolate(t, s)
			if manifest["name"] != "pks" {
				t.Errorf("the deployment is called %v", manifest["name"])
			}
			// Nothing is asked for in vain: a value that no file wants is an error of bosh, too.
			args := append([]string{"int", "pks.yml", "--var-errs-unused", "-l", varsFile(t, s)}, s.operations()...)
			mustBOSH(t, nil, args...)
		})
	}
}

func TestManifestIsCompleteInEveryCombination(t *testing.T) {
	t.Parallel()
	for _, s := range combinations(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			interpolate(t, s)
		})
	}
}

func TestMissingVariableIsAnError(t *testing.T) {
	t.Parallel()
	vars := values(t)
	delete(vars, "api_hostname")
	out, err := bosh(t, nil, "int", "pks.yml", "--var-errs", "--vars-store", varsStore(t), "-l", writeYAML(t, "vars.yml", vars))
	if err == nil || !strings.Contains(err.Error(), "api_hostname") {
		t.Errorf("%v %s", err, out)
	}
}

func TestREADMEListsEveryFile(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("operations/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	var files, used []string
	for _, path := range paths {
		files = append(files, filepath.Base(path))
	}
	listed := slices.Sorted(maps.Keys(variables(t)))
	if diff := cmp.Diff(files, listed); diff != "" {
		t.Errorf("operations files (-there +listed):\n%s", diff)
	}
	clouds, err := filepath.Glob("cloud-config/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range combinations(t) {
		used = append(used, s.cloud)
	}
	for _, path := range clouds {
		if !slices.Contains(used, filepath.Base(path)) {
			t.Errorf("no combination uses %s", path)
		}
	}
}

// Every operations file, and every cloud config, says at its top what it is for.
func TestFilesBeginWithWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("*/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(paths, "pks.yml", "vars-template.yml") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "# ") {
			t.Errorf("%s begins without a comment", path)
		}
	}
}
