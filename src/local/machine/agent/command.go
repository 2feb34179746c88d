package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pks-community/pks-release/src/local/machine"
)

const (
	// keptOutput is how much of each output of a command is kept: the end.
	keptOutput = 1 << 20
	// drainPatience is how long output may still come after a command has ended: something that left
	// its process group may hold the pipe.
	drainPatience = time.Second
)

// launcher starts commands in the environment of the machine.
type launcher struct {
	config  Config
	spawner *spawner
}

// launch starts a command with the files as its output.
func (l launcher) launch(c Command, stdout, stderr *os.File) (*child, error) {
	if len(c.Args) == 0 || c.Args[0] == "" {
		return nil, errors.New("the command is empty")
	}
	environment := l.config.environment(c.Env)
	path, err := lookPath(c.Args[0], environment)
	if err != nil {
		return nil, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, fmt.Errorf("open the input of a command: %w", err)
	}
	defer null.Close()
	return l.spawner.start(path, c.Args, os.ProcAttr{
		Dir: l.config.home(), Env: environment, Files: []*os.File{null, stdout, stderr},
	})
}

func (c Config) home() string {
	if home := c.Environment["HOME"]; home != "" {
		return home
	}
	return "/"
}

// lookPath finds name in the PATH of the command, not in the agent's.
func lookPath(name string, environment []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, variable := range environment {
		list, found := strings.CutPrefix(variable, "PATH=")
		if !found {
			continue
		}
		for _, dir := range filepath.SplitList(list) {
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("program %s: %w", name, fs.ErrNotExist)
}

// outcome is how a command ended.
type outcome struct {
	machine.ErrandResult
	// TimedOut says that it was ended because of its Timeout.
	TimedOut bool
}

// run runs a command to its end. When ctx or its timeout ends, it gets SIGTERM and, after the
// patience, SIGKILL; that is an outcome too. logs, if any, take the output as well.
func (l launcher) run(ctx context.Context, c Command, logs ...io.Writer) (outcome, error) {
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.Timeout, errTimeout)
		defer cancel()
	}
	var stdoutLog, stderrLog io.Writer
	if len(logs) == 2 {
		stdoutLog, stderrLog = logs[0], logs[1]
	}
	stdout, err := newCapture(stdoutLog)
	if err != nil {
		return outcome{}, err
	}
	stderr, err := newCapture(stderrLog)
	if err != nil {
		stdout.finish(0)
		return outcome{}, err
	}
	child, err := l.launch(c, stdout.write, stderr.write)
	if err != nil {
		stdout.finish(0)
		stderr.finish(0)
		return outcome{}, err
	}
	stdout.started()
	stderr.started()
	select {
	case <-child.done:
	case <-ctx.Done():
		l.end(child, l.config.Patience)
	}
	result := outcome{TimedOut: errors.Is(context.Cause(ctx), errTimeout) && child.status.Signaled()}
	result.ExitCode = exitCode(child.status)
	result.Stdout = stdout.finish(drainPatience)
	result.Stderr = stderr.finish(drainPatience)
	return result, nil
}

var errTimeout = errors.New("timeout")

// end ends a child: SIGTERM to its group, SIGKILL after the patience. It returns when it is gone.
func (l launcher) end(c *child, patience time.Duration) {
	l.spawner.signal(c, syscall.SIGTERM)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-c.done:
		return
	case <-timer.C:
	}
	l.spawner.signal(c, syscall.SIGKILL)
	<-c.done
}

// capture keeps the end of what is written to a pipe.
type capture struct {
	read, write *os.File
	copied      sync.WaitGroup
	kept        tail
}

func newCapture(log io.Writer) (*capture, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe for the output: %w", err)
	}
	c := &capture{read: r, write: w, kept: tail{limit: keptOutput}}
	var to io.Writer = &c.kept
	if log != nil {
		to = io.MultiWriter(to, lenient{log})
	}
	c.copied.Go(func() { _, _ = io.Copy(to, r) }) // ends with the pipe or its deadline
	return c, nil
}

// started lets go of the end that the process has now.
func (c *capture) started() { _ = c.write.Close() }

// finish waits at most for the patience until all is read, and returns it.
func (c *capture) finish(patience time.Duration) string {
	_ = c.write.Close()
	_ = c.read.SetReadDeadline(time.Now().Add(patience))
	c.copied.Wait()
	_ = c.read.Close()
	return c.kept.String()
}

// lenient writes what it can: a full disk must not keep a command from ending.
type lenient struct{ io.Writer }

func (l lenient) Write(p []byte) (int, error) {
	_, _ = l.Writer.Write(p)
	return len(p), nil
}

// tail keeps the last limit bytes written to it.
type tail struct {
	limit   int
	data    []byte
	dropped int
}

func (t *tail) Write(p []byte) (int, error) {
	t.data = append(t.data, p...)
	if over := len(t.data) - 2*t.limit; over > 0 {
		t.cut()
	}
	return len(p), nil
}

func (t *tail) cut() {
	if over := len(t.data) - t.limit; over > 0 {
		t.data = append(t.data[:0], t.data[over:]...)
		t.dropped += over
	}
}

func (t *tail) String() string {
	t.cut()
	if t.dropped > 0 {
		return fmt.Sprintf("[%d bytes left out]\n%s", t.dropped, t.data)
	}
	return string(t.data)
}

// lastLines is the end of a text: at most n lines and limit bytes, in one piece of an error message.
func lastLines(text string, n, limit int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	text = strings.Join(lines, "\n")
	if len(text) > limit {
		text = strings.ToValidUTF8(text[len(text)-limit:], "")
	}
	return text
}
