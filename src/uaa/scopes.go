package uaa

// The scopes of the product (reference/pks-api.md §2.2). They are compared
// whole, never by prefix.
const (
	ScopeAdmin     = "pks.clusters.admin"      // everything on every cluster
	ScopeManage    = "pks.clusters.manage"     // everything on one's own clusters
	ScopeAdminRead = "pks.clusters.admin.read" // read every cluster, change none
)

// scopeOpenID is the scope, and the audience, of tokens that tell who somebody is.
const scopeOpenID = "openid"

// DefaultAudience is the resource that the product's scopes belong to.
const DefaultAudience = "pks.clusters"

// DefaultZone is the identity zone the product lives in.
const DefaultZone = "uaa"
