package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/google/go-cmp/cmp"
)

func TestSwaggerIsTheSameAPIInTheFormOfOldGenerators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.send(request{method: "GET", path: "/v2/api-docs"})
	var document openapi2.T
	got.decode(t, &document)
	if got.status != http.StatusOK || document.Swagger != "2.0" || document.Info.Title != "PKS" || document.Info.Version != "1.1.0" {
		t.Errorf("%d %s %+v", got.status, document.Swagger, document.Info)
	}
	var modern struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	w.send(request{method: "GET", path: "/openapi.json"}).decode(t, &modern)
	var want, described []string
	for path, item := range modern.Paths {
		for method := range item {
			if method != "parameters" {
				want = append(want, strings.ToUpper(method)+" "+path)
			}
		}
	}
	for path, item := range document.Paths {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	slices.Sort(want)
	slices.Sort(described)
	if diff := cmp.Diff(want, described); diff != "" {
		t.Error(diff)
	}
}

// Generators of the time stop at a type that is a list, or at a keyword they do
// not know.
func TestSwaggerHoldsNothingNewerThanItself(t *testing.T) {
	t.Parallel()
	var whole any
	newWorld(t).send(request{method: "GET", path: "/v2/api-docs"}).decode(t, &whole)
	var walk func(path string, value any, names bool)
	walk = func(path string, value any, names bool) {
		switch value := value.(type) {
		case []any:
			for _, v := range value {
				walk(path+"[]", v, false)
			}
		case map[string]any:
			for name, v := range value {
				if !names {
					switch name {
					case "const", "oneOf", "anyOf", "writeOnly", "requestBody", "content", "components":
						t.Errorf("%s has %s", path, name)
					case "type":
						if _, ok := v.(string); !ok {
							t.Errorf("%s has the type %v", path, v)
						}
					case "$ref":
						if target, _ := v.(string); strings.HasPrefix(target, "#/components") {
							t.Errorf("%s refers to %s", path, target)
						}
					}
				}
				walk(path+"."+name, v, name == "properties" || name == "definitions" || name == "paths" || name == "responses" || name == "parameters")
			}
		}
	}
	walk("", whole, false)
}
