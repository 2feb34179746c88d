package uaa

import (
	"net/http"
	"slices"
	"time"
)

// version is that of the UAA whose behaviour is followed.
const version = "77.0.0"

func (s *Server) infoDocument() map[string]any {
	return map[string]any{
		"app":       map[string]string{"version": version},
		"commit_id": "embedded", "timestamp": "2024-01-01T00:00:00+0000",
		"zone_name": zoneUAA, "entityID": s.host,
		"links": map[string]string{"uaa": s.base, "login": s.base, "passwd": "/forgot_password", "register": "/create_account"},
		"prompts": map[string][2]string{
			"username": {"text", "Email"},
			"password": {"password", "Password"},
			"passcode": {"password", "Temporary Authentication Code ( Get one at " + s.base + "/passcode )"},
		},
		"idpDefinitions": map[string]any{}, "showLoginLinks": true,
	}
}

// info answers GET /info.
func (s *Server) info(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, s.infoDocument())
}

// healthz answers GET /healthz.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain;charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
	return nil
}

// discovery answers the two OpenID configuration paths (reference/uaa.md §6.3).
func (s *Server) discovery(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                s.issuer,
		"authorization_endpoint":                s.base + "/oauth/authorize",
		"token_endpoint":                        s.base + "/oauth/token",
		"userinfo_endpoint":                     s.base + "/userinfo",
		"jwks_uri":                              s.base + "/token_keys",
		"end_session_endpoint":                  s.base + "/logout.do",
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post", "none"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS256"},
		"id_token_signing_alg_values_supported":            []string{"RS256"},
		"scopes_supported":                                 []string{"openid", "profile", "email", "phone", "roles", "user_attributes"},
		"response_types_supported":                         []string{"code"},
		"subject_types_supported":                          []string{"public"},
		"claim_types_supported":                            []string{"normal"},
		"claims_parameter_supported":                       false,
		"code_challenge_methods_supported":                 []string{"S256", "plain"},
		"claims_supported": []string{"sub", "user_name", "origin", "iss", "auth_time", "amr", "acr", "client_id", "aud",
			"zid", "grant_type", "user_id", "azp", "scope", "exp", "iat", "jti", "rev_sig", "cid", "given_name",
			"family_name", "phone_number", "email"},
	})
}

// userInfo answers GET and POST /userinfo.
func (s *Server) userInfo(w http.ResponseWriter, r *http.Request) error {
	claims, err := s.bearer(r)
	if err != nil {
		return err
	}
	if !slices.Contains(claims.Scope, "openid") || claims.UserID == "" {
		return insufficient("openid")
	}
	var user userRow
	s.read(func(m *model) { user = m.users.rows[claims.UserID] })
	document := map[string]any{
		"user_id": user.ID, "sub": user.ID, "user_name": user.Name, "origin": user.Origin,
		"email": user.email(), "email_verified": user.Verified,
		"given_name": user.Given, "family_name": user.Family, "name": joinNames(user.Given, user.Family),
		"previous_logon_time": milliseconds(user.PreviousLogon),
	}
	if len(user.Phones) > 0 {
		document["phone_number"] = user.Phones[0]
	}
	return writeJSON(w, http.StatusOK, document)
}

func joinNames(given, family string) string {
	if given == "" || family == "" {
		return given + family
	}
	return given + " " + family
}

func milliseconds(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}
