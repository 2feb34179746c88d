package api_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/pks-community/pks-release/src/api"
)

// contract is the OpenAPI document, ready to check requests and answers with.
var contract = sync.OnceValues(func() (routers.Router, error) {
	raw, err := api.OpenAPI()
	if err != nil {
		return nil, err
	}
	openapi3filter.RegisterBodyDecoder("text/event-stream",
		func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
			text, err := io.ReadAll(body)
			return string(text), err
		})
	loader := openapi3.NewLoader()
	document, err := loader.LoadFromData(raw)
	if err != nil {
		return nil, err
	}
	if err := document.Validate(loader.Context, openapi3.IsOpenAPI31OrLater()); err != nil {
		return nil, err
	}
	document.Servers = openapi3.Servers{{URL: "https://api.example.com:9021"}}
	return gorillamux.NewRouter(document)
})

// checkContract holds a request that was accepted, and every answer, against the
// OpenAPI document. What §17 of the reference lets clients send beyond the
// document is marked by the header Beyond-Contract.
func checkContract(t testing.TB, r request, sent *http.Request, got reply) {
	t.Helper()
	router, err := contract()
	if err != nil {
		t.Fatalf("OpenAPI document: %v", err)
	}
	route, parameters, err := router.FindRoute(sent)
	if err != nil {
		return // a path or method that the document rightly does not know, or spelt leniently
	}
	sent.Body = io.NopCloser(strings.NewReader(r.body))
	sent.GetBody = nil
	input := &openapi3filter.RequestValidationInput{
		Request:    sent,
		PathParams: parameters,
		Route:      route,
		Options:    &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if got.status < 300 && r.header.Get(beyondContract) == "" {
		if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil {
			t.Errorf("%s %s was accepted against the OpenAPI document: %v", r.method, r.path, err)
		}
	}
	if r.method == http.MethodHead {
		return
	}
	answered := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input,
		Status:                 got.status,
		Header:                 got.header,
		Body:                   io.NopCloser(bytes.NewReader([]byte(got.body))),
		Options:                input.Options,
	}
	if err := openapi3filter.ValidateResponse(t.Context(), answered); err != nil {
		t.Errorf("%s %s: %d is not as in the OpenAPI document: %v", r.method, r.path, got.status, err)
	}
}

// beyondContract marks a test's request that only leniency accepts.
const beyondContract = "Beyond-Contract"

func beyond() http.Header { return http.Header{beyondContract: {"yes"}} }
