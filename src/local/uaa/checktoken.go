package uaa

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// tokenClaims are the members this server looks at in its own tokens.
type tokenClaims struct {
	JTI                 string   `json:"jti"`
	Subject             string   `json:"sub"`
	Scope               []string `json:"scope"`
	GrantedScopes       []string `json:"granted_scopes"`
	ClientID            string   `json:"client_id"`
	UserID              string   `json:"user_id"`
	GrantType           string   `json:"grant_type"`
	RevocationSignature string   `json:"rev_sig"`
	AuthTime            int64    `json:"auth_time"`
	IssuedAt            int64    `json:"iat"`
	ExpiresAt           int64    `json:"exp"`
	Issuer              string   `json:"iss"`
	Audience            []string `json:"aud"`
	Nonce               string   `json:"nonce"`
}

// examine applies UAA's own checks to an access token (reference/uaa.md §7.2)
// and returns its claims, raw and read.
func (s *Server) examine(raw string) (json.RawMessage, tokenClaims, error) {
	body, err := s.openAccess(raw)
	if err != nil {
		return nil, tokenClaims{}, err
	}
	var claims tokenClaims
	if err := json.Unmarshal(body, &claims); err != nil {
		return nil, tokenClaims{}, badToken("Invalid token (cannot be read)")
	}
	if claims.Issuer != s.issuer {
		return nil, tokenClaims{}, badToken("Invalid issuer (%s) for token did not match expected", clipText(claims.Issuer))
	}
	if !s.now().Before(time.Unix(claims.ExpiresAt, 0)) {
		return nil, tokenClaims{}, badToken("Token has expired")
	}
	if strings.HasSuffix(claims.JTI, "-r") || claims.Scope == nil {
		return nil, tokenClaims{}, badToken("The token is not an access token")
	}
	if slices.Equal(claims.Scope, []string{"openid"}) && slices.Equal(claims.Audience, []string{claims.ClientID}) {
		return nil, tokenClaims{}, badToken("The token is not an access token")
	}
	return body, claims, s.checkAlive(claims)
}

// checkAlive finds out whether client and user are still what they were.
func (s *Server) checkAlive(claims tokenClaims) (err error) {
	s.read(func(m *model) {
		client, ok := m.clients.rows[claims.ClientID]
		if !ok {
			err = badToken("Invalid client ID %s", clipText(claims.ClientID))
			return
		}
		var user *userRow
		if claims.UserID != "" {
			row, ok := m.users.rows[claims.UserID]
			if !ok || !row.Active {
				err = badToken("Token bears a non-existent user ID: %s", clipText(claims.UserID))
				return
			}
			user = &row
		}
		_, revoked := m.tokens.rows[revokedID(claims.JTI)]
		if revoked || m.revocationSignature(client, user) != claims.RevocationSignature {
			err = badToken("The token expired, was revoked, or the token ID is incorrect: revocable signature mismatch")
		}
	})
	return err
}

func (s *Server) openAccess(raw string) ([]byte, error) {
	if strings.Contains(raw, ".") {
		return s.keyring().open(raw)
	}
	var body []byte
	s.read(func(m *model) {
		if row, ok := m.tokens.rows[raw]; ok && row.Use == useOpaque {
			body = row.Claims
		}
	})
	if body == nil {
		return nil, badToken("The token expired, was revoked, or the token ID is incorrect.")
	}
	return body, nil
}

// resourceServer lets clients with the authority uaa.resource in.
func (s *Server) resourceServer(r *http.Request) (token string, scopes []string, err error) {
	form, err := readForm(r)
	if err != nil {
		return "", nil, err
	}
	if r.Header.Get("Authorization") == "" {
		return "", nil, noToken()
	}
	client, _, err := s.authenticateClient(r, nil)
	if err != nil {
		return "", nil, err
	}
	if !slices.Contains(client.Authorities, "uaa.resource") {
		return "", nil, denied()
	}
	if form.Get("token") == "" {
		return "", nil, oauthProblem(http.StatusBadRequest, "invalid_request", "Required request parameter 'token' is not present")
	}
	if text := form.Get("scopes"); text != "" {
		scopes = strings.Split(text, ",")
	}
	return form.Get("token"), scopes, nil
}

// checkToken answers POST /check_token.
func (s *Server) checkToken(w http.ResponseWriter, r *http.Request) error {
	token, wanted, err := s.resourceServer(r)
	if err != nil {
		return err
	}
	body, claims, err := s.examine(token)
	if err != nil {
		if p, ok := err.(*problem); ok {
			return oauthProblem(http.StatusBadRequest, "invalid_token", "%s", p.text)
		}
		return err
	}
	var missing []string
	for _, scope := range wanted {
		if !slices.Contains(claims.Scope, scope) {
			missing = append(missing, scope)
		}
	}
	if len(missing) > 0 {
		return oauthProblem(http.StatusBadRequest, "invalid_scope", "Some requested scopes are missing: %s", strings.Join(missing, ","))
	}
	return writeJSON(w, http.StatusOK, body)
}

// introspect answers POST /introspect.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) error {
	token, _, err := s.resourceServer(r)
	if err != nil {
		return err
	}
	body, _, err := s.examine(token)
	if err != nil {
		if _, ok := err.(*problem); ok {
			return writeJSON(w, http.StatusOK, map[string]any{"active": false})
		}
		return err
	}
	claims := map[string]any{}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	if err := decoder.Decode(&claims); err != nil {
		return err
	}
	claims["active"] = true
	return writeJSON(w, http.StatusOK, claims)
}
