package cli

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// drainFlag is one of the settings of how nodes are drained.
type drainFlag struct {
	name, help, label string
	target            func(*v1.KubernetesSettings) **string
}

func drainFlags() []drainFlag {
	return []drainFlag{
		{"kubelet-drain-timeout", "Minutes after which draining a node is given up, 0 to 1440; 0 for never", "Kubelet Drain Timeout",
			func(s *v1.KubernetesSettings) **string { return &s.DrainTimeout }},
		{"kubelet-drain-grace-period", "Seconds a pod has to end, -1 to 86400; -1 for the pod's own value", "Kubelet Drain Grace Period",
			func(s *v1.KubernetesSettings) **string { return &s.DrainGracePeriod }},
		{"kubelet-drain-force", "Drain nodes with pods that have no controller: true or false", "Kubelet Drain Force",
			func(s *v1.KubernetesSettings) **string { return &s.DrainForce }},
		{"kubelet-drain-ignore-daemonsets", "Drain nodes with pods of daemon sets: true or false", "Kubelet Drain Ignore Daemonsets",
			func(s *v1.KubernetesSettings) **string { return &s.DrainIgnoreDaemonSets }},
		{"kubelet-drain-delete-local-data", "Drain nodes with pods that use emptyDir: true or false", "Kubelet Drain Delete Local Data",
			func(s *v1.KubernetesSettings) **string { return &s.DrainDeleteLocalData }},
		{"kubelet-drain-force-node", "Stop nodes whose pods did not end in time: true or false", "Kubelet Drain Force Node",
			func(s *v1.KubernetesSettings) **string { return &s.DrainForceNode }},
	}
}

type updateOptions struct {
	*changeFlags
	workers           int32
	networkProfile    string
	kubernetesProfile string
	computeProfile    string
	pools             string
	tags              string
	configFile        string
	privateRegistries string
	enforce           bool
	drain             map[string]*string
}

func newUpdateCluster(f *factory) *cobra.Command {
	o := updateOptions{drain: map[string]*string{}}
	c := &cobra.Command{
		Use:   "update-cluster " + clusterName,
		Short: "Updates the configuration of the kubernetes cluster",
		Long: "Change what the flags name; everything else about the cluster stays as it is.\n" +
			"At least one action flag must be given.",
		Example: "  " + f.name + " update-cluster my-cluster --num-nodes 5 --tags \"team:web,env:prod\"",
		Args:    exactly(f, clusterName),
	}
	o.changeFlags = f.changeFlags(c).withDryRun(c)
	flags := c.Flags()
	action := func(help string) string { return "Action flag, " + strings.ToLower(help[:1]) + help[1:] }
	flags.Int32VarP(&o.workers, "num-nodes", "n", 0, action("Number of worker nodes"))
	flags.StringVar(&o.networkProfile, "network-profile", "", action("Network profile name"))
	flags.StringVar(&o.kubernetesProfile, "kubernetes-profile", "", action("Kubernetes profile name"))
	flags.StringVar(&o.computeProfile, "compute-profile", "", action("Compute profile name"))
	flags.StringVar(&o.pools, "node-pool-instances", "", action(poolsHelp))
	flags.StringVar(&o.tags, "tags", "", action(tagsHelp+`; they replace those there are, "" deletes all`))
	flags.StringVar(&o.configFile, "config-file", "", action(configFileHelp))
	flags.StringVar(&o.privateRegistries, "private-registries", "", action(privateRegistriesHelp))
	flags.BoolVar(&o.enforce, "enforce-compute-profile-update", false, "Force update to the new compute profile without any validation")
	for _, d := range drainFlags() {
		o.drain[d.name] = flags.String(d.name, "", action(d.help))
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		change, summary, err := o.change(c)
		if err != nil {
			return err
		}
		above := slices.Concat([]string{"Update summary for cluster " + args[0] + ":"}, summary)
		return f.updateCluster(c, args[0], change, o.changeFlags, "Are you sure you want to continue? (y/n):", above...)
	}
	return c
}

// change is what the flags ask for, and the same in words.
func (o updateOptions) change(c *cobra.Command) (v1.UpdateClusterParameters, []string, error) {
	var change v1.UpdateClusterParameters
	var summary []string
	say := func(label, value string) { summary = append(summary, label+": "+value) }
	given := func(name string) bool { return c.Flags().Changed(name) }

	if given("num-nodes") {
		n := int(o.workers)
		change.KubernetesWorkerInstances = &n
		say("Worker Nodes", strconv.Itoa(n))
	}
	for _, profile := range []struct {
		flag, label, name string
		target            *string
	}{
		{"network-profile", "Network Profile Name", o.networkProfile, &change.NetworkProfileName},
		{"kubernetes-profile", "Kubernetes Profile Name", o.kubernetesProfile, &change.KubernetesProfileName},
		{"compute-profile", "Compute Profile Name", o.computeProfile, &change.ComputeProfileName},
	} {
		if !given(profile.flag) {
			continue
		}
		if profile.name == "" {
			return change, nil, usagef(c, "--%s is empty.", profile.flag)
		}
		*profile.target = profile.name
		say(profile.label, profile.name)
	}
	for _, d := range drainFlags() {
		if given(d.name) {
			value := o.drain[d.name]
			*d.target(&change.KubernetesSettings) = value
			say(d.label, *value)
		}
	}
	if err := readPoolsAndTags(c, o.pools, o.tags, &change); err != nil {
		return change, nil, err
	}
	if given("node-pool-instances") {
		say("Node Pool Instances", o.pools)
	}
	if given("tags") {
		say("Tags", cmp.Or(o.tags, "none"))
	}
	if given("config-file") {
		if err := readUpdateConfig(c, o.configFile, &change); err != nil {
			return change, nil, err
		}
		say("Config File", o.configFile)
	}
	if given("private-registries") {
		found, err := readRegistries(c, o.privateRegistries)
		if err != nil {
			return change, nil, err
		}
		change.CustomCACerts = append(change.CustomCACerts, found.cas...)
		change.InsecureRegistries = append(change.InsecureRegistries, found.insecure...)
		say("Private Registries", o.privateRegistries)
	}
	change.EnforceComputeProfileUpdate = o.enforce
	if len(summary) == 0 {
		return change, nil, usagef(c, "At least one action flag must be given: %s.", strings.Join(actionFlags(c), ", "))
	}
	return change, summary, nil
}

func actionFlags(c *cobra.Command) []string {
	var names []string
	c.Flags().VisitAll(func(flag *pflag.Flag) {
		if strings.HasPrefix(flag.Usage, "Action flag") {
			names = append(names, "--"+flag.Name)
		}
	})
	return names
}
