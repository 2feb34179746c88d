package uaa

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/pks-community/pks-release/src/pks"
)

// claims are the members of an access token that the rules look at. Any of them
// may be missing: an operator can exclude claims (reference/uaa.md §4.2).
type claims struct {
	JTI           string           `json:"jti"`
	Subject       string           `json:"sub"`
	Scope         *[]string        `json:"scope"`
	GrantedScopes *json.RawMessage `json:"granted_scopes"`
	ClientID      string           `json:"client_id"`
	CID           string           `json:"cid"`
	GrantType     string           `json:"grant_type"`
	UserID        string           `json:"user_id"`
	UserName      string           `json:"user_name"`
	Origin        string           `json:"origin"`
	IssuedAt      *float64         `json:"iat"`
	ExpiresAt     *float64         `json:"exp"`
	NotBefore     *float64         `json:"nbf"`
	Issuer        string           `json:"iss"`
	Zone          *string          `json:"zid"`
	Audience      audience         `json:"aud"`
}

// audience is one text or several (RFC 7519 §4.1.3).
type audience []string

// UnmarshalJSON accepts a text or an array of texts.
func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if err := json.Unmarshal(data, &one); err == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

// covers tells whether one of the wanted resources, or a resource below one, is
// an audience. UAA makes a token's audiences of its scopes by cutting the last
// word, so a read-only token, whose one scope is pks.clusters.admin.read, has
// the audience pks.clusters.admin and not pks.clusters (reference/uaa.md §4.4).
func (a audience) covers(wanted []string) bool {
	return slices.ContainsFunc(a, func(one string) bool {
		return slices.ContainsFunc(wanted, func(resource string) bool {
			return one == resource || strings.HasPrefix(one, resource+".")
		})
	})
}

// rules are what the claims are held against.
type rules struct {
	issuer  string
	anyZone bool
	skew    time.Duration
}

// parseClaims reads the claims; a name that occurs twice or a member of a wrong
// type is an error.
func parseClaims(data []byte) (claims, error) {
	var c claims
	if err := json.Unmarshal(data, &c); err != nil {
		return claims{}, fmt.Errorf("claims cannot be read: %w", cleanJSONError(err))
	}
	return c, nil
}

// judge applies rules 7 to 12 of reference/uaa.md §16.1, but for the audience,
// which depends on what the token is to open.
func (r rules) judge(c claims, now time.Time) (Token, error) {
	if c.Issuer != r.issuer {
		return Token{}, c.refuse("issuer %q is not %q", clip(c.Issuer), r.issuer)
	}
	expires, err := r.period(c, now)
	if err != nil {
		return Token{}, err
	}
	if !r.anyZone && c.Zone != nil && *c.Zone != DefaultZone {
		return Token{}, c.refuse("zone %q is not %q", clip(*c.Zone), DefaultZone)
	}
	if strings.HasSuffix(c.JTI, "-r") || c.GrantedScopes != nil {
		return Token{}, c.refuse("it is a refresh token")
	}
	if c.Scope == nil {
		return Token{}, c.refuse("claim scope is missing")
	}
	if slices.Equal(*c.Scope, []string{scopeOpenID}) && !c.Audience.covers([]string{scopeOpenID}) {
		return Token{}, c.refuse("it is an ID token")
	}
	principal, err := c.principal()
	if err != nil {
		return Token{}, err
	}
	return Token{Principal: principal, Scopes: *c.Scope, ClientID: c.client(), JTI: c.JTI, ExpiresAt: expires}, nil
}

func (r rules) period(c claims, now time.Time) (time.Time, error) {
	if c.ExpiresAt == nil {
		return time.Time{}, c.refuse("claim exp is missing")
	}
	expires, ok := instant(*c.ExpiresAt)
	if !ok {
		return time.Time{}, c.refuse("claim exp is out of range")
	}
	if !now.Before(expires.Add(r.skew)) {
		return time.Time{}, c.refuse("it expired at %s", expires.UTC().Format(time.RFC3339))
	}
	for name, claim := range map[string]*float64{"iat": c.IssuedAt, "nbf": c.NotBefore} {
		if claim == nil {
			continue
		}
		from, ok := instant(*claim)
		if !ok || from.After(now.Add(r.skew)) {
			return time.Time{}, c.refuse("claim %s lies in the future", name)
		}
	}
	return expires, nil
}

// principal tells who the token speaks for. A token that is neither clearly a
// user's nor clearly a client's is nobody's.
func (c claims) principal() (pks.Principal, error) {
	switch {
	case c.UserID != "" && c.GrantType == "client_credentials":
		return pks.Principal{}, c.refuse("client token names a user")
	case c.UserID != "":
		if c.UserName == "" || c.Origin == "" {
			return pks.Principal{}, c.refuse("user token lacks user_name or origin")
		}
		if c.Subject != "" && c.Subject != c.UserID {
			return pks.Principal{}, c.refuse("subject differs from user_id")
		}
		return pks.Principal{Kind: pks.PrincipalUser, Origin: c.Origin, ID: c.UserID, Name: c.UserName}, nil
	case c.GrantType == "client_credentials" && c.client() != "":
		if c.Subject != "" && c.Subject != c.client() {
			return pks.Principal{}, c.refuse("subject differs from client_id")
		}
		return pks.Principal{Kind: pks.PrincipalClient, ID: c.client(), Name: c.client()}, nil
	}
	return pks.Principal{}, c.refuse("it names neither a user nor a client")
}

func (c claims) client() string {
	if c.ClientID != "" {
		return c.ClientID
	}
	return c.CID
}

// refuse adds what identifies the token to the cause.
func (c claims) refuse(format string, args ...any) error {
	return refuse("token %q of client %q: %s", clip(c.JTI), clip(c.client()), fmt.Sprintf(format, args...))
}

// instant converts a NumericDate (RFC 7519 §2: seconds, fractions allowed).
func instant(seconds float64) (time.Time, bool) {
	const last = 253402300799 // end of the year 9999
	if math.IsNaN(seconds) || seconds < 0 || seconds > last {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)), true
}

// clip bounds a text that came from outside before it goes to a log.
func clip(s string) string {
	const longest = 128
	if len(s) > longest {
		return s[:longest] + "…"
	}
	return s
}

func clipAll(texts []string) []string {
	const most = 16
	clipped := make([]string, 0, min(len(texts), most))
	for _, t := range texts[:min(len(texts), most)] {
		clipped = append(clipped, clip(t))
	}
	return clipped
}

// cleanJSONError keeps pieces of the document out of the error.
func cleanJSONError(err error) error {
	if _, ok := err.(*json.UnmarshalTypeError); ok {
		return fmt.Errorf("a member has a wrong type")
	}
	return fmt.Errorf("not a JSON object, or a name occurs twice")
}
