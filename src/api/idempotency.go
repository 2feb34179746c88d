package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

const (
	keyHeader      = "Idempotency-Key"
	replayedHeader = "Idempotency-Replayed"
)

// keyForm is what a key may be: any token that clients make up, UUIDs first.
var keyForm = regexp.MustCompile(`^[\x21-\x7e]{1,255}$`)

// takesKeys tells whether the route minds an Idempotency-Key. Credentials are
// never stored, so a repeated request for some gets fresh ones.
func (r route) takesKeys() bool {
	return r.method == http.MethodPost && !strings.HasSuffix(r.path, "/binds")
}

// readKey notes the request's key and what the request asks. Two callers' keys
// are not the same, nor are those of two routes.
func readKey(route route, x *exchange) error {
	key := x.request.Header.Get(keyHeader)
	if key == "" || !route.takesKeys() || x.dryRun {
		return nil
	}
	if !keyForm.MatchString(key) {
		return pks.Failf(pks.CodeInvalidRequest, "%s must have 1 to 255 printable ASCII characters without blanks.", keyHeader)
	}
	x.receipt = store.Receipt{
		ID:          digestOf(string(x.caller.Kind), x.caller.Origin, x.caller.ID, route.method, route.path, key),
		Fingerprint: digestOf(x.request.URL.EscapedPath(), x.request.URL.RawQuery, string(x.body)),
	}
	return nil
}

// digestOf is a digest of the texts and of where one ends and the next begins.
func digestOf(texts ...string) string {
	document, _ := json.Marshal(texts) // of strings: cannot fail
	sum := sha256.Sum256(document)
	return hex.EncodeToString(sum[:])
}

// replay finds the answer to an earlier request with the same key.
func (s *Server) replay(ctx context.Context, x *exchange) (a answer, found bool, err error) {
	if x.receipt.ID == "" {
		return answer{}, false, nil
	}
	known, found, err := s.config.Clusters.Receipt(ctx, x.receipt.ID)
	if err != nil || !found {
		return answer{}, false, err
	}
	if known.Fingerprint != x.receipt.Fingerprint {
		return answer{}, false, pks.Failf(pks.CodeKeyReused, "The %s was used before, for a request that asked something else.", keyHeader)
	}
	x.header = http.Header{replayedHeader: {"true"}}
	a.status = known.Status
	if known.Body != "" {
		a.body = json.RawMessage(known.Body)
	}
	return a, true, nil
}

// keyed hands the key to the engine, which stores the answer together with the
// change.
func (x *exchange) keyed(status int, document func(pks.Cluster) any) lifecycle.Keyed {
	if x.receipt.ID == "" {
		return lifecycle.Keyed{}
	}
	receipt := x.receipt
	receipt.Status = status
	x.kept = true
	return lifecycle.Keyed{Receipt: receipt, Answer: func(c pks.Cluster) (string, error) {
		body, err := json.Marshal(document(c))
		return string(body), err
	}}
}

// keepReceipt stores the answer of a handler that left that to the server.
func (s *Server) keepReceipt(ctx context.Context, x *exchange, a answer) {
	if x.receipt.ID == "" || x.kept || a.status >= http.StatusMultipleChoices {
		return
	}
	x.receipt.Status = a.status
	if a.body != nil {
		body, err := json.Marshal(a.body)
		if err != nil {
			return // which writing the answer will find too
		}
		x.receipt.Body = string(body)
	}
	if err := s.config.Engine.KeepReceipt(ctx, x.receipt); err != nil {
		s.config.Logger.WarnContext(ctx, "answer not kept for a repeated request", "request_id", x.requestID, "error", err)
	}
}
