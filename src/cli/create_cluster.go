package cli

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

type createOptions struct {
	host              string
	plan              string
	workers           string
	networkProfile    string
	kubernetesProfile string
	computeProfile    string
	asJSON            bool
	wait              bool
	nonInteractive    bool
}

func newCreateCluster(f *factory) *cobra.Command {
	var o createOptions
	c := &cobra.Command{
		Use:   "create-cluster " + clusterName,
		Short: "Creates a kubernetes cluster",
		Long: "Create a Kubernetes cluster. The name, the external host name and the plan are required.\n" +
			"The command returns as soon as the request is accepted, unless --wait is given.",
		Example: "  " + f.name + " create-cluster my-cluster --external-hostname example.hostname --plan production",
		Args:    exactly(f, clusterName),
		RunE:    func(c *cobra.Command, args []string) error { return f.createCluster(c, args[0], o) },
	}
	flags := c.Flags()
	flags.StringVarP(&o.host, "external-hostname", "e", "", "Address from which to access Kubernetes API")
	flags.StringVarP(&o.plan, "plan", "p", "", "Preconfigured plans. Run \""+f.name+" plans\" for more details")
	flags.StringVarP(&o.workers, "num-nodes", "n", "", "Number of worker nodes")
	flags.StringVar(&o.networkProfile, "network-profile", "", "Network profile name")
	flags.StringVar(&o.kubernetesProfile, "kubernetes-profile", "", "Kubernetes profile name")
	flags.StringVar(&o.computeProfile, "compute-profile", "", "Compute profile name")
	flags.BoolVar(&o.asJSON, "json", false, jsonHelp)
	flags.BoolVar(&o.wait, "wait", false, waitHelp)
	flags.BoolVar(&o.nonInteractive, "non-interactive", false, nonInteractiveHelp)
	return c
}

func (f *factory) createCluster(c *cobra.Command, name string, o createOptions) error {
	request, err := o.request(c, name)
	if err != nil {
		return err
	}
	api, err := f.api()
	if err != nil {
		return err
	}
	cluster, err := api.CreateCluster(c.Context(), request)
	if err != nil {
		return changing(name, err)
	}
	if !o.wait {
		return f.showCluster(cluster, o.asJSON)
	}
	outcome, err := f.newFollower(api, name, pks.ActionCreate).Follow(c.Context())
	if err != nil {
		return err
	}
	return f.showCluster(outcome.Cluster, o.asJSON)
}

func (o createOptions) request(c *cobra.Command, name string) (v1.ClusterRequest, error) {
	var missing []string
	if o.host == "" {
		missing = append(missing, "--external-hostname (-e)")
	}
	if o.plan == "" {
		missing = append(missing, "--plan (-p)")
	}
	if len(missing) > 0 {
		return v1.ClusterRequest{}, usagef(c, "%s must be given.", strings.Join(missing, " and "))
	}
	request := v1.ClusterRequest{
		Name:                  name,
		PlanName:              o.plan,
		NetworkProfileName:    o.networkProfile,
		KubernetesProfileName: o.kubernetesProfile,
		ComputeProfileName:    o.computeProfile,
		Parameters:            v1.ClusterRequestParameters{KubernetesMasterHost: o.host},
	}
	if o.workers != "" {
		n, err := strconv.ParseInt(strings.TrimSpace(o.workers), 10, 32)
		if err != nil {
			return v1.ClusterRequest{}, usagef(c, "--num-nodes %q is not a number of workers.", o.workers)
		}
		workers := int(n)
		request.Parameters.KubernetesWorkerInstances = &workers
	}
	return request, nil
}
