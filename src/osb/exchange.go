package osb

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"code.cloudfoundry.org/brokerapi/v13/domain/apiresponses"
)

const (
	apiVersion = "2.17"
	// maxAnswer bounds what is read of one answer. The largest honest one is a
	// long task's events.
	maxAnswer = 8 << 20
	// maxErrorText bounds what of a broker's words is kept and shown.
	maxErrorText = 4 << 10
)

// call is one request to the broker.
type call struct {
	name        string // for errors
	method      string
	path        []string
	query       url.Values
	body        any
	success     []int
	operationID string
	requestID   string
}

// exchange sends the request and decodes a successful answer into out, unless
// that is nil. It returns the status, or an *Error; if the caller's own context
// has ended, the error wraps the context's.
func (c *Client) exchange(ctx context.Context, in call, out any) (int, error) {
	callCtx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := c.request(callCtx, in)
	if err != nil {
		return 0, fmt.Errorf("broker: %s: %w", in.name, err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return 0, unanswered(ctx, in, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return 0, unanswered(ctx, in, err)
	}
	if !slices.Contains(in.success, res.StatusCode) {
		return 0, failure(in, res, body)
	}
	if len(body) > maxAnswer {
		return 0, &Error{Kind: Fault, Call: in.name, Status: res.StatusCode, cause: fmt.Errorf("answer has more than %d bytes", maxAnswer)}
	}
	if out == nil || res.StatusCode == http.StatusNoContent {
		return res.StatusCode, nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return 0, &Error{Kind: Fault, Call: in.name, Status: res.StatusCode, cause: fmt.Errorf("decode answer: %w", err)}
	}
	return res.StatusCode, nil
}

func (c *Client) request(ctx context.Context, in call) (*http.Request, error) {
	target := c.base.JoinPath(in.path...)
	target.RawQuery = in.query.Encode()
	var body io.Reader = http.NoBody
	if in.body != nil {
		document, err := json.Marshal(in.body)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(document)
	}
	req, err := http.NewRequestWithContext(ctx, in.method, target.String(), body)
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(c.username, c.password.Reveal())
	req.Header.Set("Accept", "application/json")
	if in.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if in.path[0] == "v2" {
		req.Header.Set("X-Broker-API-Version", apiVersion)
	}
	setIfAny(req.Header, "X-Broker-API-Request-Identity", in.operationID)
	setIfAny(req.Header, "X-Request-ID", in.requestID)
	return req, nil
}

func setIfAny(h http.Header, key, value string) {
	if value != "" {
		h.Set(key, value)
	}
}

// unanswered tells the caller's own end from the broker's silence.
func unanswered(ctx context.Context, in call, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("broker: %s: %w", in.name, context.Cause(ctx))
	}
	return &Error{Kind: Unavailable, Call: in.name, cause: err}
}

func failure(in call, res *http.Response, body []byte) *Error {
	var document apiresponses.ErrorResponse
	if err := json.Unmarshal(body, &document); err != nil {
		document = apiresponses.ErrorResponse{Description: http.StatusText(res.StatusCode)}
	}
	e := &Error{
		Call:        in.name,
		Status:      res.StatusCode,
		Code:        clip(document.Error),
		Description: clip(document.Description),
	}
	e.Kind = kindOf(e.Status, e.Code, e.Description)
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = seconds
	}
	return e
}

// clip bounds a text of the broker's, never within a character.
func clip(s string) string {
	if len(s) <= maxErrorText {
		return s
	}
	return strings.ToValidUTF8(s[:maxErrorText], "") + "…"
}
