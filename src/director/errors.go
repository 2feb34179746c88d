package director

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/pks-community/pks-release/src/director/session"
)

// Reasons of an Error, for errors.Is.
var (
	ErrNotFound        = errors.New("not found")
	ErrUnauthenticated = errors.New("the Director refuses the credentials")
	ErrForbidden       = errors.New("the Director's client lacks a scope")
	ErrRefused         = errors.New("the Director refuses the request")
	// ErrUnavailable: the Director did nothing, as far as is known; try again.
	ErrUnavailable = errors.New("the Director is unavailable")
	// ErrOutcomeUnknown: a write may or may not have been taken, and no task of
	// it was found yet.
	ErrOutcomeUnknown = errors.New("it is not known whether the Director took the request")
)

// Codes of the Director that callers tell apart (reference/director-api.md §19).
const (
	CodeUnspecified        = 100
	CodeTaskNotFound       = 10000
	CodeTaskCancelled      = 10001
	CodeDeploymentNotFound = 70000
	CodeErrandNotFound     = 70009
	CodeAgentTimeout       = 450002
	codeForbidden          = 600000
)

// Error is a call that failed.
type Error struct {
	Op          string // kind of call, such as "deploy"
	Status      int    // HTTP status; 0 without an answer
	Code        int    // the Director's code; 0 if it gave none
	Description string // the Director's words

	reason error
	err    error
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "BOSH Director: %s: %v", e.Op, e.reason)
	if e.Status != 0 {
		fmt.Fprintf(&b, " (HTTP %d", e.Status)
		if e.Code != 0 {
			fmt.Fprintf(&b, ", code %d", e.Code)
		}
		b.WriteString(")")
	}
	if e.Description != "" {
		b.WriteString(": " + e.Description)
	}
	if e.err != nil {
		b.WriteString(": " + e.err.Error())
	}
	return b.String()
}

// Unwrap gives the reason and the cause.
func (e *Error) Unwrap() []error {
	if e.err == nil {
		return []error{e.reason}
	}
	return []error{e.reason, e.err}
}

const maxDescription = 2000

// judge turns an answer that is not a success into an Error.
func judge(r session.Request, resp session.Response, err error) error {
	if err != nil {
		reason := ErrUnavailable
		if sent, ok := errors.AsType[*session.Error](err); ok && sent.Sent && r.Method != http.MethodGet {
			reason = ErrOutcomeUnknown
		}
		return &Error{Op: r.Kind, reason: reason, err: err}
	}
	if resp.Status < 400 {
		return nil
	}
	e := &Error{Op: r.Kind, Status: resp.Status}
	e.Code, e.Description = describe(resp.Body)
	e.reason = reasonOf(r, resp.Status, e.Code)
	return e
}

func reasonOf(r session.Request, status, code int) error {
	switch {
	case status == http.StatusUnauthorized && code == codeForbidden, status == http.StatusForbidden:
		return ErrForbidden
	case status == http.StatusUnauthorized:
		return ErrUnauthenticated
	case status == http.StatusNotFound:
		return ErrNotFound
	case status == http.StatusServiceUnavailable:
		return ErrUnavailable // nothing was passed on
	case status >= 500:
		// The Director, or a proxy that lost it, may have acted before it failed.
		if r.Method != http.MethodGet {
			return ErrOutcomeUnknown
		}
		return ErrUnavailable
	default:
		return ErrRefused
	}
}

// describe reads the shapes of §2.4: a JSON object, plain text, or a proxy's
// page, whose markup helps nobody.
func describe(body []byte) (int, string) {
	var known struct {
		Code        int    `json:"code"`
		Description string `json:"description"`
	}
	if json.Unmarshal(body, &known) == nil && (known.Code != 0 || known.Description != "") {
		return known.Code, shorten(known.Description)
	}
	text := strings.TrimSpace(string(body))
	if strings.HasPrefix(text, "<") {
		return 0, ""
	}
	return 0, shorten(text)
}

func shorten(s string) string {
	if len(s) <= maxDescription {
		return s
	}
	return strings.ToValidUTF8(s[:maxDescription], "") + "…"
}
