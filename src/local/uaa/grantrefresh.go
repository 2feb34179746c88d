package uaa

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// grantRefresh trades a refresh token, which is used up by it.
func (s *Server) grantRefresh(g grant, form url.Values) (answer tokenAnswer, err error) {
	raw := form.Get("refresh_token")
	if raw == "" {
		return tokenAnswer{}, oauthProblem(http.StatusBadRequest, "invalid_request", "Missing refresh_token")
	}
	old, err := s.readRefresh(raw)
	if err != nil {
		return tokenAnswer{}, err
	}
	if old.ClientID != g.client.ID {
		return tokenAnswer{}, oauthProblem(http.StatusBadRequest, "invalid_grant", "Wrong client for this refresh token: %s", old.JTI)
	}
	for _, scope := range g.requested {
		if !slices.Contains(old.GrantedScopes, scope) {
			return tokenAnswer{}, oauthProblem(http.StatusBadRequest, "invalid_scope",
				"Unable to narrow the scope of the client authentication to [%s].", strings.Join(g.requested, ", "))
		}
	}
	if len(g.requested) == 0 {
		g.requested = old.GrantedScopes
	}
	expires := time.Unix(old.ExpiresAt, 0)
	err = s.update(func(m *model, c *change) error {
		if _, used := m.tokens.rows[revokedID(old.JTI)]; used {
			return badRefresh("The token has been used or revoked")
		}
		user, ok := m.users.rows[old.UserID]
		client, there := m.clients.rows[g.client.ID]
		if !ok || !user.Active || !there || m.revocationSignature(client, &user) != old.RevocationSignature {
			return badRefresh("revocable signature mismatch")
		}
		var wanted []string
		for _, scope := range g.requested {
			if scopeAllowed(client.Scopes, scope) {
				wanted = append(wanted, scope)
			}
		}
		if len(wanted) == 0 {
			return oauthProblem(http.StatusBadRequest, "invalid_scope", "The client is not allowed any of the granted scopes")
		}
		if g.scopes, err = grantUserScopes(m.scopesOf(user.ID), client, wanted); err != nil {
			return err
		}
		g.client, g.user, g.kind, g.nonce = client, &user, old.GrantType, old.Nonce
		g.authTime, g.refreshUntil = time.Unix(old.AuthTime, 0), expires
		put(c, m.tokens, revokedID(old.JTI), tokenRow{Use: useRevoked, ClientID: client.ID, UserID: user.ID, Expires: expires})
		if _, stored := m.tokens.rows[raw]; stored {
			drop(c, m.tokens, raw)
		}
		answer, err = s.issue(g, m, c)
		return err
	})
	return answer, err
}

func badRefresh(text string) *problem {
	return oauthProblem(http.StatusUnauthorized, "invalid_token", "Invalid refresh token: %s", text)
}

func revokedID(jti string) string { return "revoked:" + jti }

// readRefresh opens a refresh token, signed or opaque.
func (s *Server) readRefresh(raw string) (tokenClaims, error) {
	var body []byte
	if strings.Contains(raw, ".") {
		opened, err := s.keyring().open(raw)
		if err != nil {
			return tokenClaims{}, err
		}
		body = opened
	} else {
		s.read(func(m *model) {
			if row, ok := m.tokens.rows[raw]; ok && row.Use == useOpaque {
				body = row.Claims
			}
		})
	}
	var claims tokenClaims
	if body == nil || json.Unmarshal(body, &claims) != nil || !strings.HasSuffix(claims.JTI, "-r") ||
		claims.Issuer != s.issuer || claims.UserID == "" {
		return tokenClaims{}, badRefresh("it is not a refresh token of this server")
	}
	if expires := time.Unix(claims.ExpiresAt, 0); !s.now().Before(expires) {
		return tokenClaims{}, oauthProblem(http.StatusUnauthorized, "invalid_token",
			"Invalid refresh token expired at %s", expires.UTC().Format(time.UnixDate))
	}
	return claims, nil
}
