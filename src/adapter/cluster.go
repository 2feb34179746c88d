package adapter

import (
	"encoding/json"
	"fmt"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
	kjson "sigs.k8s.io/json"

	"github.com/pks-community/pks-release/src/pks"
)

// cluster is everything that a manifest is made from, checked.
type cluster struct {
	deployment string
	spec       pks.ClusterSpec
	plan       plan
	software   *software
	kubernetes string // version, as far as known from the release
	network    network
	profile    networkProfile
	custom     map[string]customization // component → from the Kubernetes profile

	masterInstances int // of the compute profile; 0: the plan's
	size            struct{ master sizing }
	pools           []pool
	profileAZs      []profileAZ
	config          cloudConfig

	secrets  map[string]any    // for the broker's keeping: texts, or objects of texts
	kept     map[string]string // what the broker keeps already: ((name)) → secret
	previous *previous         // nil for a new cluster
}

func newCluster(in serviceadapter.GenerateManifestParams) (*cluster, error) {
	c := &cluster{deployment: in.ServiceDeployment.DeploymentName, secrets: map[string]any{}, kept: in.PreviousSecrets}
	if len(c.deployment) > 63 || c.deployment == "" {
		return nil, refuse("service_deployment.deployment_name %q cannot be a DNS label.", c.deployment).WithRemedy("Use 1 to 63 characters.")
	}
	var err error
	if c.plan, err = newPlan(in.Plan); err != nil {
		return nil, err
	}
	if c.software, err = newSoftware(in.ServiceDeployment); err != nil {
		return nil, err
	}
	c.kubernetes = c.software.kubernetes()
	if in.PreviousManifest != nil {
		if c.previous, err = newPrevious(*in.PreviousManifest); err != nil {
			return nil, err
		}
	}
	if err := c.takeSpec(in.RequestParams); err != nil {
		return nil, err
	}
	for _, step := range []func() error{
		c.checkSpec, c.readKubernetesProfile, c.readNetworkProfile, c.sizes, c.checkForcedDrain,
		c.checkSoftware, c.checkExtensions, c.checkPrevious,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// takeSpec reads the request's parameters, which are always whole, or, when the
// broker sends none, what the previous manifest recorded.
func (c *cluster) takeSpec(request serviceadapter.RequestParameters) error {
	params, _ := request["parameters"].(map[string]any)
	if len(params) == 0 {
		if c.previous == nil {
			return refuse("parameters are missing.").WithRemedy("Send the cluster's whole spec, at least cluster_name and kubernetes_master_host.")
		}
		c.spec = c.previous.record.Spec.Clone()
		return nil
	}
	if err := refuseReferences("parameters", params); err != nil {
		return err
	}
	raw, err := json.Marshal(params)
	if err != nil {
		return fmt.Errorf("read the request's parameters: %w", err)
	}
	if err := decodeStrict("parameters", raw, &c.spec); err != nil {
		return err
	}
	if c.spec.MasterPort == 0 {
		c.spec.MasterPort = pks.DefaultMasterPort
	}
	if p := c.spec.Proxy; p != nil {
		own := proxyProperties{HTTP: proxyServer(p.HTTP), HTTPS: proxyServer(p.HTTPS), NoProxy: p.NoProxy}
		if err := own.check("proxy"); err != nil {
			return err
		}
	}
	if err := c.hideSecrets(); err != nil {
		return err
	}
	serviceID, _ := request["service_id"].(string)
	return c.keepCustomCA(serviceID)
}

// refuseReferences keeps ((references)) out of what users say: the Director
// would put any secret of the platform in their place.
func refuseReferences(field string, value any) error {
	switch v := value.(type) {
	case string:
		if lookalike.MatchString(v) {
			return refuse("%s holds a text in double parentheses.", field).WithRemedy("Remove the parentheses: BOSH takes them for the name of a secret.")
		}
	case map[string]any:
		for _, key := range sortedKeys(v) {
			if err := refuseReferences(field+"."+key, key); err != nil {
				return err
			}
			if err := refuseReferences(field+"."+key, v[key]); err != nil {
				return err
			}
		}
	case []any:
		for i, element := range v {
			if err := refuseReferences(fmt.Sprintf("%s[%d]", field, i), element); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *cluster) checkSpec() error {
	s := c.spec
	if err := pks.ValidateClusterName(s.ClusterName); err != nil {
		return err
	}
	if err := pks.ValidateMasterHost(s.MasterHost); err != nil {
		return err
	}
	if err := pks.ValidateMasterPort(s.MasterPort); err != nil {
		return err
	}
	for _, profile := range []struct {
		field string
		*pks.Profile
	}{{"network_profile", s.NetworkProfile}, {"compute_profile", s.ComputeProfile}, {"kubernetes_profile", s.KubernetesProfile}} {
		if profile.Profile != nil && profile.Name == "" {
			return refuse("%s.name is missing.", profile.field).WithRemedy("Name the profile, or leave it out.")
		}
	}
	return advised(firstError(
		pks.ValidateTags("cluster_tags", s.Tags),
		checkDrain("kubelet_drain", s.Drain),
		pks.ValidateUnsetHTTPProxy("unset_http_proxy", s.UnsetHTTPProxy),
		pks.ValidateRegistryCAs("custom_ca_certs", s.CustomCACerts),
		pks.ValidateInsecureRegistries("insecure_registries", s.InsecureRegistries),
		pks.ValidateVSphereKey("vsphere_cloud_provider_config_key", s.VSphereCloudProviderConfigKey),
	))
}

// checkExtensions refuses a vm_extension for a group that is not there, and reads
// the cloud properties of those that the cluster brings along.
func (c *cluster) checkExtensions() error {
	groups := map[string]bool{masterGroup: true, addonsGroup: true}
	for _, p := range c.pools {
		groups[p.group] = true
	}
	for _, name := range sortedKeys(c.spec.VMExtensions) {
		if !groups[name] {
			return refuse("vm_extensions names the instance group %q, which the cluster does not have.", name).
				WithRemedy("The groups are %s.", list(sortedKeys(groups)))
		}
	}
	for _, name := range sortedKeys(c.spec.VMExtensionProperties) {
		if !groups[name] {
			return refuse("vm_extension_properties names the instance group %q, which the cluster does not have.", name).
				WithRemedy("The groups are %s.", list(sortedKeys(groups)))
		}
		own := extension{Name: c.ownExtension(name)}
		if err := kjson.UnmarshalCaseSensitivePreserveInts(c.spec.VMExtensionProperties[name], &own.CloudProperties); err != nil {
			return refuse("vm_extension_properties.%s is not an object.", name).WithRemedy("Give cloud properties, such as {\"vmx_options\":{\"disk.enableUUID\":\"1\"}}.")
		}
		if len(own.CloudProperties) > 0 {
			c.config.VMExts = append(c.config.VMExts, own)
		}
	}
	return nil
}

func (c *cluster) masterCount() int {
	if c.masterInstances > 0 {
		return c.masterInstances
	}
	return c.plan.master.Instances
}
