// Package director is a client of the BOSH Director's HTTP API
// (reference/director-api.md).
//
// Every call has a context and a deadline. Reads are repeated when the Director
// is briefly away; writes never are before it is known whether the first one
// arrived: each carries an X-Bosh-Context-Id by which its task is found again.
package director
