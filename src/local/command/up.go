package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/local/stack"
)

// readyFD is the descriptor on which the background process reports how its
// start goes; progress lines, then "ready" or "error: TEXT".
const readyFD = 3

func newUp(build Build, layout layoutFunc) *cobra.Command {
	var flags stackFlags
	c := &cobra.Command{
		Use:   "up",
		Short: "Start the stack in the background",
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := layout()
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			if i, err := stack.Running(l); err == nil {
				fmt.Fprintf(out, "The stack is running already (process %d).\n\n", i.PID)
				printWelcome(out, l, i)
				return nil
			} else if !errors.Is(err, stack.ErrNotRunning) {
				return err
			}
			options, err := flags.options(c, build)
			if err != nil {
				return err
			}
			if err := options.Ports.Free(); err != nil {
				return err
			}
			if err := l.Make(); err != nil {
				return err
			}
			if err := startInBackground(out, l, flags.args(c, l)); err != nil {
				return err
			}
			i, err := stack.Running(l)
			if err != nil {
				return err
			}
			fmt.Fprintln(out)
			printWelcome(out, l, i)
			return nil
		},
	}
	flags.register(c)
	return c
}

// startInBackground runs "pks-local serve" in a session of its own and passes on
// what it reports until it is ready.
func startInBackground(out io.Writer, l stack.Layout, args []string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	log, err := os.OpenFile(l.Log("pks-local"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer log.Close()
	reader, writer, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	defer reader.Close()

	cmd := exec.Command(self, args...)
	cmd.Dir = l.Dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{writer}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		writer.Close()
		return fmt.Errorf("start the stack: %w", err)
	}
	writer.Close()

	lines := bufio.NewScanner(reader)
	for lines.Scan() {
		line := lines.Text()
		if line == "ready" {
			return cmd.Process.Release()
		}
		if text, ok := strings.CutPrefix(line, "error: "); ok {
			return errors.Join(errors.New(text), ignoreExit(cmd.Wait()))
		}
		fmt.Fprintln(out, line)
	}
	err = cmd.Wait()
	return fmt.Errorf("the stack ended while starting (%w): see %s", err, l.Log("pks-local"))
}

// ignoreExit drops the exit status of a process that has already said why.
func ignoreExit(err error) error {
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil
	}
	return err
}
