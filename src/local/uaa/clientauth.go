package uaa

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
)

// authenticateClient finds the client that makes the request: by Basic
// authentication or by form fields (reference/uaa.md §2.1). Without a secret it
// may be a public client; then public is true and the grant must insist on PKCE.
func (s *Server) authenticateClient(r *http.Request, form url.Values) (client clientRow, public bool, err error) {
	id, secret, given, err := clientCredentials(r, form)
	if err != nil {
		return clientRow{}, false, err
	}
	var known bool
	s.read(func(m *model) { client, known = m.clients.rows[id] })
	if !known {
		return clientRow{}, false, badClient()
	}
	if !given {
		if !client.AllowPublic {
			return clientRow{}, false, badClient()
		}
		return client, true, nil
	}
	for _, hash := range client.Hashes {
		if matches(hash, secret) {
			return client, false, nil
		}
	}
	return clientRow{}, false, badClient()
}

func clientCredentials(r *http.Request, form url.Values) (id, secret string, given bool, err error) {
	if header := r.Header.Get("Authorization"); header != "" {
		id, secret, err = basicParts(header)
		if err != nil {
			return "", "", false, err
		}
		if other := form.Get("client_id"); other != "" && other != id {
			return "", "", false, badClient()
		}
		return id, secret, true, nil
	}
	if form.Get("client_id") == "" {
		return "", "", false, noToken()
	}
	_, given = form["client_secret"]
	return form.Get("client_id"), form.Get("client_secret"), given, nil
}

// basicParts decodes the parts as forms do, which is what UAA does unless it is
// set to another mode.
func basicParts(header string) (id, secret string, err error) {
	scheme, text, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Basic") {
		return "", "", badClient()
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return "", "", badClient()
	}
	id, secret, ok = strings.Cut(string(decoded), ":")
	if !ok {
		return "", "", badClient()
	}
	if id, err = url.QueryUnescape(id); err != nil {
		return "", "", badClient()
	}
	if secret, err = url.QueryUnescape(secret); err != nil {
		return "", "", badClient()
	}
	return id, secret, nil
}
