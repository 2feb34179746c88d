package api

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

const (
	// maxBody is the size of the largest body that is read, in bytes.
	maxBody = 1 << 20
	// bodyTimeout is how long a client may take to send it.
	bodyTimeout = 30 * time.Second
)

// readBody keeps the body for the handler if the route wants one. Whatever the
// route, more than maxBody is refused.
func readBody(w http.ResponseWriter, route route, x *exchange) error {
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
	controller := http.NewResponseController(w)
	_ = controller.SetReadDeadline(time.Now().Add(bodyTimeout)) // not every writer has a connection behind it
	body, err := io.ReadAll(http.MaxBytesReader(w, x.request.Body, maxBody))
	_ = controller.SetReadDeadline(time.Time{})
	if _, exceeded := errors.AsType[*http.MaxBytesError](err); exceeded {
		return tooLarge()
	}
	if err != nil {
		return pks.Failf(pks.CodeMalformedBody, "The request body could not be read to its end.").WithCause(err)
	}
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
		return pks.Failf(pks.CodeUnsupportedMediaType, "Content-Type %q is not supported.", given)
	}
}

func tooLarge() *pks.Failure {
	return pks.Failf(pks.CodeBodyTooLarge, "The request body is larger than 1 MiB.")
}
