package pks

// PrincipalKind tells a person from a program.
type PrincipalKind string

const (
	PrincipalUser   PrincipalKind = "user"
	PrincipalClient PrincipalKind = "client"
)

// Principal is who acts or owns. Two principals of one name, from different
// origins or one a user and one a client, are not the same
// (reference/uaa.md §16.1).
type Principal struct {
	Kind   PrincipalKind
	Origin string // identity provider of a user; empty for a client
	ID     string // UAA user id, or client id
	Name   string // user name, or client id; for people to read
}

// Same tells whether both are one identity, whatever they are called today.
func (p Principal) Same(other Principal) bool {
	return p.Kind == other.Kind && p.Origin == other.Origin && p.ID == other.ID
}
