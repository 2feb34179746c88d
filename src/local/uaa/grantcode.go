package uaa

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
)

// grantCode trades an authorization code (reference/uaa.md §3.4).
func (s *Server) grantCode(g grant, form url.Values) (tokenAnswer, error) {
	code := form.Get("code")
	if code == "" {
		return tokenAnswer{}, oauthProblem(http.StatusBadRequest, "invalid_request", "An authorization code must be supplied.")
	}
	var (
		row  tokenRow
		user userRow
	)
	err := s.update(func(m *model, c *change) error {
		found, ok := m.tokens.rows[code]
		if !ok || found.Use != useCode || !s.now().Before(found.Expires) {
			return invalidGrant("Invalid authorization code: %s", clipText(code))
		}
		drop(c, m.tokens, code)
		row, user = found, m.users.rows[found.UserID]
		return nil
	})
	if err != nil {
		return tokenAnswer{}, err
	}
	if row.ClientID != g.client.ID {
		return tokenAnswer{}, invalidGrant("Client ID mismatch")
	}
	if redirect := form.Get("redirect_uri"); redirect != row.Code.RedirectURI && (redirect != "" || row.Code.RedirectGiven) {
		return tokenAnswer{}, invalidGrant("Redirect URI mismatch.")
	}
	if err := checkVerifier(row.Code, form.Get("code_verifier"), g.public); err != nil {
		return tokenAnswer{}, err
	}
	g.requested, g.nonce = row.Code.Scopes, row.Code.Nonce
	return s.giveUser(g, user, row.Code.AuthTime, nil)
}

func invalidGrant(format string, args ...any) *problem {
	return oauthProblem(http.StatusBadRequest, "invalid_grant", format, args...)
}

func checkVerifier(code *codeRow, verifier string, public bool) error {
	if code.Challenge == "" {
		if public {
			return badClient()
		}
		if verifier != "" {
			return invalidGrant("Code verifier not required for this authorization code.")
		}
		return nil
	}
	if verifier == "" {
		return invalidGrant("Code verifier must be provided for this authorization code.")
	}
	if public && code.Method != "S256" {
		return invalidGrant("Invalid code verifier")
	}
	answer := verifier
	if code.Method == "S256" {
		sum := sha256.Sum256([]byte(verifier))
		answer = base64url(sum[:])
	}
	if !validVerifier(verifier) || subtle.ConstantTimeCompare([]byte(answer), []byte(code.Challenge)) != 1 {
		return invalidGrant("Invalid code verifier")
	}
	return nil
}

// validVerifier: RFC 7636 §4.1.
func validVerifier(text string) bool {
	if len(text) < 43 || len(text) > 128 {
		return false
	}
	return strings.IndexFunc(text, func(r rune) bool {
		return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", r)
	}) < 0
}
