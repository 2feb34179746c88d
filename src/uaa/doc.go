// Package uaa is the control plane's side of Cloud Foundry UAA: a Verifier that
// turns bearer tokens into principals, and a Client that fetches tokens.
//
// The rules of the Verifier are those of reference/uaa.md §16; the requests of
// the Client those of §2 and §3 there.
package uaa
