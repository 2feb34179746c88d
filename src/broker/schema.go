package broker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"code.cloudfoundry.org/brokerapi/v13/domain"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/broker/runner"
)

const draft04 = "http://json-schema.org/draft-04/schema#"

// planSchemas asks the adapter for a plan's schemas and checks them (§1.1).
func (b *Broker) planSchemas(ctx context.Context, p config.Plan) (*domain.ServiceSchemas, error) {
	made, err := b.adapter.PlanSchema(ctx, b.config.ServiceCatalog.ForAdapter(p))
	if errors.Is(err, runner.ErrNotImplemented) {
		return nil, errors.New("enable_plan_schemas is set to true, but the service adapter does not implement generate-plan-schemas")
	}
	if err != nil {
		return nil, err
	}
	schemas := &domain.ServiceSchemas{
		Instance: domain.ServiceInstanceSchema{
			Create: domain.Schema{Parameters: made.ServiceInstance.Create.Parameters},
			Update: domain.Schema{Parameters: made.ServiceInstance.Update.Parameters},
		},
		Binding: domain.ServiceBindingSchema{Create: domain.Schema{Parameters: made.ServiceBinding.Create.Parameters}},
	}
	for _, one := range []struct {
		name   string
		schema map[string]any
	}{
		{"instance create", schemas.Instance.Create.Parameters},
		{"instance update", schemas.Instance.Update.Parameters},
		{"binding create", schemas.Binding.Create.Parameters},
	} {
		if _, err := compileSchema(one.schema); err != nil {
			//lint:ignore ST1005 the text of reference/on-demand-broker.md §1.1
			return nil, fmt.Errorf("Invalid JSON Schema for plan %s: Error validating plan schemas for %s - %w", p.Name, one.name, err)
		}
	}
	return schemas, nil
}

func compileSchema(schema map[string]any) (*jsonschema.Schema, error) {
	version, ok := schema["$schema"]
	switch {
	case len(schema) == 0 || !ok:
		return nil, errors.New("failed validating schema - no JSON Schema provided")
	case version != draft04:
		return nil, errors.New("failed validating schema - only JSON Schema version draft-04 is supported")
	}
	const name = "parameters.json"
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(noLoader{})
	if err := compiler.AddResource(name, any(schema)); err != nil {
		return nil, errors.New("failed validating schema - schema does not conform to JSON Schema spec")
	}
	compiled, err := compiler.Compile(name)
	if err != nil {
		return nil, errors.New("failed validating schema - schema does not conform to JSON Schema spec")
	}
	return compiled, nil
}

// noLoader keeps a schema from pulling in files or addresses.
type noLoader struct{}

func (noLoader) Load(string) (any, error) {
	return nil, errors.New("a schema may refer to itself only")
}

// checkParameters validates parameters against one of the plan's schemas; pick
// chooses which. Without plan schemas everything is left to the adapter.
func (b *Broker) checkParameters(ctx context.Context, planID string, parameters []byte, pick func(*domain.ServiceSchemas) domain.Schema) error {
	if !b.config.Broker.EnablePlanSchemas {
		return nil
	}
	services, err := b.Services(ctx)
	if err != nil {
		return err
	}
	for _, p := range services[0].Plans {
		if p.ID != planID || p.Schemas == nil {
			continue
		}
		schema, err := compileSchema(pick(p.Schemas).Parameters)
		if err != nil {
			return err
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(parameters)))
		if err != nil {
			return refuse(http.StatusBadRequest, "", "validation against JSON schema failed:\n"+err.Error())
		}
		if invalid, ok := errors.AsType[*jsonschema.ValidationError](schema.Validate(value)); ok {
			return refuse(http.StatusBadRequest, "", "validation against JSON schema failed:\n"+strings.Join(leaves(invalid), "; "))
		}
		return nil
	}
	return nil
}

// leaves are the innermost reasons, each with the path of the member.
func leaves(e *jsonschema.ValidationError) []string {
	if len(e.Causes) == 0 {
		at := "(root)"
		if len(e.InstanceLocation) > 0 {
			at = strings.Join(e.InstanceLocation, ".")
		}
		text := e.Error()
		if i := strings.LastIndex(text, ": "); i >= 0 {
			text = text[i+2:]
		}
		return []string{at + ": " + text}
	}
	var all []string
	for _, cause := range e.Causes {
		all = append(all, leaves(cause)...)
	}
	return all
}
