package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/local/stack"
)

// reportFD is the descriptor on which the background process reports how its
// start goes: progress lines, then one of the words below.
const (
	reportFD     = 3
	reportReady  = "ready"
	reportServed = "served"  // by another process
	reportError  = "error: " // and why
)

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
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			out := c.OutOrStdout()
			switch i, err := awaitStack(ctx, l); {
			case err == nil:
				if err := flags.fit(i); err != nil {
					return err
				}
				fmt.Fprintf(out, "The stack is running already (process %d).\n\n", i.PID)
				printWelcome(out, l, i)
				return nil
			case !errors.Is(err, stack.ErrNotRunning):
				return err
			}
			if _, err := flags.options(c, build); err != nil {
				return err
			}
			if err := l.Make(); err != nil {
				return err
			}
			if err := startInBackground(ctx, out, l, flags.args(c, l)); err != nil {
				return err
			}
			i, err := awaitStack(ctx, l)
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

// patience is how long up waits for a stack that another one starts or stops.
const patience = 90 * time.Second

func awaitStack(ctx context.Context, l stack.Layout) (stack.Instance, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return stack.Await(ctx, l)
}

// startInBackground runs "pks-local serve" in a session of its own and passes on
// what it reports until it is ready.
func startInBackground(ctx context.Context, out io.Writer, l stack.Layout, args []string) error {
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

	// Whoever interrupts the command does not want the stack any more.
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })()

	lines := bufio.NewScanner(reader)
	for lines.Scan() {
		line := lines.Text()
		text, failed := strings.CutPrefix(line, reportError)
		switch {
		case line == reportReady:
			return cmd.Process.Release()
		case line == reportServed:
			// Somebody else was quicker: that one's stack is as good.
			return ignoreExit(cmd.Wait())
		case failed:
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
