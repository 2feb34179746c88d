package osb

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Kind says what an answer means for the one who asked.
type Kind string

const (
	// Refused: the broker will not do it, however often it is asked (4xx, and
	// QuotaExceeded, which brokers answer with 500).
	Refused Kind = "refused"
	// NotFound: the broker does not know the instance, or the path (404).
	NotFound Kind = "not found"
	// Gone: the instance or binding does not exist any more (410).
	Gone Kind = "gone"
	// Conflict: there is another instance or binding of that id (409).
	Conflict Kind = "conflict"
	// Busy: something else is being done to the instance; ask later (422
	// ConcurrencyError).
	Busy Kind = "busy"
	// Unavailable: no answer, or one that says to come back later (connection
	// failed, deadline passed, 408, 429, 502–504, 500 "try again later").
	Unavailable Kind = "unavailable"
	// Fault: the broker failed (other 5xx), does not accept this program's
	// password (401, 403), or its answer made no sense. Trying again may help, when
	// somebody mends it, or not.
	Fault Kind = "fault"
)

const (
	concurrencyError = "ConcurrencyError"
	quotaExceeded    = "QuotaExceeded"
	// retryLater is how a broker of the on-demand family says that its Director is
	// away (reference/on-demand-broker.md §0.3).
	retryLater = "try again later"
)

// Error is an answer that is not a success, or the lack of one.
type Error struct {
	Kind Kind
	// Call is what was asked, such as "provision".
	Call string
	// Status is the HTTP status; 0 when there was no answer.
	Status int
	// Code and Description are the members of the broker's error document.
	Code        string
	Description string
	// RetryAfter is the broker's wish, in seconds; 0 for none.
	RetryAfter int

	cause error
}

// Error is the text for operators.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "broker: %s: %s", e.Call, e.Kind)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	if e.Code != "" {
		fmt.Fprintf(&b, ": %s", e.Code)
	}
	if e.Description != "" {
		fmt.Fprintf(&b, ": %s", e.Description)
	}
	if e.cause != nil {
		fmt.Fprintf(&b, ": %v", e.cause)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.cause }

// UserText is the form in which users of this API have always been shown what
// the broker said (reference/pks-api.md §3.3). It holds no address.
func (e *Error) UserText() string {
	return "Status: " + strconv.Itoa(e.Status) + "; ErrorMessage: " + orNil(e.Code) +
		"; Description: " + orNil(e.Description) + "; ResponseError: " + orNil(e.responseError())
}

func (e *Error) responseError() string {
	switch {
	case e.Status == 0:
		return "the broker did not answer"
	case e.cause != nil:
		return "the broker's answer could not be read"
	default:
		return ""
	}
}

func orNil(s string) string {
	if s == "" {
		return "<nil>"
	}
	return s
}

// OverQuota tells that the broker's refusal is one of its quotas.
func (e *Error) OverQuota() bool { return e.Code == quotaExceeded }

// KindOf is the kind of the *Error inside err. Any other error, such as one of
// the caller's own context, has none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

func kindOf(status int, code, description string) Kind {
	switch {
	case status == 404:
		return NotFound
	case status == 409:
		return Conflict
	case status == 410:
		return Gone
	case status == 422 && code == concurrencyError:
		return Busy
	case status == 500 && code == quotaExceeded:
		return Refused
	case status == 408, status == 429, status >= 502 && status <= 504:
		return Unavailable
	case status == 500 && strings.Contains(description, retryLater):
		return Unavailable
	case status >= 400 && status < 500 && status != 401 && status != 403:
		return Refused
	default:
		return Fault
	}
}
