package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
)

const defaultCertificateDays = 180

func newCertificates(f *factory) *cobra.Command {
	var days int32
	c := &cobra.Command{
		Use:   "certificates " + clusterName,
		Short: "List the certificates of a cluster that expire soon",
		Args:  exactly(f, clusterName),
	}
	o := f.outputFlags(c)
	flags := c.Flags()
	flags.Int32VarP(&days, "days", "d", defaultCertificateDays, "List certificates that expire within this many days")
	// Of no effect, as in the original (reference/pks-cli.md §8.1).
	flags.Bool("wait", false, waitHelp)
	flags.Bool("non-interactive", false, nonInteractiveHelp)
	c.RunE = func(c *cobra.Command, args []string) error {
		if days < 0 {
			return usagef(c, "--days %d is not a number of days from 0 on.", days)
		}
		api, err := f.api()
		if err != nil {
			return err
		}
		found, err := api.Certificates(c.Context(), args[0], int(days))
		if err != nil {
			return err
		}
		if len(found.Value) == 0 && !o.machine() {
			f.console.Notef("No certificate of cluster %s expires within %d days.\n", console.Clean(args[0]), days)
			return nil
		}
		rows := make([][]string, 0, len(found.Value))
		for _, one := range found.Value {
			rows = append(rows, []string{one.Name, one.Type, strconv.Itoa(one.DaysLeft), one.ValidUntil})
		}
		return f.showTable(c.Context(), o, found.Raw, 0, []string{"NAME", "Type", "Days Left", "Valid until"}, rows)
	}
	return c
}

func newRotateCertificates(f *factory) *cobra.Command {
	var which v1.RotateCertificates
	c := &cobra.Command{
		Use:     "rotate-certificates " + clusterName,
		Aliases: []string{"rotate-certs"},
		Short:   "Rotate certificates for a cluster",
		Long: "Make the certificates of a cluster anew, and the authorities that sign them, but for\n" +
			"an authority that the cluster was given. BOSH changes the machines one by one, three\n" +
			"times over, and the cluster stays up. Kubeconfigs must be fetched again afterwards. A\n" +
			"rotation that failed goes on where it was.",
		Example: "  " + f.name + " rotate-certificates my-cluster --all --wait",
		Args:    exactly(f, clusterName),
	}
	o := f.changeFlags(c)
	flags := c.Flags()
	flags.BoolVar(&which.All, "all", false, "Rotate all certificates of the cluster, but for an authority of your own")
	flags.BoolVar(&which.OnlyNSX, "only-nsx", false, "Rotate the certificates alone that are registered at NSX-T")
	flags.BoolVar(&which.SkipNSX, "skip-nsx", false, "With --all: leave the certificates that are registered at NSX-T")
	c.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case which.All == which.OnlyNSX:
			return usagef(c, "One of --all and --only-nsx must be given.")
		case which.SkipNSX && !which.All:
			return usagef(c, "--skip-nsx needs --all.")
		}
		what := "all"
		if which.OnlyNSX {
			what = "nsx related"
		}
		question := fmt.Sprintf("You are about to rotate %s certificates for cluster %s. This operation requires bosh deployment, and will take a significant time. "+
			"Are you sure you want to continue? (y/n):", what, args[0])
		err := f.operate(c, args[0], o, question, func(api *apiclient.Client) error {
			_, err := api.RotateCertificates(c.Context(), args[0], which)
			return err
		})
		if err == nil && o.wait && !o.out.machine() {
			f.console.Notef("Kubeconfigs hold the authority of before: fetch them again with '%s get-credentials %s'.\n", f.name, console.Clean(args[0]))
		}
		return err
	}
	return c
}

func newPromoteToPolicy(f *factory) *cobra.Command {
	c := &cobra.Command{
		Use:     "promote-cluster-to-policy " + clusterName,
		Aliases: []string{"promote-cluster"},
		Short:   "Promote a cluster from the management plane API of NSX-T to its policy API",
		Args:    exactly(f, clusterName),
	}
	o := f.changeFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		question := fmt.Sprintf("You are about to promote cluster %s to NSX Policy. Are you sure you want to continue? (y/n):", args[0])
		return f.operate(c, args[0], o, question, func(api *apiclient.Client) error {
			_, err := api.PromoteToPolicy(c.Context(), args[0])
			return err
		})
	}
	return c
}
