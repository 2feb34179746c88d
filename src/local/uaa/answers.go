package uaa

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// problem is an error answer of UAA (reference/uaa.md §5).
type problem struct {
	status  int
	code    string
	text    string
	scim    bool              // has a member message as well
	headers map[string]string // further headers
	extra   map[string]any    // further members
}

func (p *problem) Error() string { return fmt.Sprintf("%d %s: %s", p.status, p.code, p.text) }

func oauthProblem(status int, code, format string, args ...any) *problem {
	return &problem{status: status, code: code, text: fmt.Sprintf(format, args...)}
}

func scimProblem(status int, code, format string, args ...any) *problem {
	return &problem{status: status, code: code, text: fmt.Sprintf(format, args...), scim: true}
}

func badClient() *problem {
	p := oauthProblem(http.StatusUnauthorized, "invalid_client", "Bad credentials")
	p.headers = map[string]string{"WWW-Authenticate": `Basic error="unauthorized", error_description="Bad credentials"`}
	return p
}

func (s *Server) badCredentials() *problem {
	code := "invalid_client"
	if s.legacy {
		code = "unauthorized"
	}
	return oauthProblem(http.StatusUnauthorized, code, "Bad credentials")
}

func noToken() *problem {
	p := oauthProblem(http.StatusUnauthorized, "unauthorized", "Full authentication is required to access this resource")
	p.headers = map[string]string{"WWW-Authenticate": `Bearer realm="UAA/oauth", error="unauthorized", error_description="Full authentication is required to access this resource"`}
	return p
}

func badToken(format string, args ...any) *problem {
	p := oauthProblem(http.StatusUnauthorized, "invalid_token", format, args...)
	p.headers = map[string]string{"WWW-Authenticate": fmt.Sprintf(`Bearer realm="UAA/oauth", error="invalid_token", error_description=%q`, p.text)}
	return p
}

func insufficient(scopes string) *problem {
	p := oauthProblem(http.StatusForbidden, "insufficient_scope", "Insufficient scope for this resource")
	p.extra = map[string]any{"scope": scopes}
	p.headers = map[string]string{"WWW-Authenticate": fmt.Sprintf(`Bearer realm="UAA/oauth", error="insufficient_scope", error_description="Insufficient scope for this resource", scope=%q`, scopes)}
	return p
}

func denied() *problem {
	return oauthProblem(http.StatusForbidden, "access_denied", "Access is denied")
}

func (p *problem) write(w http.ResponseWriter) error {
	for name, value := range p.headers {
		w.Header().Set(name, value)
	}
	if p.code == "" {
		w.WriteHeader(p.status)
		return nil
	}
	body := map[string]any{"error": p.code, "error_description": p.text}
	if p.scim {
		body["message"] = p.text
	}
	for name, value := range p.extra {
		body[name] = value
	}
	return writeJSON(w, p.status, body)
}

func writeJSON(w http.ResponseWriter, status int, body any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Pragma", "no-cache")
	}
	w.WriteHeader(status)
	_, _ = w.Write(content) // the caller may be gone
	return nil
}

// readJSON decodes the one JSON value of a body.
func readJSON(r *http.Request, into any) error {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return oauthProblem(http.StatusRequestEntityTooLarge, "invalid_request", "The body is larger than 1 MiB")
		}
		return scimProblem(http.StatusBadRequest, "scim", "The body is not JSON of the expected form")
	}
	return nil
}
