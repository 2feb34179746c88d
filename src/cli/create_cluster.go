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
	pools             string
	tags              string
	configFile        string
	privateRegistries string
	*changeFlags
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
	}
	o.changeFlags = f.changeFlags(c).withDryRun(c)
	c.RunE = func(c *cobra.Command, args []string) error { return f.createCluster(c, args[0], o) }
	flags := c.Flags()
	flags.StringVarP(&o.host, "external-hostname", "e", "", "Address from which to access Kubernetes API")
	flags.StringVarP(&o.plan, "plan", "p", "", "Preconfigured plans. Run \""+f.name+" plans\" for more details")
	flags.StringVarP(&o.workers, "num-nodes", "n", "", "Number of worker nodes")
	flags.StringVar(&o.networkProfile, "network-profile", "", "Network profile name")
	flags.StringVar(&o.kubernetesProfile, "kubernetes-profile", "", "Kubernetes profile name")
	flags.StringVar(&o.computeProfile, "compute-profile", "", "Compute profile name")
	flags.StringVar(&o.pools, "node-pool-instances", "", poolsHelp)
	flags.StringVar(&o.tags, "tags", "", tagsHelp)
	flags.StringVar(&o.configFile, "config-file", "", configFileHelp)
	flags.StringVar(&o.privateRegistries, "private-registries", "", privateRegistriesHelp)
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
	ctx := c.Context()
	if o.dryRun {
		preview, err := api.PreviewCreate(ctx, request)
		if err != nil {
			return err
		}
		return f.showPreview(ctx, o.out, preview)
	}
	cluster, err := api.CreateCluster(ctx, request)
	if err != nil {
		return changing(name, err)
	}
	if !o.wait {
		return f.showCluster(ctx, o.out, cluster)
	}
	outcome, err := f.newFollower(api, name, pks.ActionCreate).Follow(ctx)
	if err != nil {
		return err
	}
	return f.showCluster(ctx, o.out, outcome.Cluster)
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
	var err error
	if o.tags != "" {
		if request.Parameters.ClusterTags, err = parseTags(c, o.tags); err != nil {
			return v1.ClusterRequest{}, err
		}
	}
	if o.pools != "" {
		if request.Parameters.NodePoolInstances, err = parsePools(c, o.pools); err != nil {
			return v1.ClusterRequest{}, err
		}
	}
	if o.configFile != "" {
		if err := readCreateConfig(c, o.configFile, &request.Parameters); err != nil {
			return v1.ClusterRequest{}, err
		}
	}
	if o.privateRegistries != "" {
		found, err := readRegistries(c, o.privateRegistries)
		if err != nil {
			return v1.ClusterRequest{}, err
		}
		p := &request.Parameters
		p.CustomCACerts = append(p.CustomCACerts, found.cas...)
		if len(found.insecure) > 0 {
			if p.Customization == nil {
				p.Customization = &v1.K8sCustomization{}
			}
			p.Customization.InsecureRegistries = append(p.Customization.InsecureRegistries, found.insecure...)
		}
	}
	return request, nil
}
