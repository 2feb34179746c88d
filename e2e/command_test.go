package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// command is a program that runs beside the test.
type command struct {
	s      *stack
	cmd    *exec.Cmd
	lines  *bufio.Reader
	stdout bytes.Buffer
	stderr bytes.Buffer
}

// start runs a program of the product in the background.
func (s *stack) start(program string, env []string, args ...string) *command {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), patience)
	s.t.Cleanup(cancel)
	c := &command{s: s, cmd: exec.CommandContext(ctx, filepath.Join(built.bin, program), args...)}
	c.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(s.dir)}, env...)
	c.cmd.Stdout = &c.stdout
	out, err := c.cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	c.lines = bufio.NewReader(io.TeeReader(out, &c.stderr))
	if err := c.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// awaitLine reads the progress, which goes to standard error, until a line has
// the words.
func (c *command) awaitLine(words string) {
	c.s.t.Helper()
	for {
		line, err := c.lines.ReadString('\n')
		if strings.Contains(line, words) {
			return
		}
		if err != nil {
			_ = c.cmd.Wait()
			c.s.fatalf("it ended without %q:\n%s%s", words, c.stdout.String(), c.stderr.String())
		}
	}
}

// end waits for the program's end.
func (c *command) end() result {
	c.s.t.Helper()
	if _, err := io.Copy(io.Discard, c.lines); err != nil {
		c.s.t.Fatal(err)
	}
	err := c.cmd.Wait()
	r := result{c.stdout.String(), c.stderr.String(), 0}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		r.code = exit.ExitCode()
	} else if err != nil {
		c.s.t.Fatal(err)
	}
	return r
}
