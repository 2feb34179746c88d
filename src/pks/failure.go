package pks

import (
	"errors"
	"fmt"
)

// Code names a kind of failure. The catalogue says what each means outside.
type Code string

const (
	CodeInvalidRequest       Code = "invalid_request"
	CodeMalformedBody        Code = "malformed_body"
	CodeBodyTooLarge         Code = "body_too_large"
	CodeUnsupportedMediaType Code = "unsupported_media_type"
	CodeUnauthenticated      Code = "unauthenticated"
	CodeForbidden            Code = "forbidden"
	CodeClusterNotFound      Code = "cluster_not_found"
	CodePlanNotFound         Code = "plan_not_found"
	CodeTaskNotFound         Code = "task_not_found"
	CodeTaskEnded            Code = "task_ended"
	CodeUpgradeImpossible    Code = "upgrade_impossible"
	CodeProfileNotFound      Code = "profile_not_found"
	CodeQuotaNotFound        Code = "quota_not_found"
	CodeRouteNotFound        Code = "route_not_found"
	CodeMethodNotAllowed     Code = "method_not_allowed"
	CodeNameTaken            Code = "name_taken"
	CodeHostTaken            Code = "host_taken"
	CodeInUse                Code = "in_use"
	CodeOperationInProgress  Code = "operation_in_progress"
	CodeClusterNotReady      Code = "cluster_not_ready"
	CodeClusterBehind        Code = "cluster_behind"
	CodeDeletionLocked       Code = "deletion_locked"
	CodeNothingToCancel      Code = "nothing_to_cancel"
	CodeNothingToRetry       Code = "nothing_to_retry"
	CodePreconditionFailed   Code = "precondition_failed"
	CodeKeyReused            Code = "idempotency_key_reused"
	CodePreviewUnavailable   Code = "preview_unavailable"
	CodeTooManyRequests      Code = "too_many_requests"
	CodeQuotaExceeded        Code = "quota_exceeded"
	CodeBrokerRefused        Code = "broker_refused"
	CodeBrokerUnavailable    Code = "broker_unavailable"
	CodeDeployFailed         Code = "deploy_failed"
	CodeDeploymentLost       Code = "deployment_lost"
	CodeUAAUnavailable       Code = "uaa_unavailable"
	CodeStoreUnavailable     Code = "store_unavailable"
	CodeInternal             Code = "internal"
)

// Exit codes of the command line.
const (
	ExitOK       = 0
	ExitFailed   = 1
	ExitUsage    = 2
	ExitNotFound = 3
	ExitDenied   = 4
	ExitConflict = 5
	ExitQuota    = 6
)

// Entry is what one code means at every edge.
type Entry struct {
	Code     Code
	Status   int    // HTTP status of the API
	OSBError string // "error" member of a broker's answer; empty for none
	Exit     int    // exit code of the command line
	Remedy   string // what to do, unless the failure itself says it better
}

// Catalogue lists every failure there is, once. Nothing else maps a code to a
// status or an exit code.
func Catalogue() []Entry {
	const privileges = "Ask an administrator for the UAA scope pks.clusters.admin or pks.clusters.manage."
	return []Entry{
		{CodeInvalidRequest, 400, "", ExitFailed, "Correct the value and send the request again."},
		{CodeMalformedBody, 400, "", ExitFailed, "Send one JSON object, for example {\"name\":\"demo\"}."},
		{CodeBodyTooLarge, 413, "", ExitFailed, "Send at most 1 MiB."},
		{CodeUnsupportedMediaType, 415, "", ExitFailed, "Send Content-Type: application/json."},
		{CodeUnauthenticated, 401, "", ExitDenied, "Log in again with 'pks login'."},
		{CodeForbidden, 403, "", ExitDenied, privileges},
		{CodeClusterNotFound, 404, "", ExitNotFound, "List the clusters you can see with 'pks clusters'."},
		{CodePlanNotFound, 400, "", ExitNotFound, "List the plans with 'pks plans'."},
		{CodeTaskNotFound, 404, "", ExitNotFound, "List the tasks you can see with 'pks tasks'."},
		{CodeTaskEnded, 409, "", ExitConflict, "Nothing is left to do about it; 'pks task ID' shows how it went."},
		{CodeUpgradeImpossible, 409, "", ExitConflict, "Install the PKS version between first, or leave the cluster out."},
		{CodeProfileNotFound, 404, "", ExitNotFound, "List the profiles there are."},
		{CodeQuotaNotFound, 404, "", ExitNotFound, "List the quotas there are."},
		{CodeRouteNotFound, 404, "", ExitFailed, "See the API reference for the paths there are."},
		{CodeMethodNotAllowed, 405, "", ExitFailed, "See the API reference for the methods of this path."},
		{CodeNameTaken, 409, "", ExitConflict, "Choose another name, or delete the cluster that has it."},
		{CodeHostTaken, 409, "", ExitConflict, "Choose another external host name: each cluster needs its own."},
		{CodeInUse, 409, "", ExitConflict, "Give the clusters another one, or delete them, first."},
		{CodeOperationInProgress, 409, "ConcurrencyError", ExitConflict, "Wait until it is done: 'pks cluster NAME' shows how far it is."},
		{CodeClusterNotReady, 409, "", ExitConflict, "Wait until the cluster's creation has succeeded."},
		{CodeClusterBehind, 409, "", ExitConflict, "Upgrade the cluster first: 'pks upgrade-cluster NAME'."},
		{CodeDeletionLocked, 409, "", ExitConflict, "Lift the lock first: PATCH the cluster with {\"deletion_lock\": false}."},
		{CodeNothingToCancel, 409, "", ExitConflict, "See 'pks cluster NAME' for what was done last."},
		{CodeNothingToRetry, 409, "", ExitConflict, "See 'pks cluster NAME' for what was done last."},
		{CodePreconditionFailed, 412, "", ExitConflict, "Read the cluster again and decide on what it is now."},
		{CodeKeyReused, 422, "", ExitConflict, "Use a new Idempotency-Key for a new request."},
		{CodePreviewUnavailable, 501, "", ExitFailed, "Send the request without dry_run, or upgrade the broker."},
		{CodeTooManyRequests, 429, "", ExitDenied, "Wait a minute, then try again with a valid token."},
		{CodeQuotaExceeded, 403, "", ExitQuota, "Delete or shrink a cluster, or ask an administrator to raise the quota."},
		{CodeBrokerRefused, 500, "", ExitFailed, "The message is the broker's; its log has more under the same request id."},
		{CodeBrokerUnavailable, 503, "", ExitFailed, "The broker or the BOSH Director cannot be reached; try again later."},
		{CodeDeployFailed, 500, "", ExitFailed, "Look at the BOSH task named in the message, mend the cause, and repeat the operation."},
		{CodeDeploymentLost, 500, "", ExitFailed, "The BOSH deployment is gone; delete the cluster, or restore the deployment."},
		{CodeUAAUnavailable, 503, "", ExitFailed, "UAA cannot be reached; try again later."},
		{CodeStoreUnavailable, 503, "", ExitFailed, "The database cannot be reached; try again later."},
		{CodeInternal, 500, "", ExitFailed, "Report it with the request id; the log of pks-api has the cause."},
	}
}

// Lookup finds the entry of a code; an unknown code reads as internal.
func Lookup(code Code) Entry {
	entries := Catalogue()
	for _, e := range entries {
		if e.Code == code {
			return e
		}
	}
	return entries[len(entries)-1]
}

// Failure is an error with two audiences. User never holds a secret, an address
// inside the platform or a stack; Operator may name both, never a secret.
type Failure struct {
	Code     Code   `json:"code"`
	User     string `json:"user"`
	Operator string `json:"operator,omitempty"`
	Remedy   string `json:"remedy,omitempty"`
	BOSHTask int    `json:"bosh_task,omitempty"`
	// OperationID is the operation that is in the way, or the one that failed.
	OperationID string `json:"operation_id,omitempty"`

	cause error
}

// Failf makes a failure whose user text is the formatted one and whose remedy is
// the catalogue's.
func Failf(code Code, format string, args ...any) *Failure {
	return &Failure{Code: code, User: fmt.Sprintf(format, args...), Remedy: Lookup(code).Remedy}
}

// WithRemedy replaces the catalogue's remedy by one that fits the case better.
func (f *Failure) WithRemedy(format string, args ...any) *Failure {
	f.Remedy = fmt.Sprintf(format, args...)
	return f
}

// WithCause keeps err for errors.Is and as the text for operators.
func (f *Failure) WithCause(err error) *Failure {
	f.cause = err
	if err != nil {
		f.Operator = err.Error()
	}
	return f
}

// WithOperation names the operation that is in the way, or the one that failed.
func (f *Failure) WithOperation(id string) *Failure {
	f.OperationID = id
	return f
}

// Error is the text for operators and logs.
func (f *Failure) Error() string {
	if f.Operator == "" {
		return fmt.Sprintf("%s: %s", f.Code, f.User)
	}
	return fmt.Sprintf("%s: %s: %s", f.Code, f.User, f.Operator)
}

// Message is the text for the user: what is wrong, then what to do.
func (f *Failure) Message() string {
	if f.Remedy == "" {
		return f.User
	}
	return f.User + " " + f.Remedy
}

func (f *Failure) Unwrap() error { return f.cause }

// AsFailure finds the failure inside err. Any other error becomes an internal
// failure whose user text gives nothing away.
func AsFailure(err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	return Failf(CodeInternal, "An error occurred in the PKS API when processing the request.").WithCause(err)
}
