// Package session is who is logged in, and where: creds.yml, and the tokens in
// it, kept fresh (reference/pks-cli.md §3.1, reference/uaa.md §17).
package session
