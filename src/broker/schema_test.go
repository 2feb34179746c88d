package broker

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/director"
)

func withSchema(schema map[string]any) func(*config.Config) {
	return func(c *config.Config) {
		c.Broker.EnablePlanSchemas = true
		if schema != nil {
			c.ServiceCatalog.GlobalProperties = map[string]any{schemaProperty: schema}
		}
	}
}

func TestParametersAreHeldAgainstThePlansSchema(t *testing.T) {
	t.Parallel()
	h := newHarness(t, withSchema(map[string]any{
		"$schema": draft04, "type": "object", "additionalProperties": false,
		"properties": map[string]any{"workers": map[string]any{"type": "integer", "minimum": 1}},
	}))
	got := h.provision("i1", testPlan, `{"workers":0,"colour":"red"}`)
	if got.Status != 400 || !strings.HasPrefix(got.Body, `{"description":"validation against JSON schema failed:\n`) || !strings.Contains(got.Body, "workers") || !strings.Contains(got.Body, "colour") {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	if began := h.director.began(); len(began) != 0 {
		t.Errorf("tasks: %v", began)
	}
	h.accepted(h.provision("i1", testPlan, `{"workers":1}`))
	if got := h.send("GET", "/v2/catalog", ""); !strings.Contains(got.Body, `"schemas":{"service_instance":{"create":{"parameters":{"$schema":`) {
		t.Errorf("%d %s", got.Status, got.Body)
	}
}

func TestSchemasThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		schema map[string]any
		want   string
	}{
		"not implemented": {nil, "enable_plan_schemas is set to true, but the service adapter does not implement generate-plan-schemas"},
		"none":            {map[string]any{}, "Invalid JSON Schema for plan small: Error validating plan schemas for instance create - failed validating schema - no JSON Schema provided"},
		"another draft":   {map[string]any{"$schema": "http://json-schema.org/draft-07/schema#"}, "failed validating schema - only JSON Schema version draft-04 is supported"},
		"no schema":       {map[string]any{"$schema": draft04, "type": "dance"}, "failed validating schema - schema does not conform to JSON Schema spec"},
		"reaching out":    {map[string]any{"$schema": draft04, "$ref": "file:///etc/passwd"}, "failed validating schema - schema does not conform to JSON Schema spec"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, withSchema(c.schema), func(c *config.Config) { c.Broker.ExposeOperationalErrors = false })
			if got := h.send("GET", "/v2/catalog", ""); got.Status != 500 || !strings.Contains(got.Body, c.want) {
				t.Errorf("%d %s", got.Status, got.Body)
			}
		})
	}
}

func TestBindingsAreGivenDNSAddresses(t *testing.T) {
	t.Parallel()
	f := newFakeDirector(t)
	var asked []string
	f.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/link") {
			return false
		}
		asked = append(asked, r.Method+" "+r.URL.RequestURI())
		switch r.Method + r.URL.Path {
		case "GET/link_providers":
			fmt.Fprint(w, `[{"id":"6","name":"mweb","shared":false,"owner_object":{"info":{"instance_group":"master"}}},{"id":"7","name":"mweb","shared":true,"owner_object":{"info":{"instance_group":"master"}}}]`)
		case "POST/links":
			fmt.Fprint(w, `{"id":"9"}`)
		case "GET/link_address":
			fmt.Fprint(w, `{"address":"q-a1s3.master.default.d1.bosh"}`)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
		return true
	})
	h := newHarnessOn(t, f)
	wanted := config.BindingDNS{Name: "api", LinkProvider: "mweb", InstanceGroup: "master"}
	wanted.Properties.AZs, wanted.Properties.Status = []string{"z1"}, "healthy"
	got, err := h.broker.dnsAddresses(t.Context(), "d1", config.Plan{BindingWithDNS: []config.BindingDNS{wanted}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"api": "q-a1s3.master.default.d1.bosh"}, got); diff != "" {
		t.Error(diff)
	}
	want := []string{"GET /link_providers?deployment=d1", "POST /links", "GET /link_address?azs%5B%5D=z1&link_id=9&status=healthy", "DELETE /links/9"}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
	wanted.LinkProvider = "other"
	if _, err := h.broker.dnsAddresses(t.Context(), "d1", config.Plan{BindingWithDNS: []config.BindingDNS{wanted}}); err == nil {
		t.Error("an address without a provider")
	}
}

func TestCauseOfAFailedErrandIsBoundedInLength(t *testing.T) {
	t.Parallel()
	r := director.ErrandResult{Errand: "e", ExitCode: 1, Stderr: strings.Repeat("é", 5000)}
	if got := failedErrand([]director.ErrandResult{r}); len(got) > 2*maxStderrTail {
		t.Errorf("%d bytes", len(got))
	}
}
