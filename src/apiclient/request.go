package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/pks"
)

// maxBody bounds an answer: ten thousand clusters are about 10 MiB.
const maxBody = 64 << 20

// request is one call. Its body is kept as bytes, so that it can be sent again
// with a new token.
type request struct {
	method string
	path   []string // segments, not escaped
	query  url.Values
	body   any  // sent as JSON; nil for none
	open   bool // needs no token
}

// Answer is what the API said: read, and as it came.
type Answer[T any] struct {
	Value T
	Raw   json.RawMessage
}

// call sends the request and reads its answer into a T. An answer without a body
// leaves it zero.
func call[T any](ctx context.Context, c *Client, r request) (Answer[T], error) {
	var answer Answer[T]
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	raw, err := c.send(ctx, r)
	if err != nil {
		return answer, err
	}
	answer.Raw = raw
	if len(bytes.TrimSpace(raw)) == 0 {
		return answer, nil
	}
	if err := json.Unmarshal(raw, &answer.Value); err != nil {
		return answer, &NotAPIError{URL: c.url(r), Reason: "its answer is not the JSON that was expected", Err: err}
	}
	return answer, nil
}

func (c *Client) send(ctx context.Context, r request) ([]byte, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
	}
	if r.open || c.tokens == nil {
		return c.exchange(ctx, r, body, "")
	}
	token, err := c.tokens.Token(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := c.exchange(ctx, r, body, token)
	if refusal, ok := errors.AsType[*Error](err); !ok || refusal.Status != http.StatusUnauthorized {
		return raw, err
	}
	// Revoked, or the clocks disagree: once more with a new token.
	if token, err = c.tokens.Renew(ctx, token); err != nil {
		return nil, err
	}
	return c.exchange(ctx, r, body, token)
}

func (c *Client) exchange(ctx context.Context, r request, body []byte, token pks.Secret) ([]byte, error) {
	target := c.url(r)
	req, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.userAgent != "" {
		req.Header.Set("User-Agent", c.userAgent)
	}
	requestID := uuid.NewString()
	req.Header.Set("X-Request-Id", requestID)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if len(raw) > maxBody {
		return nil, &NotAPIError{URL: target, Reason: fmt.Sprintf("its answer is larger than %d MiB", maxBody>>20)}
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return nil, readError(res, raw, requestID)
	}
	if len(raw) > 0 && !isJSON(res.Header.Get("Content-Type")) && !json.Valid(raw) {
		return nil, &NotAPIError{URL: target, Reason: "its answer is not JSON"}
	}
	return raw, nil
}

// url joins without cleaning: a cluster named ".." is asked for as such.
func (c *Client) url(r request) string {
	escaped := make([]string, len(r.path))
	for i, segment := range r.path {
		escaped[i] = url.PathEscape(segment)
	}
	target := *c.base
	target.Path += "/" + strings.Join(r.path, "/")
	target.RawPath = c.base.EscapedPath() + "/" + strings.Join(escaped, "/")
	target.RawQuery = r.query.Encode()
	return target.String()
}

// isJSON accepts the actuator's media type too (reference/pks-api.md §1).
func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
}
