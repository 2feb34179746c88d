// Package session is an authenticated HTTP session with one server of the BOSH
// family (a Director or a CredHub): one pool of kept-alive connections, one UAA
// token that is renewed before it expires, a bound on how many requests are
// under way at once, and a context and a deadline on each of them.
package session
