package command

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/local/stack"
)

func newServe(build Build, layout layoutFunc) *cobra.Command {
	var flags stackFlags
	var report bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the stack in the foreground, until Ctrl-C",
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := layout()
			if err != nil {
				return err
			}
			options, err := flags.options(c, build)
			if err != nil {
				return err
			}
			options.Log = slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))

			var progress io.Writer = c.OutOrStdout()
			if report {
				pipe := os.NewFile(readyFD, "report")
				defer pipe.Close()
				progress = pipe
			}
			options.Progress = func(line string) { fmt.Fprintln(progress, line) }

			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)

			ready := func(i stack.Instance) {
				if report {
					fmt.Fprintln(progress, "ready")
					return
				}
				fmt.Fprintln(progress)
				printWelcome(progress, l, i)
			}
			if err := stack.Serve(ctx, l, options, ready); err != nil {
				if report {
					fmt.Fprintln(progress, "error: "+err.Error())
				}
				return err
			}
			return nil
		},
	}
	flags.register(c)
	c.Flags().BoolVar(&report, "report", false, "report progress to the process that started this one")
	if err := c.Flags().MarkHidden("report"); err != nil {
		slog.Error("hide flag", "error", err)
	}
	return c
}
