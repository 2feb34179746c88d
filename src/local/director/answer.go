package director

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/pks-community/pks-release/src/local/director/fault"
)

// plainError is an error that is answered with a text instead of JSON.
type plainError struct {
	status int
	text   string
}

func (e *plainError) Error() string { return e.text }

// plain is a 400 with a text.
func plain(text string) error { return &plainError{status: http.StatusBadRequest, text: text} }

// errEmpty is answered with an empty 500, as a real Director answers what it did not foresee.
var errEmpty = errors.New("unforeseen request")

// fail answers with an error in the shape that belongs to it (reference/director-api.md §2.4).
func (c *call) fail(err error) {
	var known *fault.Error
	var text *plainError
	switch {
	case errors.As(err, &known):
		_ = c.html(known.HTTPStatus(), map[string]any{"code": known.Code, "description": known.Message})
	case errors.As(err, &text):
		c.text(text.status, text.text)
	case errors.Is(err, errNoRoute):
		c.w.Header().Set("X-Cascade", "pass")
		c.text(http.StatusNotFound, "Endpoint '"+c.r.URL.Path+"' not found.")
	case errors.Is(err, errEmpty):
		c.text(http.StatusInternalServerError, "")
	default:
		c.d.logger.ErrorContext(c.r.Context(), "director request failed", "method", c.r.Method, "path", c.r.URL.Path, "error", err)
		c.text(http.StatusInternalServerError, "")
	}
}

// json answers with the content type application/json.
func (c *call) json(status int, body any) error {
	text, err := marshal(body)
	if err != nil {
		return err
	}
	c.write(status, "application/json", text)
	return nil
}

// html answers with JSON under the content type that a real Director's framework gives to most of its
// answers, text/html (reference/director-api.md §2.1).
func (c *call) html(status int, body any) error {
	text, err := marshal(body)
	if err != nil {
		return err
	}
	c.text(status, text)
	return nil
}

func marshal(body any) (string, error) {
	line, err := marshalLine(body)
	if err != nil {
		return "", fmt.Errorf("write answer: %w", err)
	}
	return strings.TrimSuffix(line, "\n"), nil
}

// text answers with a text.
func (c *call) text(status int, text string) {
	c.w.Header().Set("X-XSS-Protection", "1; mode=block")
	c.w.Header().Set("X-Frame-Options", "SAMEORIGIN")
	c.write(status, "text/html;charset=utf-8", text)
}

func (c *call) write(status int, media, text string) {
	c.w.Header().Set("Content-Type", media)
	c.w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	c.w.WriteHeader(status)
	_, _ = io.WriteString(c.w, text)
}

// nothing answers 204.
func (c *call) nothing() error {
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// task makes a task and answers with the redirect to it (reference/director-api.md §2.3).
func (c *call) task(kind, description, deployment string, payload any) error {
	r := request{user: c.who.User, contextID: c.r.Header.Get("X-Bosh-Context-Id")}
	if deployment != "" {
		row, err := c.d.state.Deployment(c.r.Context(), deployment)
		if err == nil {
			r.teams = row.Teams
		}
	}
	id, err := c.d.queue.add(c.r.Context(), r, kind, description, deployment, payload)
	if err != nil {
		return err
	}
	scheme := "http"
	if c.r.TLS != nil || strings.EqualFold(c.r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	c.w.Header().Set("Location", fmt.Sprintf("%s://%s/tasks/%d", scheme, c.r.Host, id))
	c.text(http.StatusFound, "")
	return nil
}

// body reads the request's body as text.
func (c *call) body() (string, error) {
	text, err := io.ReadAll(c.r.Body)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return "", &plainError{status: http.StatusRequestEntityTooLarge, text: ""}
	}
	if err != nil {
		return "", fmt.Errorf("read request: %w", err)
	}
	return string(text), nil
}

// decode reads the request's body as JSON. What is not JSON is answered with an empty 500.
func (c *call) decode(into any) error {
	text, err := c.body()
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return errEmpty
	}
	return nil
}

// flush sends what was written, so that the answer has no length.
func flush(w http.ResponseWriter) {
	_ = http.NewResponseController(w).Flush()
}
