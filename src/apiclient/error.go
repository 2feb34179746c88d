package apiclient

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/pks-community/pks-release/src/pks"
)

// Error is a refusal or failure that the API answered with.
type Error struct {
	Status      int
	Body        string   // what is wrong, for people; never empty
	Code        pks.Code // of the catalogue; empty when the server does not tell
	Remedy      string   // what to do; may be empty
	OperationID string   // of the operation that is in the way; may be empty
	RequestID   string   // to find the request in the server's log
}

// Error is the text for people.
func (e *Error) Error() string { return e.Body }

// IsNotFound tells an absent cluster, profile or task from an absent path: old
// servers know only the path's answer, which is a bare 404 too.
func (e *Error) IsNotFound() bool {
	return e.Status == http.StatusNotFound && e.Code != pks.CodeRouteNotFound
}

// wireError has the members of all the forms of reference/pks-api.md §3.1: the
// application's, OAuth's and Spring's own.
type wireError struct {
	Body             string `json:"body"`
	Code             string `json:"code"`
	Remedy           string `json:"remedy"`
	OperationID      string `json:"operation_id"`
	RequestID        string `json:"request_id"`
	Error            string `json:"error"`
	ErrorDescription string `json:"error_description"`
	Message          string `json:"message"`
}

// maxText bounds what of a foreign answer is shown.
const maxText = 500

func readError(res *http.Response, raw []byte, sent string) *Error {
	var wire wireError
	_ = json.Unmarshal(raw, &wire) // what is not JSON is a text of its own
	e := &Error{
		Status:      res.StatusCode,
		Body:        cmp.Or(wire.Body, wire.ErrorDescription, wire.Message, wire.Error),
		Code:        pks.Code(wire.Code),
		Remedy:      wire.Remedy,
		OperationID: wire.OperationID,
		RequestID:   cmp.Or(wire.RequestID, res.Header.Get("X-Request-Id"), sent),
	}
	if e.Body == "" && !json.Valid(raw) && isPlain(res.Header.Get("Content-Type")) {
		e.Body = strings.TrimSpace(string(raw))
	}
	if len(e.Body) > maxText && wire.Body == "" {
		e.Body = strings.ToValidUTF8(e.Body[:maxText], "") + "…"
	}
	if e.Body == "" {
		e.Body = fmt.Sprintf("The API answered %d %s.", res.StatusCode, http.StatusText(res.StatusCode))
	}
	// The server repeats the remedy in the body, for clients that know no other
	// member.
	if rest, ok := strings.CutSuffix(e.Body, e.Remedy); ok && e.Remedy != "" && strings.TrimSpace(rest) != "" {
		e.Body = strings.TrimSpace(rest)
	}
	return e
}

func isPlain(contentType string) bool { return strings.HasPrefix(contentType, "text/plain") }

// NotAPIError: something answers, but not as a PKS API does.
type NotAPIError struct {
	URL    string
	Reason string
	Err    error
}

func (e *NotAPIError) Error() string {
	return fmt.Sprintf("%s does not answer like a PKS API: %s", e.URL, e.Reason)
}

func (e *NotAPIError) Unwrap() error { return e.Err }
