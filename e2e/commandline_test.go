package e2e

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

const commandLineScripts = "testdata/commandline"

// TestCommandLine runs testdata/commandline/*.txtar: the built pks against one embedded
// stack. Commands beside testscript's own:
//
//	run [-CODE] CMD...                 runs the command and wants its exit code, 0 without
//	terminal [-CODE] [-say TEXT] CMD... the same on a terminal; what is typed is said when a prompt shows
//
// What they leave for stdout and stderr has UUIDs, addresses, times and versions
// taken out. UPDATE_SCRIPTS writes the golden files.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	testscript.Run(t, testscript.Params{
		Dir:                 commandLineScripts,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			bin := filepath.Join(env.WorkDir, "bin")
			if err := os.Mkdir(bin, 0o700); err != nil {
				return err
			}
			for _, name := range []string{"pks", "tkgi"} {
				if err := os.Symlink(s.program("pks"), filepath.Join(bin, name)); err != nil {
					return err
				}
			}
			for name, value := range map[string]string{
				"PATH": bin + ":" + os.Getenv("PATH"), "HOME": env.WorkDir, "PKS_HOME": filepath.Join(env.WorkDir, "home"),
				"KUBECONFIG": filepath.Join(env.WorkDir, "kubeconfig"), "TZ": "UTC", "TERM": "xterm", "PKS_USER_PASSWORD": "",
				"API": s.apiURL(), "UAA": s.uaaURL(), "CA": s.caFile(),
				"ADMIN": s.secret("admin_password"), "DEVELOPER": s.secret("developer_password"), "VIEWER": s.secret("viewer_password"),
			} {
				env.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"run": runPiped, "terminal": runOnTerminal},
	})
}

// wantedExit takes -CODE from the front of args.
func wantedExit(ts *testscript.TestScript, neg bool, args []string) (string, []string) {
	code := "0"
	if len(args) > 0 && len(args[0]) == 2 && args[0][0] == '-' {
		code, args = args[0][1:], args[1:]
	}
	if neg || len(args) == 0 {
		ts.Fatalf("usage: run|terminal [-CODE] [-say TEXT]... COMMAND ARG...")
	}
	return code, args
}

func exitOf(ts *testscript.TestScript, err error) string {
	if err == nil {
		return "0"
	}
	text, found := strings.CutPrefix(err.Error(), "exit status ")
	if !found {
		ts.Fatalf("%v", err)
	}
	return text
}

func runPiped(ts *testscript.TestScript, neg bool, args []string) {
	code, args := wantedExit(ts, neg, args)
	got := exitOf(ts, ts.Exec(args[0], args[1:]...))
	stdout, stderr := ts.ReadFile("stdout"), ts.ReadFile("stderr")
	_, _ = io.WriteString(ts.Stdout(), tidy(stdout)) // buffers
	_, _ = io.WriteString(ts.Stderr(), tidy(stderr))
	if got != code {
		ts.Fatalf("the exit code is %s, want %s", got, code)
	}
}

func runOnTerminal(ts *testscript.TestScript, neg bool, args []string) {
	code, args := wantedExit(ts, neg, args)
	var say []string
	for len(args) > 1 && args[0] == "-say" {
		say, args = append(say, args[1]), args[2:]
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	program, err := exec.LookPath(filepath.Join(ts.Getenv("WORK"), "bin", args[0]))
	ts.Check(err)
	cmd := exec.CommandContext(ctx, program, args[1:]...)
	cmd.Args[0], cmd.Dir = args[0], ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "PKS_HOME", "KUBECONFIG", "TZ", "TERM", "NO_COLOR"} {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	screen, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 120})
	ts.Check(err)
	shown := converse(screen, say)
	got := exitOf(ts, cmd.Wait())
	_, _ = io.WriteString(ts.Stdout(), tidy(settled(shown))) // a buffer
	if got != code {
		ts.Fatalf("the exit code is %s, want %s", got, code)
	}
}

// converse reads what shows until the program has ended, and types the next line
// when it waits behind a prompt.
func converse(screen *os.File, say []string) string {
	defer screen.Close()
	prompt := regexp.MustCompile(`(\(y/n\):?|[a-z]:) $`)
	var shown bytes.Buffer
	chunk := make([]byte, 4096)
	for {
		n, err := screen.Read(chunk)
		shown.Write(chunk[:n])
		if err != nil { // EIO: the program has ended
			return shown.String()
		}
		if len(say) > 0 && prompt.Match(shown.Bytes()) {
			_, _ = screen.WriteString(say[0] + "\n") // a program that has ended needs no answer
			say = say[1:]
		}
	}
}

// settled is what stands on the screen in the end: without what was drawn over,
// and with escape characters that can be seen.
func settled(shown string) string {
	redrawn := regexp.MustCompile(`^\x1b\[(\d+)A\x1b\[J`)
	var lines []string
	for line := range strings.Lines(strings.ReplaceAll(shown, "\r", "")) {
		for {
			up := redrawn.FindStringSubmatch(line)
			if up == nil {
				break
			}
			n, _ := strconv.Atoi(up[1]) // the form has digits only
			lines, line = lines[:max(0, len(lines)-n)], strings.TrimPrefix(line, up[0])
		}
		lines = append(lines, line)
	}
	return strings.ReplaceAll(strings.Join(lines, ""), "\x1b", "^[")
}

// tidy takes out what is another at every run.
func tidy(text string) string {
	for _, rule := range []struct{ form, stands string }{
		{`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, "00000000-0000-0000-0000-000000000000"},
		{`\b(worker|master|apply-addons)/[0-9a-f]{8}\b`, "$1/00000000"},
		{`https://127\.0\.0\.1:\d+`, "https://API"},
		{`127\.\d+\.\d+\.\d+`, "IP"},
		{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`, "TIME"},
		{`[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d UTC`, "DATE"},
		{`(?m)^\d\d:\d\d:\d\d `, "TIME "},
		{`\b\d\d:\d\d\b`, "00:00"},
		{`\b0\.\d+\.\d+-(build\.\d+|dev)\b`, "VERSION"},
	} {
		text = regexp.MustCompile(rule.form).ReplaceAllString(text, rule.stands)
	}
	return text
}

// Every command is run by a script, and every exit code is seen.
func TestCommandLineScriptsLeaveNothingOut(t *testing.T) {
	t.Parallel()
	var scripts bytes.Buffer
	files, err := fs.Glob(os.DirFS(commandLineScripts), "*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(commandLineScripts, file))
		if err != nil {
			t.Fatal(err)
		}
		scripts.Write(text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, filepath.Join(built.bin, "pks"), "__complete", "").Output()
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for line := range strings.Lines(string(out)) {
		name, _, found := strings.Cut(line, "\t")
		if !found || name == "help" {
			continue
		}
		if !regexp.MustCompile(`(?m)^(run|terminal).*\b(pks|tkgi) ` + name + `\b`).Match(scripts.Bytes()) {
			missing = append(missing, name)
		}
	}
	for _, code := range []string{"1", "2", "3", "4", "5", "6"} {
		if !bytes.Contains(scripts.Bytes(), []byte("\nrun -"+code+" ")) {
			missing = append(missing, "exit code "+code)
		}
	}
	slices.Sort(missing)
	if diff := cmp.Diff([]string(nil), missing); diff != "" {
		t.Errorf("no script shows\n%s", diff)
	}
}
