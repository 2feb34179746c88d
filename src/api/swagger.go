package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
)

// Swagger is the description of the API in the form that clients of the original
// were generated from (Swagger 2.0), made of the OpenAPI document. What that form
// cannot say is left out, never said wrongly.
func Swagger() (json.RawMessage, error) {
	raw, err := OpenAPI()
	if err != nil {
		return nil, err
	}
	document, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		return nil, fmt.Errorf("load the OpenAPI document: %w", err)
	}
	document.Servers = nil // clients know where they got it from
	converted, err := openapi2conv.FromV3(document)
	if err != nil {
		return nil, fmt.Errorf("convert the OpenAPI document: %w", err)
	}
	encoded, err := json.Marshal(converted)
	if err != nil {
		return nil, fmt.Errorf("encode the Swagger document: %w", err)
	}
	var whole map[string]any
	if err := json.Unmarshal(encoded, &whole); err != nil {
		return nil, fmt.Errorf("read the Swagger document: %w", err)
	}
	simplify(whole)
	// As the original names itself (reference/pks-api.md §1.1).
	whole["info"] = map[string]any{"title": "PKS", "description": "PKS API", "version": "1.1.0"}
	whole["consumes"], whole["produces"] = []string{"application/json"}, []string{"application/json"}
	simple, err := json.Marshal(whole)
	if err != nil {
		return nil, fmt.Errorf("encode the Swagger document: %w", err)
	}
	return simple, nil
}

// simplify turns what JSON Schema 2020-12 has and Swagger 2.0 has not into what
// both have: a type is one word, a constant is an enumeration of one.
func simplify(value any) {
	switch value := value.(type) {
	case []any:
		for _, v := range value {
			simplify(v)
		}
	case map[string]any:
		if types, ok := value["type"].([]any); ok {
			simplifyType(value, types)
		}
		if constant, ok := value["const"]; ok {
			value["enum"] = []any{constant}
			delete(value, "const")
		}
		delete(value, "writeOnly")
		if target, ok := value["$ref"].(string); ok { // which the conversion leaves in maps
			value["$ref"] = strings.Replace(target, "#/components/schemas/", "#/definitions/", 1)
		}
		for _, v := range value {
			simplify(v)
		}
	}
}

// simplifyType leaves a schema one type; none when there are several beside null.
func simplifyType(schema map[string]any, types []any) {
	var words []any
	for _, t := range types {
		if t == "null" {
			schema["x-nullable"] = true
		} else {
			words = append(words, t)
		}
	}
	if len(words) == 1 {
		schema["type"] = words[0]
		return
	}
	delete(schema, "type")
	delete(schema, "pattern") // of the texts among the values
}

// swagger answers GET /v2/api-docs.
func (s *Server) swagger(context.Context, *exchange) (answer, error) {
	document, err := s.swaggerDocument()
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, document}, nil
}
