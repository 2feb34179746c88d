package uaa

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// grant is a decision to give tokens.
type grant struct {
	client    clientRow
	user      *userRow // nil: the client itself
	scopes    []string
	requested []string
	kind      string // claim grant_type
	opaque    bool
	public    bool // the client did not authenticate
	authTime  time.Time
	nonce     string
	// refreshUntil keeps the end of a refreshed session where it was; zero: a
	// new session.
	refreshUntil time.Time
}

type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	IDToken      string `json:"id_token,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
	ExpiresIn    int64  `json:"expires_in"`
	Scope        string `json:"scope"`
	JTI          string `json:"jti"`
}

// issue makes the tokens of a grant; opaque ones are stored by the change.
func (s *Server) issue(g grant, m *model, c *change) (tokenAnswer, error) {
	now := s.now()
	expires := now.Truncate(time.Second).Add(g.client.accessValidity())
	id := randomHex(16)
	claims := s.accessClaims(g, id, now, expires)
	answer := tokenAnswer{
		TokenType: "bearer", ExpiresIn: int64(expires.Sub(now).Seconds()),
		Scope: strings.Join(g.scopes, " "), JTI: id,
	}
	var err error
	if answer.AccessToken, err = s.deliver(g, id, claims, expires, m, c); err != nil {
		return tokenAnswer{}, err
	}
	if g.user == nil {
		return answer, nil
	}
	if slices.Contains(g.client.Grants, "refresh_token") {
		if answer.RefreshToken, err = s.refreshToken(g, now, m, c); err != nil {
			return tokenAnswer{}, err
		}
	}
	if slices.Contains(g.client.Scopes, "openid") && slices.Contains(g.scopes, "openid") {
		if answer.IDToken, err = s.sign(s.idClaims(g, id, now, expires)); err != nil {
			return tokenAnswer{}, err
		}
	}
	return answer, nil
}

// deliver is the token in the form asked for: signed, or the id of stored claims.
func (s *Server) deliver(g grant, id string, claims map[string]any, expires time.Time, m *model, c *change) (string, error) {
	if !g.opaque {
		return s.sign(claims)
	}
	claims["revocable"] = true
	body, err := encode(claims)
	if err != nil {
		return "", err
	}
	row := tokenRow{Use: useOpaque, ClientID: g.client.ID, Expires: expires, Claims: body}
	if g.user != nil {
		row.UserID = g.user.ID
	}
	put(c, m.tokens, id, row)
	return id, nil
}

func (s *Server) refreshToken(g grant, now time.Time, m *model, c *change) (string, error) {
	expires := g.refreshUntil
	if expires.IsZero() {
		expires = now.Truncate(time.Second).Add(g.client.refreshValidity())
	}
	id := randomHex(16) + "-r"
	claims := s.commonClaims(g, id, now, expires)
	claims["granted_scopes"] = g.scopes
	claims["aud"] = audiences(g.client.ID, g.scopes)
	return s.deliver(g, id, claims, expires, m, c)
}

// commonClaims is called with mu held.
func (s *Server) commonClaims(g grant, id string, now, expires time.Time) map[string]any {
	claims := map[string]any{
		"jti": id, "sub": g.client.ID, "client_id": g.client.ID, "cid": g.client.ID, "azp": g.client.ID,
		"grant_type": g.kind, "rev_sig": s.model.revocationSignature(g.client, g.user),
		"iat": now.Unix(), "exp": expires.Unix(), "iss": s.issuer, "zid": zoneUAA,
	}
	if g.user != nil {
		claims["sub"] = g.user.ID
		claims["user_id"] = g.user.ID
		claims["origin"] = g.user.Origin
		claims["user_name"] = g.user.Name
		claims["email"] = g.user.email()
		claims["auth_time"] = g.authTime.Unix()
	}
	if g.public {
		claims["client_auth_method"] = "none"
	}
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	return claims
}

func (s *Server) accessClaims(g grant, id string, now, expires time.Time) map[string]any {
	claims := s.commonClaims(g, id, now, expires)
	claims["scope"] = g.scopes
	claims["aud"] = audiences(g.client.ID, g.scopes)
	if g.user == nil {
		claims["authorities"] = g.scopes
	}
	return claims
}

// idClaims are those of reference/uaa.md §4.6. Users of this UAA have no roles
// from an external provider, so claim roles is absent, as in the real one.
func (s *Server) idClaims(g grant, id string, now, expires time.Time) map[string]any {
	claims := s.commonClaims(g, id, now, expires)
	claims["scope"] = []string{"openid"}
	claims["aud"] = []string{g.client.ID}
	claims["amr"] = []string{"pwd"}
	claims["email_verified"] = g.user.Verified
	if slices.Contains(g.scopes, "profile") {
		if g.user.Given != "" {
			claims["given_name"] = g.user.Given
		}
		if g.user.Family != "" {
			claims["family_name"] = g.user.Family
		}
		if len(g.user.Phones) > 0 {
			claims["phone_number"] = g.user.Phones[0]
		}
	}
	if !g.user.PreviousLogon.IsZero() {
		claims["previous_logon_time"] = g.user.PreviousLogon.UnixMilli()
	}
	return claims
}

func (s *Server) sign(claims map[string]any) (string, error) {
	body, err := encode(claims)
	if err != nil {
		return "", err
	}
	// The lock is held by the caller.
	signed, err := s.signer.signer.Sign(body)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return signed.CompactSerialize()
}

// revocationSignature changes when the client, the user or the salt of the pair
// does, and with it every token issued before stops being good here
// (reference/uaa.md §4.7).
func (m *model) revocationSignature(client clientRow, user *userRow) string {
	parts := []string{client.ID, client.Salt}
	parts = append(parts, client.Hashes...)
	if user != nil {
		parts = append(parts, user.ID, user.Hash, user.Salt, user.email(), user.Name, m.tokens.rows[saltID(user.ID, client.ID)].Salt)
	}
	body, _ := json.Marshal(parts)
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:4])
}

// open verifies a signed token's signature.
func (k *keyMaterial) open(raw string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, badToken("Invalid token (could not decode)")
	}
	id := signed.Signatures[0].Header.KeyID
	if id == "" {
		return nil, badToken("kid claim not found in JWT token header")
	}
	key, ok := k.public[id]
	if !ok {
		return nil, badToken("Token header claim [kid] references unknown signing key : [%s]", id)
	}
	body, err := signed.Verify(key)
	if err != nil {
		return nil, badToken("Could not verify token signature.")
	}
	return body, nil
}
