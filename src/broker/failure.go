package broker

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"code.cloudfoundry.org/brokerapi/v13/domain/apiresponses"

	"github.com/pks-community/pks-release/src/broker/runner"
	"github.com/pks-community/pks-release/src/director"
)

// operatorError carries a text for the end user beside the cause for operators.
type operatorError struct {
	user string // empty: the generic text
	err  error
}

func (e *operatorError) Error() string { return e.err.Error() }
func (e *operatorError) Unwrap() error { return e.err }

// retryLater is answered when the Director could not be asked at all.
func retryLater(verb string, err error) error {
	return &operatorError{fmt.Sprintf("Currently unable to %s service instance, please try again later", verb), err}
}

// unlessAway keeps the generic text for every other failure of the Director.
func unlessAway(verb string, err error) error {
	if errors.Is(err, director.ErrUnavailable) {
		return retryLater(verb, err)
	}
	return err
}

// answer turns an error into what the platform is told. Errors made for the
// platform pass; of the others it learns a generic text, and the log the cause.
func (b *Broker) answer(ctx context.Context, instanceID string, kind operationType, err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*apiresponses.FailureResponse](err); ok {
		b.logger.InfoContext(ctx, "request refused", "cluster", instanceID, "operation", string(kind), "reason", known.Error(), "request_id", requestID(ctx))
		return known
	}
	b.logger.ErrorContext(ctx, "request failed", "cluster", instanceID, "operation", string(kind), "error", err, "request_id", requestID(ctx))
	text := b.userText(ctx, instanceID, kind, 0, err)
	return apiresponses.NewFailureResponse(errors.New(text), http.StatusInternalServerError, "request failed")
}

func (b *Broker) userText(ctx context.Context, instanceID string, kind operationType, task int, err error) string {
	text := ""
	if told, ok := errors.AsType[*operatorError](err); ok {
		text = told.user
	}
	if adapter, ok := errors.AsType[*runner.Error](err); ok && text == "" {
		text = adapter.User
	}
	if text == "" {
		text = b.genericText(ctx, instanceID, kind, task)
	}
	if b.config.Broker.ExposeOperationalErrors && err != nil {
		text += " - error-message: " + err.Error()
	}
	return text
}

// genericText is the reference's §0.3, so that operators find what they know.
func (b *Broker) genericText(ctx context.Context, instanceID string, kind operationType, task int) string {
	text := "There was a problem completing your request. Please contact your operations team providing the following information: " +
		fmt.Sprintf("service: %s, service-instance-guid: %s, broker-request-id: %s", b.config.ServiceCatalog.ServiceName, instanceID, requestID(ctx))
	if task != 0 {
		text += fmt.Sprintf(", task-id: %d", task)
	}
	if kind != "" {
		text += fmt.Sprintf(", operation: %s", kind)
	}
	return text
}

func refuse(status int, key, text string) error {
	builder := apiresponses.NewFailureResponseBuilder(errors.New(text), status, "request refused")
	if key != "" {
		builder = builder.WithErrorKey(key)
	}
	return builder.Build()
}

// busy is what OSB asks for when another operation is under way.
func busy() error {
	return refuse(http.StatusUnprocessableEntity, "ConcurrencyError",
		"An operation is in progress for your service instance. Please try again later.")
}

func isBusy(err error) bool {
	known, ok := errors.AsType[*apiresponses.FailureResponse](err)
	if !ok {
		return false
	}
	body, ok := known.ErrorResponse().(apiresponses.ErrorResponse)
	return ok && body.Error == "ConcurrencyError"
}
