package adapter

import (
	"encoding/json"
	"fmt"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"

	"github.com/pks-community/pks-release/src/pks"
)

// schema is JSON Schema draft 4, as far as it is needed here.
type schema struct {
	Schema      string            `json:"$schema,omitempty"`
	Description string            `json:"description,omitempty"`
	Type        string            `json:"type,omitempty"`
	Properties  map[string]schema `json:"properties,omitempty"`
	Required    []string          `json:"required,omitempty"`
	// Additional is false for closed objects, or the schema of the other members.
	Additional any      `json:"additionalProperties,omitempty"`
	Items      *schema  `json:"items,omitempty"`
	Enum       []string `json:"enum,omitempty"`
	Pattern    string   `json:"pattern,omitempty"`
	MinLength  int      `json:"minLength,omitempty"`
	MaxLength  int      `json:"maxLength,omitempty"`
	Minimum    *int     `json:"minimum,omitempty"`
	Maximum    *int     `json:"maximum,omitempty"`
}

const draft4 = "http://json-schema.org/draft-04/schema#"

// planSchema describes what Generate accepts as parameters for clusters of the
// plan, so that a broker can refuse the rest before BOSH is asked.
func planSchema(in serviceadapter.Plan) (serviceadapter.PlanSchema, error) {
	p, err := newPlan(in)
	if err != nil {
		return serviceadapter.PlanSchema{}, err
	}
	instance, err := clusterSchema(p).object()
	if err != nil {
		return serviceadapter.PlanSchema{}, err
	}
	binding, err := bindingSchema().object()
	if err != nil {
		return serviceadapter.PlanSchema{}, err
	}
	var out serviceadapter.PlanSchema
	out.ServiceInstance.Create.Parameters = instance
	out.ServiceInstance.Update.Parameters = instance // updates are whole, too
	out.ServiceBinding.Create.Parameters = binding
	return out, nil
}

func (s schema) object() (map[string]any, error) {
	s.Schema = draft4
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write the schema: %w", err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("write the schema: %w", err)
	}
	return out, nil
}

// clusterSchema is pks.ClusterSpec.
func clusterSchema(p plan) schema {
	workers := schema{Type: "integer", Minimum: limit(0), Description: "How many workers; 0 for the plan's number."}
	if p.MaxWorkerInstances > 0 {
		workers.Maximum = limit(p.MaxWorkerInstances)
	}
	s := closed(map[string]schema{
		"cluster_name": {
			Type: "string", MinLength: 1, MaxLength: 63, Pattern: `^[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$`,
			Description: "The cluster's name.",
		},
		"kubernetes_master_host":      {Type: "string", MinLength: 1, MaxLength: 64, Description: "DNS name or IP address of the Kubernetes API."},
		"kubernetes_master_port":      {Type: "integer", Minimum: limit(0), Maximum: limit(65535), Description: "Port of the Kubernetes API at that host; 0 for 8443."},
		"kubernetes_worker_instances": workers,
		"cluster_tags": listOf(closed(map[string]schema{
			"name": tagText(1), "value": tagText(0), "category": tagText(0),
		}, "name")),
		"kubelet_drain": closed(map[string]schema{
			"timeout_minutes":      {Type: "integer", Minimum: limit(0), Maximum: limit(1440)},
			"grace_period_seconds": {Type: "integer", Minimum: limit(-1), Maximum: limit(86400)},
			"force":                {Type: "boolean"}, "ignore_daemonsets": {Type: "boolean"},
			"delete_local_data": {Type: "boolean"}, "force_node": {Type: "boolean"},
		}),
		"custom_ca": closed(map[string]schema{
			"certificate": {Type: "string", Pattern: "-----BEGIN CERTIFICATE-----", Description: "A self-signed root authority, PEM."},
			"private_key": {Type: "string", Pattern: "-----BEGIN (RSA )?PRIVATE KEY-----", Description: "Its RSA key, PEM."},
		}, "certificate", "private_key"),
		"certificates": closed(map[string]schema{
			"generation": {Type: "integer", Minimum: limit(0), Description: "Of the cluster's own authorities; one more with each rotation."},
			"phase":      {Type: "string", Enum: []string{string(pks.RotationIntroduced), string(pks.RotationSwitched)}, Description: "Of the rotation that leads to the generation."},
		}),
		"custom_ca_certs": listOf(closed(map[string]schema{
			"domain_name": {Type: "string", MinLength: 1}, "ca_cert": {Type: "string", Pattern: "-----BEGIN CERTIFICATE-----"},
		}, "domain_name", "ca_cert")),
		"insecure_registries":               listOf(schema{Type: "string", MinLength: 1, Pattern: `^[^\s"'\\;]+$`}),
		"unset_http_proxy":                  listOf(schema{Type: "string", Enum: []string{proxyRuntime, jobAPIServer}}),
		"vsphere_cloud_provider_config_key": {Type: "string", Pattern: "^[a-zA-Z0-9]*$"},
		"proxy": closed(map[string]schema{
			"http_proxy": proxySchema(), "https_proxy": proxySchema(), "no_proxy": listOf(schema{Type: "string", MinLength: 1}),
			"global_no_proxy_merge": {Type: "boolean", Description: "True to add the entries of the plan's proxy."},
		}),
		"nodes_parallel":          {Type: "integer", Minimum: limit(1), Maximum: limit(2)},
		"vm_extensions":           {Type: "object", Additional: listOf(schema{Type: "string", MinLength: 1})},
		"vm_extension_properties": {Type: "object", Additional: schema{Type: "object"}},
		"network_profile":         profileSchema[networkProfile](),
		"compute_profile":         profileSchema[computeProfile](),
		"kubernetes_profile":      profileSchema[kubernetesProfile](),
		"node_pool_instances":     {Type: "object", Additional: schema{Type: "integer", Minimum: limit(1)}},
	}, "cluster_name", "kubernetes_master_host")
	s.Description = "The whole desired state of one cluster."
	return s
}

func tagText(shortest int) schema {
	return schema{Type: "string", MinLength: shortest, MaxLength: 80, Pattern: `^[^":,]*$`}
}

func proxySchema() schema {
	return closed(map[string]schema{
		"url": {Type: "string", Pattern: "^http://"}, "username": {Type: "string"}, "password": {Type: "string"},
	})
}

func bindingSchema() schema {
	return closed(map[string]schema{
		"user":                          {Type: "string", Description: "Who asks; with OIDC, who logs in."},
		"cluster_name":                  {Type: "string", Description: "Not used: the cluster knows its name."},
		"suppress_cluster_role_binding": {Type: "boolean", Description: "True for a credential without rights."},
		"service_account":               {Type: "boolean", Description: "True for a service account also where users log in with OIDC."},
		"login_only":                    {Type: "boolean", Description: "True to refuse a cluster that users do not log in to with OIDC."},
	})
}

func closed(members map[string]schema, required ...string) schema {
	return schema{Type: "object", Properties: members, Required: required, Additional: false}
}

func listOf(item schema) schema { return schema{Type: "array", Items: &item} }

func limit(n int) *int { return &n }
