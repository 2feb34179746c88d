package uaa

import (
	"crypto/rsa"
	"log/slog"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

// Config says where the state lives and what is in it at the first start.
type Config struct {
	// Dir is the folder for the state; made with mode 0700 when absent.
	Dir string
	// BaseURL is the public address, such as https://127.0.0.1:8443.
	BaseURL string
	// Issuer is claim iss of the tokens; empty: BaseURL + "/oauth/token".
	Issuer string

	// Clients, Groups and Users are created when absent and otherwise left as
	// they are, but for grants and redirect addresses that a client lacks.
	Clients []Client
	Groups  []Group
	Users   []User

	// SigningKey becomes the first key; nil: one is generated. Later starts use
	// what is stored.
	SigningKey *rsa.PrivateKey
	// LegacyErrorCodes answers wrong user credentials with the code of older
	// releases, unauthorized, instead of invalid_client (reference/uaa.md §5.1).
	LegacyErrorCodes bool

	Clock  func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: nothing is logged
}

// Client is an OAuth client to begin with (reference/uaa.md §11).
type Client struct {
	ID                   string
	Secret               pks.Secret // may be empty
	GrantTypes           []string
	Scopes               []string // of tokens for users
	Authorities          []string // of tokens for the client itself
	RedirectURIs         []string
	AutoApprove          bool
	AllowPublic          bool          // may use PKCE instead of a secret
	AccessTokenValidity  time.Duration // 0: 12 h
	RefreshTokenValidity time.Duration // 0: 30 days
}

// Group is a SCIM group to begin with.
type Group struct {
	Name        string
	Description string
}

// User is a SCIM user to begin with. Groups that do not exist are made.
type User struct {
	Name       string
	Password   pks.Secret
	Email      string // empty: Name, with @localhost added when it has no @
	GivenName  string
	FamilyName string
	Groups     []string
}

// Lifetimes of UAA and of the product's clients (reference/uaa.md §4.9).
const (
	defaultAccessValidity  = 43200 * time.Second
	defaultRefreshValidity = 2592000 * time.Second
	productAccessValidity  = 600 * time.Second
	productRefreshValidity = 21600 * time.Second
)

// Secrets are those of the clients that have one.
type Secrets struct {
	Admin     pks.Secret // client admin, with which people manage the UAA
	PKSClient pks.Secret // client pks_client, with which pks-api checks tokens
}

// DefaultClients are the product's clients (reference/uaa.md §12). The redirect
// addresses are those where a browser may be sent back to.
func DefaultClients(secrets Secrets, redirectURIs ...string) []Client {
	grants := []string{"password", "refresh_token"}
	if len(redirectURIs) > 0 {
		grants = append(grants, "authorization_code")
	}
	return []Client{
		{
			ID: "pks_cli", GrantTypes: grants, RedirectURIs: redirectURIs, AutoApprove: true,
			Scopes:              []string{"pks.clusters.admin", "pks.clusters.manage", "pks.clusters.admin.read"},
			AccessTokenValidity: productAccessValidity, RefreshTokenValidity: productRefreshValidity,
		},
		{
			ID: "pks_cluster_client", GrantTypes: grants, RedirectURIs: redirectURIs, AutoApprove: true,
			Scopes:              []string{"openid", "roles", "email", "profile"},
			AccessTokenValidity: productAccessValidity, RefreshTokenValidity: productRefreshValidity,
		},
		{
			ID: "pks_client", Secret: secrets.PKSClient, GrantTypes: []string{"client_credentials"},
			Authorities: []string{"uaa.resource"},
		},
		{
			ID: "admin", Secret: secrets.Admin, GrantTypes: []string{"client_credentials"},
			Authorities: []string{"clients.read", "clients.write", "clients.secret", "uaa.admin",
				"scim.read", "scim.write", "password.write"},
		},
	}
}

// DefaultGroups are the product's groups.
func DefaultGroups() []Group {
	return []Group{
		{"pks.clusters.admin", "All clusters"},
		{"pks.clusters.manage", "Own clusters"},
		{"pks.clusters.admin.read", "View all clusters"},
	}
}

// defaultUserGroups are the groups every user is in (reference/uaa.md §13.3,
// property uaa.user.authorities, cut to what this product needs).
func defaultUserGroups() []string {
	return []string{"openid", "roles", "profile", "user_attributes", "uaa.user", "password.write"}
}
