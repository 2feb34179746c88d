package command

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
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
				pipe := os.NewFile(reportFD, "report")
				defer pipe.Close()
				progress = pipe
			}
			options.Progress = func(line string) { fmt.Fprintln(progress, line) }

			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			signal.Ignore(syscall.SIGPIPE)
			// A terminal that is closed sends SIGHUP, too: it changes nothing unless
			// 'pks-local bump' has written new settings.
			reload := make(chan os.Signal, 1)
			signal.Notify(reload, syscall.SIGHUP)
			defer signal.Stop(reload)
			options.Reload = reload

			ready := func(i stack.Instance) {
				if report {
					fmt.Fprintln(progress, reportReady)
					return
				}
				fmt.Fprintln(progress)
				printWelcome(progress, l, i)
			}
			err = stack.Serve(ctx, l, options, ready)
			switch {
			case !report || err == nil:
			case errors.Is(err, stack.ErrServed):
				fmt.Fprintln(progress, reportServed)
			default:
				fmt.Fprintln(progress, reportError+strings.ReplaceAll(err.Error(), "\n", "; "))
			}
			return err
		},
	}
	flags.register(c)
	c.Flags().BoolVar(&report, "report", false, "report progress to the process that started this one")
	if err := c.Flags().MarkHidden("report"); err != nil {
		slog.Error("hide flag", "error", err)
	}
	return c
}
