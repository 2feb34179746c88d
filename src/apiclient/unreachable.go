package apiclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Trouble is why a server could not be spoken with.
type Trouble string

const (
	TroubleConnection  Trouble = "connection"  // nothing answers there
	TroubleTimeout     Trouble = "timeout"     // it did not answer in time
	TroubleUnknownCA   Trouble = "unknown CA"  // its certificate is signed by nobody known
	TroubleWrongName   Trouble = "wrong name"  // its certificate is for another host
	TroubleCertificate Trouble = "certificate" // expired, or otherwise no good
	TroubleNotTLS      Trouble = "not TLS"     // a plain port
)

// UnreachableError: the request got no answer.
type UnreachableError struct {
	URL     string
	Trouble Trouble
	Err     error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("cannot reach %s: %s: %v", e.URL, e.Trouble, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// unreachable says why there was no answer; when it was the caller who gave up,
// that is all there is to say.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return context.Canceled
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return &UnreachableError{URL: c.base.String(), Trouble: Diagnose(err), Err: err}
}

// Diagnose sorts an error of net/http or crypto/tls.
func Diagnose(err error) Trouble {
	if isType[x509.HostnameError](err) {
		return TroubleWrongName
	}
	if isType[x509.UnknownAuthorityError](err) {
		return TroubleUnknownCA
	}
	if isType[x509.CertificateInvalidError](err) || isType[*tls.CertificateVerificationError](err) {
		return TroubleCertificate
	}
	if isType[tls.RecordHeaderError](err) || strings.Contains(fmt.Sprint(err), "server gave HTTP response to HTTPS client") {
		return TroubleNotTLS
	}
	if timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return TroubleTimeout
	}
	return TroubleConnection
}

func isType[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
