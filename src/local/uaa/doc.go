// Package uaa is a stand-in for Cloud Foundry UAA: OAuth 2 grants, signed and
// opaque tokens, SCIM users and groups, and client administration, kept in one
// folder. It follows reference/uaa.md and is never more lenient than that.
//
// It knows one identity zone and one identity provider, both called uaa. It is
// for laptops, tests and demonstrations, and must listen on loopback only.
package uaa
