package kubeapi_test

import (
	"encoding/json"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestDescriptionIsOpenAPI: each document that the server names is valid, and has
// the texts that kubectl explain shows.
func TestDescriptionIsOpenAPI(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	client := f.client(adminToken).RESTClient()
	var index struct {
		Paths map[string]struct{ ServerRelativeURL string }
	}
	if err := json.Unmarshal(must[[]byte](t)(client.Get().AbsPath("/openapi/v3").DoRaw(t.Context())), &index); err != nil {
		t.Fatal(err)
	}
	if len(index.Paths) != 6 {
		t.Errorf("documents: %v", index.Paths)
	}
	for path, at := range index.Paths {
		raw := must[[]byte](t)(client.Get().RequestURI(at.ServerRelativeURL).DoRaw(t.Context()))
		document, err := openapi3.NewLoader().LoadFromData(raw)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if err := document.Validate(t.Context(), openapi3.DisableExamplesValidation(), openapi3.DisableSchemaDefaultsValidation()); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if path != "api/v1" {
			continue
		}
		data := document.Components.Schemas["io.k8s.api.core.v1.ConfigMap"].Value.Properties["data"].Value
		if data.Description == "" || !data.AdditionalProperties.Schema.Value.Type.Is("string") {
			t.Errorf("data of a ConfigMap: %+v", data)
		}
		patch := document.Paths.Value("/api/v1/namespaces/{namespace}/configmaps/{name}").Patch
		if patch.Parameters.GetByInAndName("query", "fieldValidation") == nil {
			t.Error("nobody learns that unknown fields are refused")
		}
	}
}
