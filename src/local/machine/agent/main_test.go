package agent_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pks-community/pks-release/src/local/machine/agent"
)

// An agent collects all children of its program, so each test has one in a process of its own: the
// test program started again.
const agentCommand = "agent"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == agentCommand {
		os.Exit(runAgent(os.Args[2]))
	}
	os.Exit(m.Run())
}

func runAgent(configPath string) int {
	if err := serveAgent(configPath); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serveAgent(configPath string) error {
	data, err := os.ReadFile(configPath)
	if err != nil {
		return err
	}
	var c agent.Config
	if err := json.Unmarshal(data, &c); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	if err := os.Chdir(filepath.Dir(configPath)); err != nil {
		return err
	}
	listener, err := net.Listen("unix", "agent.sock")
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	fmt.Println("ready")
	return agent.Serve(ctx, c, listener)
}

// patience is how long a test waits for what comes at once on an idle computer.
const patience = 30 * time.Second

// running is an agent with its folder.
type running struct {
	*agent.Client
	dir string
	cmd *exec.Cmd
}

// startAgent starts an agent whose pauses are short.
func startAgent(t *testing.T, change ...func(*agent.Config)) *running {
	t.Helper()
	dir := t.TempDir()
	c := agent.Config{
		Name: "worker-0", Address: netip.MustParseAddr("127.0.0.1"), Vcap: filepath.Join(dir, "vcap"), Confine: dir,
		HostsFile: filepath.Join(dir, "hosts"), Shared: true,
		Environment: map[string]string{"PATH": os.Getenv("PATH"), "HOME": dir},
		FirstPause:  10 * time.Millisecond, LastPause: 50 * time.Millisecond, Patience: 5 * time.Second,
	}
	for _, f := range change {
		f(&c)
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "config.json")
	if err := os.WriteFile(config, data, 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, agentCommand, config)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // the race detector lingers
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("agent: %v", err)
		}
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("agent does not start: %v", err)
	}
	return &running{agent.NewClient(filepath.Join(dir, "agent.sock")), dir, cmd}
}

func (r *running) path(elements ...string) string {
	return filepath.Join(append([]string{r.dir}, elements...)...)
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sh is a command that runs a script.
func sh(script string, args ...any) agent.Command {
	return agent.Command{Args: []string{"sh", "-c", fmt.Sprintf(script, args...)}}
}

func plan(processes ...agent.Process) agent.Plan {
	return agent.Plan{Jobs: []agent.Job{{Name: "job", Processes: processes}}}
}

// pipe is a named pipe into which scripts write what happens, line by line.
type pipe struct {
	path  string
	lines *bufio.Reader
	file  *os.File
}

func newPipe(t *testing.T) pipe {
	t.Helper()
	path := filepath.Join(t.TempDir(), "events")
	must(t, syscall.Mkfifo(path, 0o600))
	// Opened for writing too, so that there is no end between two writers.
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return pipe{path, bufio.NewReader(f), f}
}

// next waits for a line.
func (p pipe) next(t *testing.T) string {
	t.Helper()
	must(t, p.file.SetReadDeadline(time.Now().Add(patience)))
	line, err := p.lines.ReadString('\n')
	if err != nil {
		t.Fatalf("no event: %v", err)
	}
	return strings.TrimSpace(line)
}

func (p pipe) expect(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := p.next(t); got != w {
			t.Fatalf("event %q, want %q", got, w)
		}
	}
}

// eventually asks again and again until the answer is yes.
func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !yes() {
		select {
		case <-deadline.C:
			t.Fatalf("%s: not within %s", what, patience)
		case <-ticker.C:
		}
	}
}

// waitJob waits until the machine's job state is this.
func (r *running) waitJob(t *testing.T, want string) {
	t.Helper()
	eventually(t, "job state "+want, func() bool {
		s, err := r.State(testContext(t))
		must(t, err)
		return s.Job == want
	})
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }
