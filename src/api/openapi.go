package api

import (
	"context"
	_ "embed" // for the OpenAPI document
	"encoding/json"
	"fmt"
	"net/http"

	"sigs.k8s.io/yaml"
)

//go:embed openapi.yaml
var openAPIDocument []byte

// OpenAPI is the description of the API (OpenAPI 3.1) as JSON.
func OpenAPI() (json.RawMessage, error) {
	document, err := yaml.YAMLToJSON(openAPIDocument)
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	return document, nil
}

// openAPI answers GET /openapi.json.
func (s *Server) openAPI(context.Context, *exchange) (answer, error) {
	document, err := OpenAPI()
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, document}, nil
}
