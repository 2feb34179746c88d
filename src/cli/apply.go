package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	yaml "gopkg.in/yaml.v3"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/kubeconfig/privatefile"
	"github.com/pks-community/pks-release/src/pks"
)

func newExport(f *factory) *cobra.Command {
	return &cobra.Command{
		Use:   "export " + clusterName,
		Short: "Writes a description of the cluster for 'apply'",
		Args:  exactly(f, clusterName),
		RunE: func(c *cobra.Command, args []string) error {
			api, err := f.api()
			if err != nil {
				return err
			}
			cluster, err := api.ClusterDetails(c.Context(), args[0])
			if err != nil {
				return err
			}
			text, err := yaml.Marshal(documentOf(cluster.Value))
			if err != nil {
				return fmt.Errorf("write the description of %s: %w", args[0], err)
			}
			f.console.Printf("%s", text)
			return nil
		},
	}
}

func newApply(f *factory) *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "apply",
		Short: "Creates or changes a cluster to be as a file describes it",
		Long: "Make a cluster what a file describes: create it if it does not exist, change what\n" +
			"differs, and do nothing if nothing does. Settings that the file does not name stay as\n" +
			"they are. '" + f.name + " export' writes such a file.",
		Example: "  " + f.name + " export my-cluster > my-cluster.yml\n  " + f.name + " apply -f my-cluster.yml --dry-run",
		Args:    exactly(f),
	}
	o := f.changeFlags(c).withDryRun(c)
	c.Flags().StringVarP(&path, "filename", "f", "", "File that describes the cluster; - for the standard input")
	c.RunE = func(c *cobra.Command, _ []string) error {
		wanted, err := f.readDocument(c, path)
		if err != nil {
			return err
		}
		api, err := f.api()
		if err != nil {
			return err
		}
		now, err := api.ClusterDetails(c.Context(), wanted.Name)
		if isNotFound(err) {
			return f.applyNew(c, api, wanted, o)
		}
		if err != nil {
			return err
		}
		change, differ, err := changeTo(documentOf(now.Value), wanted)
		if err != nil {
			return err
		}
		if len(differ) == 0 {
			f.console.Notef("Cluster %s is as described: nothing to do.\n", console.Clean(wanted.Name))
			return nil
		}
		if change.DeletionLock != nil && len(differ) == 1 && !o.dryRun {
			return f.setLock(c, api, wanted.Name, *change.DeletionLock)
		}
		return f.updateCluster(c, wanted.Name, change, o, "Are you sure you want to continue? (y/n):",
			fmt.Sprintf("Cluster %s will be changed: %s.", wanted.Name, strings.Join(differ, ", ")))
	}
	return c
}

func (f *factory) readDocument(c *cobra.Command, path string) (clusterDocument, error) {
	var content []byte
	var err error
	switch path {
	case "":
		return clusterDocument{}, usagef(c, "--filename (-f) must be given.")
	case "-":
		content, err = io.ReadAll(f.system.In)
	default:
		content, err = privatefile.Read(path)
	}
	if err != nil {
		return clusterDocument{}, fmt.Errorf("read the description: %w", err)
	}
	document, err := parseDocument(content)
	if err != nil {
		return clusterDocument{}, usagef(c, "%s: %v.", path, err)
	}
	return document, nil
}

// applyNew creates the cluster. Drain settings need one that is there.
func (f *factory) applyNew(c *cobra.Command, api *apiclient.Client, wanted clusterDocument, o *changeFlags) error {
	ctx := c.Context()
	if wanted.Plan == "" || wanted.ExternalHostname == "" {
		return usagef(c, "There is no cluster %s yet: plan and external_hostname must be given.", wanted.Name)
	}
	if o.dryRun {
		preview, err := api.PreviewCreate(ctx, wanted.request())
		if err != nil {
			return err
		}
		return f.showPreview(ctx, o.out, preview)
	}
	later := wanted.KubeletDrain != (drainDocument{})
	if later && !o.wait {
		return usagef(c, "kubelet_drain can be set once the cluster exists: give --wait.")
	}
	cluster, err := api.CreateCluster(ctx, wanted.request())
	if err != nil {
		return changing(wanted.Name, err)
	}
	if wanted.DeletionLock != nil && *wanted.DeletionLock {
		if _, err := api.UpdateCluster(ctx, wanted.Name, v1.UpdateClusterParameters{DeletionLock: wanted.DeletionLock}); err != nil {
			return changing(wanted.Name, err)
		}
	}
	if !o.wait {
		return f.showCluster(ctx, o.out, cluster)
	}
	outcome, err := f.newFollower(api, wanted.Name, pks.ActionCreate).Follow(ctx)
	if err != nil {
		return err
	}
	if !later {
		return f.showCluster(ctx, o.out, outcome.Cluster)
	}
	o.nonInteractive = true // it belongs to what was agreed to
	return f.updateCluster(c, wanted.Name, v1.UpdateClusterParameters{KubernetesSettings: wanted.KubeletDrain.settings()}, o, "")
}
