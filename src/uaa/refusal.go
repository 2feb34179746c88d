package uaa

import (
	"errors"
	"fmt"

	"github.com/pks-community/pks-release/src/pks"
)

// refuse is the one answer to every bad token. Its user text is the same for
// all causes, so that it teaches an attacker nothing; the cause is for the log
// (reference/uaa.md §16.4). The format must never take the token.
func refuse(format string, args ...any) error {
	return pks.Failf(pks.CodeUnauthenticated, "The access token is not valid or has expired.").
		WithCause(fmt.Errorf(format, args...))
}

// unavailable says that a token could be neither accepted nor refused.
func unavailable(err error) error {
	return pks.Failf(pks.CodeUAAUnavailable, "The access token cannot be checked at the moment.").WithCause(err)
}

// isRefusal tells a verdict from the lack of one.
func isRefusal(err error) bool {
	failure, ok := errors.AsType[*pks.Failure](err)
	return ok && failure.Code == pks.CodeUnauthenticated
}
