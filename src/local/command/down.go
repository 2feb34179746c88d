package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/local/stack"
)

func newDown(layout layoutFunc) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Stop the stack; its data stays",
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := layout()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), time.Minute)
			defer cancel()
			err = stack.Stop(ctx, l)
			if errors.Is(err, stack.ErrNotRunning) {
				fmt.Fprintln(c.OutOrStdout(), "The stack is not running.")
				return nil
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "The stack is stopped. Its data stays in %s: 'pks-local up' goes on, 'pks-local reset' removes it.\n", l.Dir)
			return nil
		},
	}
}
