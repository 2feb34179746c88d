package adapter

import (
	"encoding/json"
	"errors"

	"github.com/pivotal-cf/on-demand-services-sdk/bosh"
	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
	yaml "gopkg.in/yaml.v2" // as the SDK reads manifests

	"github.com/pks-community/pks-release/src/pks"
)

// Outcomes of a binding that the contract has exit codes for.
var (
	errBindingExists   = errors.New("binding already exists")
	errBindingNotFound = errors.New("binding not found")
)

// outcome is the exit code for an error and the text for the person who asked.
func outcome(err error) (code int, user string) {
	switch {
	case errors.Is(err, errBindingExists):
		return serviceadapter.BindingAlreadyExistsErrorExitCode, "The binding already exists."
	case errors.Is(err, errBindingNotFound):
		return serviceadapter.BindingNotFoundErrorExitCode, "The binding does not exist."
	}
	if failure, ok := errors.AsType[*pks.Failure](err); ok {
		return serviceadapter.ErrorExitCode, failure.Message()
	}
	return serviceadapter.ErrorExitCode, "The service adapter failed. The broker's log has the cause."
}

// maxManifest bounds a previous manifest, in bytes.
const maxManifest = 4 << 20

func checkManifestText(field, text string, mayBeEmpty bool) error {
	if text == "" {
		if mayBeEmpty {
			return nil
		}
		return refuse("%s is empty.", field).WithRemedy("The deployment does not exist, or the broker did not send its manifest.")
	}
	if len(text) > maxManifest {
		return refuse("%s has %d bytes; at most %d are read.", field, len(text), maxManifest).WithRemedy("Remove what is not needed from the deployment's add-ons.")
	}
	var manifest bosh.BoshManifest
	if err := yaml.Unmarshal([]byte(text), &manifest); err != nil {
		return refuse("%s is not the YAML of a BOSH manifest.", field).
			WithRemedy("Compare it with 'bosh manifest': %s.", oneLine(err.Error())).WithCause(err)
	}
	if !mayBeEmpty && manifest.Name == "" {
		return refuse("%s has no name.", field).WithRemedy("Compare it with 'bosh manifest'.")
	}
	return nil
}

func checkJSON(field, text string) error {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		if text == "" {
			return refuse("%s is empty.", field).WithRemedy("The broker must send it as a text of JSON.")
		}
		return refuse("%s is not JSON.", field).WithRemedy("The broker must send it as a text of JSON: %s.", oneLine(err.Error())).WithCause(err)
	}
	return nil
}

// checkRequest refuses what the SDK's helpers would panic on.
func checkRequest(field, text string) error {
	var request map[string]any
	if err := json.Unmarshal([]byte(text), &request); err != nil {
		return refuse("%s is not a JSON object.", field).WithRemedy("Send {} or the body of the OSB request.").WithCause(err)
	}
	for _, member := range []string{"parameters", "context"} {
		switch request[member].(type) {
		case nil, map[string]any:
		default:
			return refuse("%s.%s is not an object.", field, member).WithRemedy("Send an object, or leave it out.")
		}
	}
	return nil
}
