package config

import (
	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
)

// ServiceCatalog is the offering and its plans (§4.3).
type ServiceCatalog struct {
	ID               string          `yaml:"id"`
	ServiceName      string          `yaml:"service_name"`
	Description      string          `yaml:"service_description"`
	Bindable         bool            `yaml:"bindable"`
	PlanUpdatable    bool            `yaml:"plan_updatable"`
	Requires         []string        `yaml:"requires"`
	Tags             []string        `yaml:"tags"`
	Metadata         ServiceMetadata `yaml:"metadata"`
	DashboardClient  DashboardClient `yaml:"dashboard_client"`
	GlobalProperties map[string]any  `yaml:"global_properties"`
	GlobalQuotas     Quotas          `yaml:"global_quotas"`
	MaintenanceInfo  MaintenanceInfo `yaml:"maintenance_info"`
	Plans            []Plan          `yaml:"plans"`
}

// ServiceMetadata is for marketplaces; any further keys are passed on.
type ServiceMetadata struct {
	DisplayName         string         `yaml:"display_name"`
	ImageURL            string         `yaml:"image_url"`
	LongDescription     string         `yaml:"long_description"`
	ProviderDisplayName string         `yaml:"provider_display_name"`
	DocumentationURL    string         `yaml:"documentation_url"`
	SupportURL          string         `yaml:"support_url"`
	Shareable           bool           `yaml:"shareable"`
	More                map[string]any `yaml:",inline"`
}

// DashboardClient is for single sign-on at a dashboard.
type DashboardClient struct {
	ID          string `yaml:"id"`
	Secret      string `yaml:"secret"`
	RedirectURI string `yaml:"redirect_uri"`
}

// MaintenanceInfo tells platforms when instances can be upgraded. Private is
// shown as a hash only.
type MaintenanceInfo struct {
	Public      map[string]string `yaml:"public"`
	Private     map[string]string `yaml:"private"`
	Version     string            `yaml:"version"`
	Description string            `yaml:"description"`
}

// Quotas bound the number of instances and what they use.
type Quotas struct {
	ServiceInstanceLimit *int                     `yaml:"service_instance_limit"`
	Resources            map[string]ResourceQuota `yaml:"resources"`
}

// ResourceQuota is a limit, and for plans what one instance uses.
type ResourceQuota struct {
	Limit int `yaml:"limit"`
	Cost  int `yaml:"cost"`
}

func (q Quotas) set() bool { return q.ServiceInstanceLimit != nil || len(q.Resources) > 0 }

// Plan is one plan of the offering.
type Plan struct {
	ID               string                          `yaml:"plan_id"`
	Name             string                          `yaml:"name"`
	Description      string                          `yaml:"description"`
	Free             *bool                           `yaml:"free"`
	Bindable         *bool                           `yaml:"bindable"`
	Metadata         PlanMetadata                    `yaml:"metadata"`
	Quotas           Quotas                          `yaml:"quotas"`
	Properties       serviceadapter.Properties       `yaml:"properties"`
	InstanceGroups   []serviceadapter.InstanceGroup  `yaml:"instance_groups"`
	Update           *serviceadapter.Update          `yaml:"update"`
	LifecycleErrands serviceadapter.LifecycleErrands `yaml:"lifecycle_errands"`
	BindingWithDNS   []BindingDNS                    `yaml:"binding_with_dns"`
	MaintenanceInfo  MaintenanceInfo                 `yaml:"maintenance_info"`
}

// PlanMetadata is for marketplaces; any further keys are passed on.
type PlanMetadata struct {
	DisplayName string         `yaml:"display_name"`
	Bullets     []string       `yaml:"bullets"`
	Costs       []PlanCost     `yaml:"costs"`
	More        map[string]any `yaml:",inline"`
}

// PlanCost is a price.
type PlanCost struct {
	Amount map[string]float64 `yaml:"amount"`
	Unit   string             `yaml:"unit"`
}

// BindingDNS is a BOSH DNS address that bindings of the plan are given.
type BindingDNS struct {
	Name          string `yaml:"name"`
	LinkProvider  string `yaml:"link_provider"`
	InstanceGroup string `yaml:"instance_group"`
	Properties    struct {
		AZs    []string `yaml:"azs"`
		Status string   `yaml:"status"`
	} `yaml:"properties"`
}

// Plan finds a plan by its id.
func (c ServiceCatalog) Plan(id string) (Plan, bool) {
	for _, p := range c.Plans {
		if p.ID == id {
			return p, true
		}
	}
	return Plan{}, false
}

// ForAdapter is the plan as the adapter is given it: the offering's properties,
// overlaid by the plan's.
func (c ServiceCatalog) ForAdapter(p Plan) serviceadapter.Plan {
	properties := make(serviceadapter.Properties, len(c.GlobalProperties)+len(p.Properties))
	for k, v := range c.GlobalProperties {
		properties[k] = v
	}
	for k, v := range p.Properties {
		properties[k] = v
	}
	return serviceadapter.Plan{
		Properties:       properties,
		LifecycleErrands: p.LifecycleErrands,
		InstanceGroups:   p.InstanceGroups,
		Update:           p.Update,
	}
}
