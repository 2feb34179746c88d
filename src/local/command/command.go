// Package command is the command line of pks-local: one file per verb.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/local/stack"
)

// Build says which program this is.
type Build struct{ Version, Commit string }

// Run carries out the command line and returns the exit code: 0 done, 1 failed,
// 2 wrong usage.
func Run(ctx context.Context, build Build, args []string, stdout, stderr io.Writer) int {
	root := newRoot(build)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		if code, ok := errors.AsType[exitCode](err); ok {
			return int(code)
		}
		fmt.Fprintln(stderr, "Error:", err)
		if _, ok := errors.AsType[usageError](err); ok {
			return 2
		}
		return 1
	}
	return 0
}

type usageError struct{ error }

func newRoot(build Build) *cobra.Command {
	var dir string
	layout := func() (stack.Layout, error) {
		return stack.NewLayout(dir)
	}
	root := &cobra.Command{
		Use:   "pks-local",
		Short: "The whole of PKS on one machine: for laptops, tests and demos",
		Long: `pks-local runs a UAA, a BOSH Director, the broker with its adapter, and the PKS
API on this machine, on loopback only, with their data in one folder.`,
		Version: fmt.Sprintf("%s (%s)", build.Version, build.Commit),
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q: see '%s --help'", args[0], c.CommandPath())}
			}
			return nil
		},
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("pks-local version: {{.Version}}\n")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w: see '%s --help'", err, c.CommandPath())}
	})
	root.PersistentFlags().StringVar(&dir, "data-dir", "", "folder for all data (default $PKS_LOCAL_HOME, else ~/.pks-local)")
	root.AddCommand(
		newUp(build, layout),
		newServe(build, layout),
		newDown(layout),
		newStatus(layout),
		newBump(layout),
		newKubernetes(),
		newLogs(layout),
		newExec(layout),
		newReset(layout),
		newEnv(layout),
	)
	for _, c := range root.Commands() {
		if c.Args == nil {
			c.Args = noArgs
		}
	}
	return root
}

func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unexpected argument %q: see '%s --help'", args[0], c.CommandPath())}
	}
	return nil
}

type layoutFunc func() (stack.Layout, error)
