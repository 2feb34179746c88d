package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/local/stack"
)

// bumpPatience is how long the broker and the API get to come up again.
const bumpPatience = 2 * time.Minute

func newBump(layout layoutFunc) *cobra.Command {
	var kubernetes string
	var stemcell bool
	c := &cobra.Command{
		Use:   "bump",
		Short: "Offer newer versions, as when a new tile arrives",
		Long: `bump makes the running stack offer other versions, as an operator does who installs
a new tile: new clusters get them, and 'pks upgrade-cluster' goes to them. It starts
the broker and the API with new configurations and touches no cluster. Without flags,
both Kubernetes and the stemcell become the newest that is there.`,
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("kubernetes") && kubernetes == "" {
				return usageError{errors.New("--kubernetes needs a version such as 1.36.3: see 'pks-local status'")}
			}
			l, err := layout()
			if err != nil {
				return err
			}
			if _, err := running(l); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), bumpPatience)
			defer cancel()
			before, after, err := stack.Bump(ctx, l, kubernetes, stemcell)
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			if before == after {
				fmt.Fprintf(out, "The stack offers Kubernetes %s and stemcell %s already.\n", after.Kubernetes, after.Stemcell)
				return nil
			}
			if before.Kubernetes != after.Kubernetes {
				fmt.Fprintf(out, "Kubernetes: %s, before %s\n", after.Kubernetes, before.Kubernetes)
			}
			if before.Stemcell != after.Stemcell {
				fmt.Fprintf(out, "Stemcell:   %s, before %s\n", after.Stemcell, before.Stemcell)
			}
			fmt.Fprintln(out, "New clusters get it; bring the others to it with 'pks upgrade-cluster NAME'.")
			return nil
		},
	}
	c.Flags().StringVar(&kubernetes, "kubernetes", "", "version of Kubernetes to offer")
	c.Flags().BoolVar(&stemcell, "stemcell", false, "offer the newest stemcell")
	return c
}
