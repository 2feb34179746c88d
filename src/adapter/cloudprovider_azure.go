package adapter

import (
	"slices"

	"github.com/pks-community/pks-release/src/pks"
)

// azureProvider: machines use managed identities, named by vm_extension, or else
// an application's id and secret.
type azureProvider struct {
	Cloud               string     `json:"cloud"` // default AzurePublicCloud
	TenantID            string     `json:"tenant_id"`
	SubscriptionID      string     `json:"subscription_id"`
	Location            string     `json:"location"`
	ResourceGroup       string     `json:"resource_group"`
	VNet                string     `json:"vnet"`
	VNetResourceGroup   string     `json:"vnet_resource_group"` // default resource_group
	Subnet              string     `json:"subnet"`
	SecurityGroup       string     `json:"security_group"`
	AvailabilitySet     string     `json:"primary_availability_set"`
	LoadBalancerSKU     string     `json:"load_balancer_sku"` // basic or standard
	DisableOutboundSNAT bool       `json:"disable_outbound_snat"`
	MasterExtension     string     `json:"master_vm_extension"` // such as master_managed_identity
	WorkerExtension     string     `json:"worker_vm_extension"`
	ClientID            string     `json:"client_id"`
	ClientSecret        pks.Secret `json:"client_secret"`
}

func (*azureProvider) jobType() string { return "azure" }

func (a *azureProvider) check(field string) error {
	if err := missing(field, [2]string{"tenant_id", a.TenantID}, [2]string{"subscription_id", a.SubscriptionID}, [2]string{"location", a.Location},
		[2]string{"resource_group", a.ResourceGroup}, [2]string{"vnet", a.VNet}, [2]string{"subnet", a.Subnet},
		[2]string{"security_group", a.SecurityGroup}); err != nil {
		return err
	}
	if (a.ClientID == "") != (a.ClientSecret == "") {
		return refuse("%s has only one of client_id and client_secret.", field).WithRemedy("Give both, or use managed identities.")
	}
	if !slices.Contains([]string{"", "basic", "standard"}, a.LoadBalancerSKU) {
		return refuse("%s.load_balancer_sku is %q.", field, a.LoadBalancerSKU).WithRemedy("Choose basic or standard.")
	}
	return nil
}

func (a *azureProvider) properties(c *cluster, _ string) cloudProviderProperties {
	config := map[string]any{
		"cloud":                       or(a.Cloud, "AzurePublicCloud"),
		"tenantId":                    a.TenantID,
		"subscriptionId":              a.SubscriptionID,
		"location":                    a.Location,
		"resourceGroup":               a.ResourceGroup,
		"vnetName":                    a.VNet,
		"vnetResourceGroup":           or(a.VNetResourceGroup, a.ResourceGroup),
		"subnetName":                  a.Subnet,
		"securityGroupName":           a.SecurityGroup,
		"useManagedIdentityExtension": a.ClientID == "",
		"useInstanceMetadata":         true,
		"loadBalancerSku":             or(a.LoadBalancerSKU, "basic"),
	}
	if a.AvailabilitySet != "" {
		config["primaryAvailabilitySetName"] = a.AvailabilitySet
	}
	if a.DisableOutboundSNAT {
		config["disableOutboundSNAT"] = true
	}
	if a.ClientID != "" {
		config["aadClientId"], config["aadClientSecret"] = a.ClientID, c.hide("azure_client_secret", a.ClientSecret.Reveal())
	}
	return cloudProviderProperties{Provider: cloudProviderSettings{Type: a.jobType()}, Config: config}
}

func (a *azureProvider) extensions(group string) []string {
	if group == masterGroup {
		return present(a.MasterExtension)
	}
	return present(a.WorkerExtension)
}

func (*azureProvider) tags(*cluster) map[string]string { return nil }
