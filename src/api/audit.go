package api

import (
	"cmp"
	"net/http"

	"github.com/pks-community/pks-release/src/pks"
)

// audit writes one line for every request that changes something or hands out
// credentials, refused or not: who, what, on what, from where, outcome. No body
// and no header is in it.
func (s *Server) audit(route route, x *exchange, status int, err error) {
	if !route.audited() {
		return
	}
	attributes := []any{
		"request_id", x.requestID,
		"method", route.method,
		"route", route.path,
		"path", x.request.URL.Path,
		"cluster", cmp.Or(x.on.Name, pathValue(x.request, "cluster")),
		"user", x.caller.Name,
		"user_kind", string(x.caller.Kind),
		"user_origin", x.caller.Origin,
		"user_id", x.caller.ID,
		"remote", x.request.RemoteAddr,
		"status", status,
		"operation", x.on.OperationID,
		"dry_run", x.dryRun,
		"replayed", x.header.Get(replayedHeader) != "",
		"rollout", cmp.Or(x.task.ID, pathValue(x.request, "task")),
	}
	if err != nil {
		attributes = append(attributes, "outcome", string(pks.AsFailure(err).Code))
	} else {
		attributes = append(attributes, "outcome", "accepted")
	}
	s.config.Logger.Info("audit", attributes...)
}

func (r route) audited() bool {
	return r.method != http.MethodGet || r.path == bindingPath
}
