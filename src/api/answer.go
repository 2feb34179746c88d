package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/uaa"
)

// retryAfter is what a 503 tells clients to wait, in seconds.
const retryAfter = 5

// answer is a status and the document that goes with it; nil for none.
type answer struct {
	status int
	body   any
}

func (s *Server) write(w http.ResponseWriter, r *http.Request, a answer) {
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	if body, ok := a.body.(stream); ok {
		s.writeStream(w, r, a.status, body)
		return
	}
	length, send, err := inJSON(a.body)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(length))
	// Answers differ by caller and minute, and some are credentials.
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(a.status)
	if err := send(w); err != nil {
		s.config.Logger.Debug("answer not delivered", "request_id", requestID(r.Context()), "error", err)
	}
}

// inJSON is a body ready to be sent, and its length.
func inJSON(body any) (length int, send func(io.Writer) error, err error) {
	if l, ok := body.(list); ok {
		return l.length(), l.writeTo, nil
	}
	document, err := json.Marshal(body)
	return len(document), func(w io.Writer) error {
		_, err := w.Write(document)
		return err
	}, err
}

// problem is the body of every failure. One document serves three kinds of old
// clients: those that read "body", those that read OAuth's "error" of a 401, and
// those that read the web framework's members (reference/pks-api.md §3.1).
type problem struct {
	v1.ErrorResponse

	Error            string `json:"error,omitempty"`
	ErrorDescription string `json:"error_description,omitempty"`

	Timestamp string `json:"timestamp,omitempty"`
	Status    int    `json:"status,omitempty"`
	Message   string `json:"message,omitempty"`
	Path      string `json:"path,omitempty"`
}

// fail writes the answer of a failure. Its status comes from the catalogue.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	failure := pks.AsFailure(err)
	status := pks.Lookup(failure.Code).Status
	id := requestID(r.Context())
	document := problem{ErrorResponse: v1.ErrorResponse{
		Body:        failure.Message(),
		Code:        string(failure.Code),
		Remedy:      failure.Remedy,
		OperationID: failure.OperationID,
		RequestID:   id,
	}}
	switch failure.Code {
	case pks.CodeUnauthenticated:
		document.Error, document.ErrorDescription = challenge(w, failure)
	case pks.CodeForbidden:
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope"`)
		document.Error, document.ErrorDescription = "insufficient_scope", failure.User
	case pks.CodeRouteNotFound, pks.CodeMethodNotAllowed, pks.CodeMalformedBody,
		pks.CodeBodyTooLarge, pks.CodeUnsupportedMediaType:
		document.Timestamp = time.Now().UTC().Format("2006-01-02T15:04:05.000-0700")
		document.Status = status
		document.Error = http.StatusText(status)
		document.Message = failure.User
		document.Path = pks.Shorten(r.URL.Path)
	}
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", strconv.Itoa(int(throttlePeriod.Seconds())))
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	}
	s.logFailure(r, status, failure)
	s.write(w, r, answer{status, document})
}

// challenge writes the header of a 401 and returns the OAuth members of its
// body. Every bad token gets the same text: the cause is for the log
// (reference/uaa.md §16.4).
func challenge(w http.ResponseWriter, failure *pks.Failure) (code, description string) {
	if errors.Is(failure, uaa.ErrNoToken) || errors.Is(failure, errWrongLogin) {
		w.Header().Add("WWW-Authenticate", "Bearer")
		return "unauthorized", failure.User
	}
	w.Header().Add("WWW-Authenticate", `Bearer error="invalid_token", error_description="The access token is not valid or has expired"`)
	return "invalid_token", failure.User
}

func (s *Server) logFailure(r *http.Request, status int, failure *pks.Failure) {
	attributes := []any{"request_id", requestID(r.Context()), "method", r.Method, "path", r.URL.Path,
		"status", status, "error", failure}
	switch {
	case errors.Is(r.Context().Err(), context.Canceled): // the client is gone
		s.config.Logger.Info("request abandoned", attributes...)
	case status >= http.StatusInternalServerError:
		s.config.Logger.Error("request failed", attributes...)
	case failure.Code == pks.CodeUnauthenticated:
		s.config.Logger.Info("credentials refused", append(attributes, "remote", r.RemoteAddr)...)
	default:
		s.config.Logger.Debug("request refused", attributes...)
	}
}
