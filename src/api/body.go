package api

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

// maxBody is the size of the largest body that is read, in bytes.
const maxBody = 1 << 20

// readBody keeps the body for the handler if the route wants one. Whatever the
// route, more than maxBody is refused.
func (s *Server) readBody(w http.ResponseWriter, route route, x *exchange) error {
	if x.request.ContentLength > maxBody {
		// The rest of the body is not waited for.
		w.Header().Set("Connection", "close")
		return tooLarge()
	}
	if route.body == bodyIgnored {
		return nil
	}
	if x.request.ContentLength == 0 {
		return nil // whose media type does not matter; the parser says that it is missing
	}
	if err := checkMediaType(x.request.Header); err != nil {
		return err
	}
	if err := checkCoding(x.request.Header); err != nil {
		return err
	}
	controller := http.NewResponseController(w)
	_ = controller.SetReadDeadline(time.Now().Add(s.config.BodyTimeout)) // not every writer has a connection behind it
	body, err := io.ReadAll(http.MaxBytesReader(w, x.request.Body, maxBody))
	if _, exceeded := errors.AsType[*http.MaxBytesError](err); exceeded {
		return tooLarge()
	}
	if err != nil {
		// net/http would wait for the rest before it answers, were the deadline
		// lifted or the connection to go on.
		w.Header().Set("Connection", "close")
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return pks.Failf(pks.CodeMalformedBody, "The request body was not sent to its end within %s.", s.config.BodyTimeout).WithCause(err)
		}
		return pks.Failf(pks.CodeMalformedBody, "The request body could not be read to its end.").WithCause(err)
	}
	_ = controller.SetReadDeadline(time.Time{})
	x.body = body
	return nil
}

// checkMediaType accepts JSON in any spelling: upper case, blanks, any charset
// parameter, sound or not (reference/pks-api.md §17).
func checkMediaType(header http.Header) error {
	given := header.Get("Content-Type")
	essence, _, _ := strings.Cut(given, ";")
	essence = strings.ToLower(strings.TrimSpace(essence))
	switch {
	case essence == "application/json",
		strings.HasPrefix(essence, "application/") && strings.HasSuffix(essence, "+json"):
		return nil
	case essence == "":
		return pks.Failf(pks.CodeUnsupportedMediaType, "The request has no Content-Type.")
	default:
		return pks.Failf(pks.CodeUnsupportedMediaType, "Content-Type %q is not supported.", pks.Shorten(given))
	}
}

// checkCoding refuses compressed bodies, which would otherwise read as damaged
// ones (RFC 9110 §8.4).
func checkCoding(header http.Header) error {
	switch given := strings.ToLower(strings.TrimSpace(header.Get("Content-Encoding"))); given {
	case "", "identity":
		return nil
	default:
		return pks.Failf(pks.CodeUnsupportedMediaType, "Content-Encoding %q is not supported.", pks.Shorten(given)).
			WithRemedy("Send the body as it is, without Content-Encoding.")
	}
}

func tooLarge() *pks.Failure {
	return pks.Failf(pks.CodeBodyTooLarge, "The request body is larger than 1 MiB.")
}
