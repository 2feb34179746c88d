package uaa

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/pks-community/pks-release/src/local/uaa/scimfilter"
)

// clientDocument is a client on the wire (reference/uaa.md §11). Members not
// known here are dropped.
type clientDocument struct {
	ID               string   `json:"client_id"`
	Secret           *string  `json:"client_secret,omitempty"`
	Grants           []string `json:"authorized_grant_types"`
	Scopes           []string `json:"scope"`
	Authorities      []string `json:"authorities"`
	ResourceIDs      []string `json:"resource_ids"`
	RedirectURIs     []string `json:"redirect_uri,omitempty"`
	AutoApprove      any      `json:"autoapprove,omitempty"`
	AllowPublic      bool     `json:"allowpublic,omitempty"`
	AccessSeconds    int64    `json:"access_token_validity,omitempty"`
	RefreshSeconds   int64    `json:"refresh_token_validity,omitempty"`
	AllowedProviders []string `json:"allowedproviders,omitempty"`
	RequiredGroups   []string `json:"required_user_groups,omitempty"`
	Name             string   `json:"name,omitempty"`
	CreatedWith      string   `json:"createdwith,omitempty"`
	Salt             string   `json:"token_salt,omitempty"`
	Modified         int64    `json:"lastModified,omitempty"`
}

func (c clientRow) document() clientDocument {
	d := clientDocument{
		ID: c.ID, Grants: c.Grants, Scopes: c.Scopes, Authorities: c.Authorities, ResourceIDs: []string{"none"},
		RedirectURIs: c.RedirectURIs, AllowPublic: c.AllowPublic, AccessSeconds: c.AccessSeconds,
		RefreshSeconds: c.RefreshSeconds, AllowedProviders: c.AllowedProviders, RequiredGroups: c.RequiredGroup,
		Name: c.Name, CreatedWith: c.CreatedWith, Modified: c.Modified.UnixMilli(), AutoApprove: c.AutoApprove,
	}
	if len(c.AutoApproveScopes) > 0 {
		d.AutoApprove = c.AutoApproveScopes
	}
	return d
}

// normalise applies what UAA does silently (reference/uaa.md §11).
func (c *clientRow) normalise() {
	if (slices.Contains(c.Grants, "password") || slices.Contains(c.Grants, "authorization_code")) &&
		!slices.Contains(c.Grants, "refresh_token") {
		c.Grants = append(slices.Clone(c.Grants), "refresh_token")
	}
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"uaa.none"}
	}
	if len(c.Authorities) == 0 {
		c.Authorities = []string{"uaa.none"}
	}
}

func invalidClient(format string, args ...any) *problem {
	return oauthProblem(http.StatusBadRequest, "invalid_client", format, args...)
}

// take fills the row from what a caller may set, but for the secret.
func (c *clientRow) take(d clientDocument) error {
	if len(d.Grants) == 0 {
		return invalidClient("An authorized grant type must be provided. Must be one of: [authorization_code, client_credentials, password, refresh_token]")
	}
	for _, kind := range d.Grants {
		if !slices.Contains(knownGrants(), kind) {
			return invalidClient("%s is not an allowed grant type. Must be one of: [authorization_code, client_credentials, password, refresh_token]", clipText(kind))
		}
	}
	if slices.Contains(d.Grants, "authorization_code") && len(d.RedirectURIs) == 0 {
		return invalidClient("authorization_code grant type requires at least one redirect URL.")
	}
	for _, uri := range d.RedirectURIs {
		if parsed, err := url.Parse(uri); err != nil || parsed.Scheme == "" || parsed.Host == "" || parsed.Fragment != "" {
			return invalidClient("One of the redirect_uri is invalid: %s", clipText(uri))
		}
	}
	if d.AccessSeconds < 0 || d.RefreshSeconds < 0 {
		return invalidClient("A validity cannot be negative")
	}
	c.Grants, c.Scopes, c.Authorities, c.RedirectURIs = d.Grants, d.Scopes, d.Authorities, d.RedirectURIs
	c.AllowPublic, c.AllowedProviders, c.RequiredGroup = d.AllowPublic, d.AllowedProviders, d.RequiredGroups
	c.AccessSeconds, c.RefreshSeconds, c.Name = d.AccessSeconds, d.RefreshSeconds, d.Name
	c.AutoApprove, c.AutoApproveScopes = false, nil
	switch approve := d.AutoApprove.(type) {
	case bool:
		c.AutoApprove = approve
	case string:
		c.AutoApprove = approve == "true"
	case []any:
		for _, scope := range approve {
			if text, ok := scope.(string); ok {
				c.AutoApproveScopes = append(c.AutoApproveScopes, text)
			}
		}
		c.AutoApprove = slices.Equal(c.AutoApproveScopes, []string{"true"})
	}
	c.normalise()
	return nil
}

// limited applies the rules for callers that have clients.write only
// (reference/uaa.md §11).
func limited(claims tokenClaims, row clientRow) error {
	if hasAny(claims, "clients.admin", "uaa.admin") {
		return nil
	}
	for _, scope := range row.Scopes {
		if !strings.HasPrefix(scope, claims.ClientID+".") && !hasAny(claims, scope) && scope != "uaa.none" {
			return invalidClient("%s is not an allowed scope for caller = %s", clipText(scope), claims.ClientID)
		}
	}
	for _, authority := range row.Authorities {
		resource := authority == "uaa.resource" && slices.Contains(row.Grants, "client_credentials")
		if authority != "uaa.none" && !resource {
			return invalidClient("%s is not an allowed authority for caller = %s", clipText(authority), claims.ClientID)
		}
	}
	if slices.Contains(row.Grants, "password") {
		return invalidClient("The password grant is not allowed for caller = %s", claims.ClientID)
	}
	return nil
}

func checkSecret(row clientRow, secret string) error {
	if len(secret) > 255 {
		return invalidClient("Client secret must be no more than 255 characters in length.")
	}
	if secret == "" && slices.Contains(row.Grants, "client_credentials") {
		return invalidClient("Client secret is required for client_credentials grant type")
	}
	return nil
}

func clientAttributes() []string {
	return []string{"client_id", "scope", "authorized_grant_types", "authorities", "resource_ids", "web_server_redirect_uri",
		"redirect_uri", "access_token_validity", "refresh_token_validity", "autoapprove", "lastmodified", "name"}
}

func (c clientRow) attributes() scimfilter.Row {
	return func(name string) []string {
		switch name {
		case "client_id":
			return []string{c.ID}
		case "scope":
			return []string{strings.Join(c.Scopes, ",")}
		case "authorized_grant_types":
			return []string{strings.Join(c.Grants, ",")}
		case "authorities":
			return []string{strings.Join(c.Authorities, ",")}
		case "resource_ids":
			return []string{"none"}
		case "web_server_redirect_uri", "redirect_uri":
			return present(strings.Join(c.RedirectURIs, ","))
		case "lastmodified":
			return []string{instantText(c.Modified)}
		case "name":
			return present(c.Name)
		}
		return nil
	}
}
