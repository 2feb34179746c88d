package runner

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
)

// BindingRequest is what a binding is made from, or removed by.
type BindingRequest struct {
	BindingID         string
	VMs               map[string][]string // instance group → addresses
	Manifest          string
	RequestParameters json.RawMessage
	Secrets           map[string]string // "((name))" → value
	DNSAddresses      map[string]string
}

// Binding is what the adapter made.
type Binding struct {
	Credentials     any    `json:"credentials"`
	SyslogDrainURL  string `json:"syslog_drain_url"`
	RouteServiceURL string `json:"route_service_url"`
	BackupAgentURL  string `json:"backup_agent_url"`
}

// CreateBinding makes credentials for an instance.
func (r *Runner) CreateBinding(ctx context.Context, q BindingRequest) (Binding, error) {
	const subcommand = "create-binding"
	var enc encoder
	vms, params := enc.json(q.VMs), string(q.RequestParameters)
	input := serviceadapter.InputParams{CreateBinding: serviceadapter.CreateBindingJSONParams{
		BindingId: q.BindingID, BoshVms: vms, Manifest: q.Manifest, RequestParameters: params,
		Secrets: enc.json(q.Secrets), DNSAddresses: enc.json(q.DNSAddresses),
	}}
	if enc.err != nil {
		return Binding{}, r.failed(subcommand, enc.err)
	}
	out, err := r.run(ctx, subcommand, input, q.BindingID, vms, q.Manifest, params)
	if err != nil {
		return Binding{}, err
	}
	var binding Binding
	if err := json.Unmarshal(out, &binding); err != nil {
		// Not the decoder's words: they may quote a credential.
		return Binding{}, r.failed(subcommand, fmt.Errorf("its answer is not a binding in JSON"))
	}
	return binding, nil
}

// DeleteBinding removes credentials.
func (r *Runner) DeleteBinding(ctx context.Context, q BindingRequest) error {
	const subcommand = "delete-binding"
	var enc encoder
	vms, params := enc.json(q.VMs), string(q.RequestParameters)
	input := serviceadapter.InputParams{DeleteBinding: serviceadapter.DeleteBindingJSONParams{
		BindingId: q.BindingID, BoshVms: vms, Manifest: q.Manifest, RequestParameters: params,
		Secrets: enc.json(q.Secrets), DNSAddresses: enc.json(q.DNSAddresses),
	}}
	if enc.err != nil {
		return r.failed(subcommand, enc.err)
	}
	_, err := r.run(ctx, subcommand, input, q.BindingID, vms, q.Manifest, params)
	return err
}

// DashboardURL asks where the instance's dashboard is; ErrNotImplemented when
// instances have none.
func (r *Runner) DashboardURL(ctx context.Context, instanceID string, plan serviceadapter.Plan, manifest string) (string, error) {
	const subcommand = "dashboard-url"
	var enc encoder
	encoded := enc.json(plan)
	if enc.err != nil {
		return "", r.failed(subcommand, enc.err)
	}
	input := serviceadapter.InputParams{DashboardUrl: serviceadapter.DashboardUrlJSONParams{
		InstanceId: instanceID, Plan: encoded, Manifest: manifest,
	}}
	out, err := r.run(ctx, subcommand, input, instanceID, encoded, manifest)
	if err != nil {
		return "", err
	}
	var answer serviceadapter.DashboardUrl
	if err := json.Unmarshal(out, &answer); err != nil {
		return "", r.failed(subcommand, fmt.Errorf("decode its answer: %w", err))
	}
	return answer.DashboardUrl, nil
}

// PlanSchema asks for the schemas of a plan's parameters.
func (r *Runner) PlanSchema(ctx context.Context, plan serviceadapter.Plan) (serviceadapter.PlanSchema, error) {
	const subcommand = "generate-plan-schemas"
	var enc encoder
	encoded := enc.json(plan)
	if enc.err != nil {
		return serviceadapter.PlanSchema{}, r.failed(subcommand, enc.err)
	}
	input := serviceadapter.InputParams{GeneratePlanSchemas: serviceadapter.GeneratePlanSchemasJSONParams{Plan: encoded}}
	out, err := r.run(ctx, subcommand, input, "--plan-json", encoded)
	if err != nil {
		return serviceadapter.PlanSchema{}, err
	}
	var schema serviceadapter.PlanSchema
	if err := json.Unmarshal(out, &schema); err != nil {
		return schema, r.failed(subcommand, fmt.Errorf("decode its answer: %w", err))
	}
	return schema, nil
}
