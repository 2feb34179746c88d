package spec

import (
	"bytes"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// checked remembers scripts, which are mostly the same in all cases of a job.
var checked sync.Map

// checkScripts has every script read by the shell, and by shellcheck where that is
// installed.
func checkScripts(t *testing.T, files map[string][]byte) {
	t.Helper()
	for target, content := range files {
		if !strings.HasPrefix(target, "bin/") {
			continue
		}
		if _, twice := checked.LoadOrStore(string(content), true); twice {
			continue
		}
		if !bytes.HasPrefix(content, []byte("#!/bin/bash\n")) {
			t.Errorf("%s does not begin with #!/bin/bash", target)
		}
		if out, err := run(t, content, "bash", "-n"); err != nil {
			t.Errorf("%s: %v: %s", target, err, out)
		}
		if _, err := exec.LookPath("shellcheck"); err != nil {
			continue
		}
		if out, err := run(t, content, "shellcheck", "-"); err != nil {
			t.Errorf("%s: %v: %s", target, err, out)
		}
	}
}

func run(t *testing.T, stdin []byte, program string, args ...string) ([]byte, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, args...)
	command.Stdin = bytes.NewReader(stdin)
	return command.CombinedOutput()
}
