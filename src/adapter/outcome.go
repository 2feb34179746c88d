package adapter

import (
	"errors"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"

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
