package uaa

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/oauth2"
)

// Why a call to UAA failed. Use errors.Is.
var (
	// ErrCredentialsRejected: wrong name, password, passcode, code or secret, or
	// a locked or inactive account. UAA does not tell which.
	ErrCredentialsRejected = errors.New("credentials were rejected")
	// ErrSessionExpired: the refresh token is too old, used up or revoked; only a
	// new log-in helps.
	ErrSessionExpired = errors.New("session has expired")
	// ErrNoScope: the credentials are good, but give none of the scopes wanted.
	ErrNoScope = errors.New("no scope is granted")
	// ErrUnreachable: no connection, or no answer in time.
	ErrUnreachable = errors.New("UAA cannot be reached")
	// ErrCertificate: the server's certificate is not trusted or not its own.
	ErrCertificate = errors.New("certificate of UAA is not trusted")
	// ErrNotUAA: something answered that is not a UAA.
	ErrNotUAA = errors.New("server is not a UAA")
	// ErrUnavailable: UAA answered that it cannot serve now (429, 5xx).
	ErrUnavailable = errors.New("UAA cannot serve the request now")
	// ErrRequestRefused: UAA refused the request itself, such as a grant that the
	// client may not use.
	ErrRequestRefused = errors.New("UAA refused the request")
)

// Error is a failed call to UAA. It never holds a secret.
type Error struct {
	Kind        error  // one of the errors above
	URL         string // base address of the UAA
	Status      int    // HTTP status; 0 when there was no answer
	Code        string // OAuth error code
	Description string // UAA's own words, cleaned

	cause error
}

// Error is one line.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %s", e.URL, e.Kind)
	switch {
	case e.Description != "":
		text += ": " + e.Description
	case e.Status != 0:
		text += fmt.Sprintf(": status %d", e.Status)
	case e.cause != nil:
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap gives the kind, and the error of the network below when there is one.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.cause}
}

// transportError sorts an error that kept an answer from coming.
func transportError(base string, err error) *Error {
	kind := ErrUnreachable
	var (
		unknown  x509.UnknownAuthorityError
		host     x509.HostnameError
		invalid  x509.CertificateInvalidError
		verify   *tls.CertificateVerificationError
		noTLS    tls.RecordHeaderError
		location *url.Error
	)
	switch {
	case errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &invalid), errors.As(err, &verify):
		kind = ErrCertificate
	case errors.As(err, &noTLS), errors.Is(err, http.ErrSchemeMismatch), errors.Is(err, errTooLarge):
		kind = ErrNotUAA
	}
	cause := err
	if errors.As(err, &location) {
		cause = location.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		cause = fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
	}
	return &Error{Kind: kind, URL: base, cause: cause}
}

// grantError sorts UAA's answer to a token request (reference/uaa.md §3.3, §5.1).
// hide lists the secrets that were sent, which UAA may repeat in its text.
func grantError(base, grant string, err error, hide []string) error {
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		if _, network := errors.AsType[*url.Error](err); network {
			return transportError(base, err)
		}
		return &Error{Kind: ErrNotUAA, URL: base, Description: "the answer holds no token"}
	}
	e := &Error{URL: base, Status: answer.Response.StatusCode, Code: oauthCode(answer)}
	e.Kind = kindOf(e.Status, e.Code, grant)
	if e.Code != "" {
		e.Description = cleanText(answer.ErrorDescription, hide)
	}
	return e
}

// oauthCode is the error code if the answer has the form of UAA's.
func oauthCode(answer *oauth2.RetrieveError) string {
	if answer.ErrorCode == "" || !json.Valid(answer.Body) {
		return ""
	}
	return clip(answer.ErrorCode)
}

func kindOf(status int, code, grant string) error {
	switch {
	case status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
		return ErrUnavailable
	case code == "":
		return ErrNotUAA
	case code == "invalid_scope":
		return ErrNoScope
	case code == "unauthorized_client", code == "unsupported_grant_type", code == "invalid_request":
		return ErrRequestRefused
	case grant == grantRefresh && (status == http.StatusUnauthorized || code == "invalid_grant" || code == "invalid_token"):
		return ErrSessionExpired
	case status == http.StatusUnauthorized, status == http.StatusForbidden, code == "invalid_grant", code == "invalid_client":
		return ErrCredentialsRejected
	}
	return ErrRequestRefused
}

// cleanText makes a text from outside fit for a terminal and a log: one line,
// bounded, without the secrets sent and without anything that looks like a JWT.
func cleanText(text string, hide []string) string {
	for _, secret := range hide {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[redacted]")
		}
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
	for i, word := range words {
		if strings.Contains(word, "eyJ") {
			words[i] = "[redacted]"
		}
	}
	text = strings.Join(words, " ")
	if runes := []rune(text); len(runes) > 300 {
		text = string(runes[:300]) + "…"
	}
	return text
}
