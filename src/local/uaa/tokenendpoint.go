package uaa

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// tokenByGet: query strings are not allowed (reference/uaa.md §2.2).
func (s *Server) tokenByGet(http.ResponseWriter, *http.Request) error {
	return methodNotAllowed(http.MethodGet)
}

// token answers POST /oauth/token.
func (s *Server) token(w http.ResponseWriter, r *http.Request) error {
	if r.URL.RawQuery != "" {
		return oauthProblem(http.StatusNotAcceptable, "query_string_not_allowed", "Parameters must be passed in the body of the request")
	}
	form, err := readForm(r)
	if err != nil {
		return err
	}
	client, public, err := s.authenticateClient(r, form)
	if err != nil {
		return err
	}
	kind := form.Get("grant_type")
	if kind == "" {
		return oauthProblem(http.StatusBadRequest, "invalid_request", "Missing grant type")
	}
	if !slices.Contains(knownGrants(), kind) {
		return oauthProblem(http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant type: %s", clipText(kind))
	}
	if !slices.Contains(client.Grants, kind) {
		return oauthProblem(http.StatusUnauthorized, "unauthorized_client", "Unauthorized grant type: %s", kind)
	}
	if public && kind != "authorization_code" && kind != "refresh_token" {
		return badClient()
	}
	opaque, err := wantsOpaque(form.Get("token_format"))
	if err != nil {
		return err
	}
	g := grant{client: client, kind: kind, opaque: opaque, public: public, requested: requestedScopes(form.Get("scope"))}
	var answer tokenAnswer
	switch kind {
	case "client_credentials":
		answer, err = s.grantClient(g)
	case "password":
		answer, err = s.grantPassword(g, form)
	case "refresh_token":
		answer, err = s.grantRefresh(g, form)
	default:
		answer, err = s.grantCode(g, form)
	}
	if err != nil {
		return err
	}
	s.log.Info("token issued", "client", client.ID, "grant", kind)
	return writeJSON(w, http.StatusOK, answer)
}

func knownGrants() []string {
	return []string{"client_credentials", "password", "refresh_token", "authorization_code"}
}

func wantsOpaque(format string) (bool, error) {
	switch strings.ToLower(format) {
	case "", "jwt":
		return false, nil
	case "opaque":
		return true, nil
	}
	return false, oauthProblem(http.StatusBadRequest, "invalid_request", "Invalid token_format")
}

// readForm is the form of the body; a parameter may occur once.
func readForm(r *http.Request) (url.Values, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, oauthProblem(http.StatusUnsupportedMediaType, "unsupported_media_type", "Content type must be application/x-www-form-urlencoded")
	}
	if err := r.ParseForm(); err != nil {
		return nil, oauthProblem(http.StatusBadRequest, "invalid_request", "The form cannot be read")
	}
	for name, values := range r.PostForm {
		if len(values) > 1 {
			return nil, oauthProblem(http.StatusBadRequest, "invalid_request", "Parameter %s occurs more than once", clipText(name))
		}
	}
	return r.PostForm, nil
}

func clipText(text string) string {
	if runes := []rune(text); len(runes) > 100 {
		return string(runes[:100])
	}
	return text
}

// hintedOrigin is the identity provider the caller asks for; there is one.
func hintedOrigin(hint string) (string, error) {
	if hint == "" {
		return originUAA, nil
	}
	var document struct {
		Origin string `json:"origin"`
	}
	for _, text := range []string{hint, unescaped(hint)} {
		if json.Unmarshal([]byte(text), &document) == nil && document.Origin == originUAA {
			return originUAA, nil
		}
	}
	return "", oauthProblem(http.StatusUnauthorized, "unauthorized", "The origin provided in the login_hint is not an active identity provider")
}

func unescaped(text string) string {
	plain, err := url.QueryUnescape(text)
	if err != nil {
		return ""
	}
	return plain
}
