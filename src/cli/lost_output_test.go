package cli_test

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/cli"
)

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestResultThatCannotBeWrittenIsAFailure(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorld(t, dir)
	t.Cleanup(w.close)
	environment := map[string]string{"PKS_HOME": dir, "PKS_USER_PASSWORD": "pa55 wörd", "HOME": dir}
	run := func(out io.Writer, args ...string) (int, string) {
		var complaint bytes.Buffer
		exit := cli.Run(t.Context(), args, cli.System{
			Name: "pks", In: strings.NewReader(""), Out: out, Err: &complaint,
			Getenv: func(name string) string { return environment[name] },
		})
		return exit, complaint.String()
	}
	if exit, complaint := run(&bytes.Buffer{}, "login", "-a", w.api.URL, "-u", "alana", "--ca-cert", filepath.Join(dir, "ca.pem")); exit != 0 {
		t.Fatalf("login: %d %s", exit, complaint)
	}
	for _, command := range []string{"plans", "plans --json", "clusters", "clusters --json"} {
		exit, complaint := run(fullDisk{}, strings.Fields(command)...)
		if exit != 1 || !strings.Contains(complaint, "output could not be written: no space left on device") {
			t.Errorf("%s: exit %d, %q", command, exit, complaint)
		}
	}
}

func TestEmptyClusterNameIsAWrongCommandLine(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"cluster", "delete-cluster", "get-credentials", "resize", "create-cluster"} {
		var complaint bytes.Buffer
		exit := cli.Run(t.Context(), []string{command, ""}, cli.System{
			Name: "pks", In: strings.NewReader(""), Out: &bytes.Buffer{}, Err: &complaint, Getenv: func(string) string { return "" },
		})
		if exit != 2 || !strings.Contains(complaint.String(), "CLUSTER-NAME is empty") {
			t.Errorf("%s: exit %d, %q", command, exit, complaint.String())
		}
	}
}
