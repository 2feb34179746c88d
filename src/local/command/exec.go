package command

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/local/machine/agent"
	"github.com/pks-community/pks-release/src/local/machine/process"
)

// newExec runs a command on a process machine: what 'bosh ssh -c' is for VMs.
func newExec(layout layoutFunc) *cobra.Command {
	return &cobra.Command{
		Use:   "exec INSTANCE -- COMMAND [ARGUMENT...]",
		Short: "Run a command on a process machine",
		Long: `exec runs a command on a process machine and exits with its exit code. The instance is
named as 'bosh vms' shows it, or by the beginning of that: "worker/3f2a".`,
		Example: `  pks-local exec master -- cat /var/vcap/jobs/kube-apiserver/bin/flags
  pks-local exec worker/3f2a -- tail /var/vcap/sys/log/kubelet/kubelet.log`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usageError{fmt.Errorf("name an instance and a command, as in 'pks-local exec master -- ps aux'")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			l, err := layout()
			if err != nil {
				return err
			}
			if _, err := running(l); err != nil {
				return err
			}
			client, err := process.Lookup(l.Machines(), args[0])
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(context.WithoutCancel(c.Context()), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			result, err := client.Run(ctx, agent.Command{Args: args[1:]})
			if err != nil {
				return fmt.Errorf("run %s on %s: %w", args[1], args[0], err)
			}
			fmt.Fprint(c.OutOrStdout(), result.Stdout)
			fmt.Fprint(c.ErrOrStderr(), result.Stderr)
			if result.ExitCode != 0 {
				return exitCode(result.ExitCode)
			}
			return nil
		},
	}
}
