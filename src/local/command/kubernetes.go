package command

import (
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/local/kubernetes"
)

// newKubernetes hands over to the package that builds the programs of process machines,
// which reads its arguments itself.
func newKubernetes() *cobra.Command {
	return &cobra.Command{
		Use:                "kubernetes build|status|clean",
		Short:              "Build the programs that process machines run, or look at them",
		DisableFlagParsing: true,
		Args:               cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			if code := kubernetes.Run(ctx, args, c.OutOrStdout(), c.ErrOrStderr()); code != 0 {
				return exitCode(code)
			}
			return nil
		},
	}
}

// exitCode is the error of a command that has said on its own what went wrong.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }
