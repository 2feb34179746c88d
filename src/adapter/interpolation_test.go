package adapter_test

import (
	"strings"
	"testing"

	"github.com/cloudfoundry/bosh-cli/v7/director/template"
	"github.com/pivotal-cf/on-demand-services-sdk/bosh"
)

// generated gives a value of the right shape for each variable that a manifest
// declares, and for what the platform keeps.
type generated struct{ declared []bosh.Variable }

func (g generated) Get(d template.VariableDefinition) (any, bool, error) {
	for _, v := range g.declared {
		if v.Name != d.Name {
			continue
		}
		switch v.Type {
		case "certificate":
			return map[any]any{"ca": "ca", "certificate": "certificate", "private_key": "key"}, true, nil
		case "rsa":
			return map[any]any{"public_key": "public", "private_key": "key"}, true, nil
		default:
			return "password", true, nil
		}
	}
	switch d.Name {
	case "/nsx/identity":
		return map[any]any{"certificate": "c", "private_key": "k"}, true, nil
	case "/opsmgr/pks/vcenter_master_creds":
		return map[any]any{"password": "p"}, true, nil
	case "/openstack_password":
		return "p", true, nil
	}
	return nil, false, nil
}

func (generated) List() ([]template.VariableDefinition, error) { return nil, nil }

// TestEveryReferenceHasAVariable does what 'bosh int --var-errs --var-errs-unused'
// does, with the code of that command.
func TestEveryReferenceHasAVariable(t *testing.T) {
	t.Parallel()
	for name, c := range golden() {
		got := c.run(t)
		manifest := strings.ReplaceAll(got.Manifest, "((odb_secret:", "((odb_secret_")
		vars := generated{parse(t, got.Manifest).Variables}
		for name := range got.Secrets {
			vars.declared = append(vars.declared, bosh.Variable{Name: "odb_secret_" + name, Type: "password"})
		}
		if _, err := template.NewTemplate([]byte(manifest)).Evaluate(vars, nil, template.EvaluateOpts{ExpectAllKeys: true}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, v := range vars.declared {
			used := strings.Contains(manifest, "(("+v.Name+"))") || strings.Contains(manifest, "(("+v.Name+".") || strings.Contains(manifest, "ca: "+v.Name+"\n")
			if !used {
				t.Errorf("%s: variable %s is declared for nothing", name, v.Name)
			}
		}
	}
}
