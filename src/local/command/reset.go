package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/local/stack"
)

func newReset(layout layoutFunc) *cobra.Command {
	return &cobra.Command{
		Use:   "reset",
		Short: "Remove all data of a stopped stack",
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := layout()
			if err != nil {
				return err
			}
			if err := stack.Reset(c.Context(), l); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "The data in %s is removed.\n", l.Dir)
			return nil
		},
	}
}
