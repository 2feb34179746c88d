// Package release makes uploaded BOSH releases real for the embedded Director: it
// keeps their archives, compiles their packages as a Director would, renders the
// templates of their jobs, and runs their errands, with a /var/vcap of their own and
// everything else as it is on this computer (docs/decisions/033).
package release

import "errors"

// ErrNotKept: there is no archive of the release; the Director knows what is in it
// from elsewhere.
var ErrNotKept = errors.New("the release has no archive")
