package jobs_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestScriptsAreSound(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("scripts/*.sh")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "#!/bin/bash\n# ") || !strings.Contains(string(text), "\nset -euo pipefail\n") {
			t.Errorf("%s: a script says what it does and stops at the first error", file)
		}
		if out, err := exec.CommandContext(t.Context(), "bash", "-n", file).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
	checker, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("shellcheck is not installed")
	}
	if out, err := exec.CommandContext(t.Context(), checker, files...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// stage is where one script runs with stand-ins for the programs it calls. They take no time.
type stage struct {
	*testing.T
	dir string
	env map[string]string
}

func newStage(t *testing.T, env map[string]string) *stage {
	t.Helper()
	s := &stage{T: t, dir: t.TempDir(), env: map[string]string{"PATIENCE": "0"}}
	for name, value := range env {
		s.env[name] = value
	}
	s.program("sleep", "exit 0")
	return s
}

// program adds a stand-in, written for bash.
func (s *stage) program(name, text string) {
	s.Helper()
	s.file("bin/"+name, "#!/bin/bash\n"+text+"\n", 0o755)
}

// recorded adds a stand-in that writes its arguments down, and fails with a message when they match.
func (s *stage) recorded(name, failing, message string) {
	s.Helper()
	s.program(name, fmt.Sprintf(`echo "%s $*" >>%s/calls
case "$*" in %s) echo %q >&2; exit 1 ;; esac`, name, s.dir, or(failing, "never"), message))
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (s *stage) file(name, text string, mode os.FileMode) string {
	s.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		s.Fatal(err)
	}
	return path
}

// run runs a script and returns whether it went well, and what it said, once everything it has started ended.
func (s *stage) run(script string, args ...string) (bool, string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", append([]string{"scripts/" + script}, args...)...)
	cmd.Env = []string{"PATH=" + s.dir + "/bin:" + os.Getenv("PATH"), "HOME=" + s.dir}
	for name, value := range s.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	r, w, err := os.Pipe()
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	cmd.ExtraFiles = []*os.File{w} // open for as long as a descendant lives
	out, failed := cmd.CombinedOutput()
	_ = w.Close()
	if err := r.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		s.Fatal(err)
	}
	if _, err := io.ReadAll(r); err != nil {
		s.Fatalf("something that %s started does not end: %v", script, err)
	}
	return failed == nil, string(out)
}

// calls are the recorded calls, without the time limits that each has.
func (s *stage) calls() []string {
	s.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "calls"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		s.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		var words []string
		for _, word := range strings.Fields(line) {
			if !strings.HasPrefix(word, "--request-timeout=") {
				words = append(words, word)
			}
		}
		out = append(out, strings.Join(words, " "))
	}
	return out
}

// TestStopEndsContainers runs in namespaces of its own, for the script ends all containers that it sees.
func TestStopEndsContainers(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	shell, err := os.ReadFile("/bin/bash")
	if err != nil {
		t.Skip(err)
	}
	s.file("bin/containerd-shim-x", string(shell), 0o755)
	s.file("bin/inside", string(shell), 0o755)
	isolated := []string{"--user", "--map-root-user", "--pid", "--fork", "--mount-proc"}
	if out, err := exec.CommandContext(t.Context(), "unshare", append(isolated, "true")...).CombinedOutput(); err != nil {
		t.Skipf("no namespaces: %s", out)
	}
	const play = `
wait='while :; do read -t 60 <> <(:); done'
containerd-shim-x -c "inside -c 'inside -c \"$wait\" & $wait' & $wait" &
bash -c "$wait" &
other=$!
named() { cat /proc/[0-9]*/comm 2>/dev/null | grep -c "^$1"; }
for _ in {1..500}; do [[ $(named containerd-shim) -ge 1 && $(named inside) -ge 2 ]] && break; /bin/sleep 0.02; done
[[ $(named inside) -ge 2 ]] && bash scripts/docker-post-stop.sh
for _ in {1..500}; do [[ $(named containerd-shim) == 0 && $(named inside) == 0 ]] && break; /bin/sleep 0.02; done
echo "$(named containerd-shim) and $(named inside) left"
kill -0 $other && echo "others live"`
	cmd := exec.CommandContext(t.Context(), "unshare", append(isolated, "bash", "-c", play)...)
	cmd.Env = []string{"PATH=" + s.dir + "/bin:" + os.Getenv("PATH")}
	out, err := cmd.Output()
	if err != nil || string(out) != "0 and 0 left\nothers live\n" {
		t.Errorf("%v\n%s", err, out)
	}
}
