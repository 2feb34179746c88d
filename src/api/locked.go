package api

import (
	"net/http"

	"github.com/pks-community/pks-release/src/pks"
)

// refuseChanges refuses what is not a read while a backup is made.
func (s *Server) refuseChanges(route route) error {
	if route.method == http.MethodGet || s.config.Locked == nil || !s.config.Locked() {
		return nil
	}
	return pks.Failf(pks.CodeStoreUnavailable, "A backup of the PKS API is being made; until it is done nothing can be changed.").
		WithRemedy("Try again in a minute.")
}
