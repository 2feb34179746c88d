package cli

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
)

func newClusters(f *factory) *cobra.Command {
	c := &cobra.Command{
		Use:   "clusters",
		Short: "Show all clusters created with PKS",
		Args:  exactly(f),
	}
	o := f.outputFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		ctx := c.Context()
		api, err := f.api()
		if err != nil {
			return err
		}
		clusters, err := api.Clusters(ctx)
		if err != nil {
			return err
		}
		behind := false
		rows := make([][]string, 0, len(clusters.Value))
		for _, c := range clusters.Value {
			behind = behind || len(c.AvailableUpgrades) > 0
			rows = append(rows, []string{
				c.PKSVersion, c.Name, c.KubernetesVersion, c.PlanName, c.UUID, c.LastActionState, c.LastAction,
				strconv.Itoa(c.Parameters.KubernetesWorkerInstances), c.Parameters.KubernetesMasterHost, strings.Join(c.KubernetesMasterIPs, ","),
			})
		}
		if behind && !o.machine() {
			f.upgradeBanner(ctx, api)
		}
		header := []string{"PKS Version", "Name", "k8s Version", "Plan Name", "UUID", "Status", "Action", "Workers", "Master Host", "Master IP(s)"}
		return f.showTable(ctx, o, clusters.Raw, 3, header, rows)
	}
	return c
}

// upgradeBanner says above the list that clusters could be upgraded. The list is
// good without it.
func (f *factory) upgradeBanner(ctx context.Context, api *apiclient.Client) {
	version, err := api.Upgradable(ctx)
	if err == nil && version != "" {
		f.console.Printf("Upgrade is available to PKS Version: %s\n\n", console.Clean(version))
	}
}
