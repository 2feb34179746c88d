package cli

import (
	"context"

	"github.com/spf13/cobra"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/pks"
)

// changeFlags are those of every command that changes a cluster.
type changeFlags struct {
	out            *output
	wait           bool
	nonInteractive bool
	dryRun         bool
}

func (f *factory) changeFlags(c *cobra.Command) *changeFlags {
	o := &changeFlags{out: f.outputFlags(c)}
	c.Flags().BoolVar(&o.wait, "wait", false, waitHelp)
	c.Flags().BoolVar(&o.nonInteractive, "non-interactive", false, nonInteractiveHelp)
	return o
}

func (o *changeFlags) withDryRun(c *cobra.Command) *changeFlags {
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "Show what would be done, and do nothing")
	return o
}

// updateCluster asks, sends the change, and waits for its end or says how to see
// it.
func (f *factory) updateCluster(c *cobra.Command, name string, parameters v1.UpdateClusterParameters, o *changeFlags, question string, above ...string) error {
	ctx := c.Context()
	api, err := f.api()
	if err != nil {
		return err
	}
	if o.dryRun {
		preview, err := api.PreviewUpdate(ctx, name, parameters)
		if err != nil {
			return err
		}
		return f.showPreview(ctx, o.out, preview)
	}
	return f.operate(c, name, o, question, func(api *apiclient.Client) error {
		_, err := api.UpdateCluster(ctx, name, parameters)
		return err
	}, above...)
}

// operate asks, sends what begins an operation that clients see as an update, and
// waits for its end or says how to see it.
func (f *factory) operate(c *cobra.Command, name string, o *changeFlags, question string, begin func(*apiclient.Client) error, above ...string) error {
	ctx := c.Context()
	api, err := f.api()
	if err != nil {
		return err
	}
	if !o.nonInteractive {
		if err := f.confirm(c, question, above...); err != nil {
			return err
		}
	}
	follower := f.newFollower(api, name, pks.ActionUpdate)
	if o.wait {
		if err := follower.Mark(ctx); err != nil {
			return err
		}
	}
	if err := begin(api); err != nil {
		return changing(name, err)
	}
	if !o.wait {
		f.monitorHint(name)
		return nil
	}
	outcome, err := follower.Follow(ctx)
	if err != nil {
		return err
	}
	return f.showCluster(ctx, o.out, outcome.Cluster)
}

// showCluster writes a cluster as the user wants it.
func (f *factory) showCluster(ctx context.Context, o *output, cluster apiclient.Answer[v1.Cluster]) error {
	return f.show(ctx, o, cluster.Raw, func() { f.clusterBlock(cluster) })
}
