package api

import (
	"context"
	"net/http"
	"time"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// pingTimeout bounds the look at the database that health takes: load balancers
// ask every few seconds and must not pile up.
const pingTimeout = 2 * time.Second

// health answers GET /actuator/health: UP when requests can be served, which
// needs a database that can be written and nothing else.
func (s *Server) health(ctx context.Context, x *exchange) (answer, error) {
	err := s.alive.feel(ctx, func(ctx context.Context) error {
		// Whoever hangs up must not make the others read DOWN.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout)
		defer cancel()
		return s.config.Clusters.Ping(ctx)
	})
	if err != nil {
		s.config.Logger.Error("health is down", "request_id", x.requestID, "error", err)
		return answer{http.StatusServiceUnavailable, v1.Health{Status: "DOWN"}}, nil
	}
	return answer{http.StatusOK, v1.Health{Status: "UP"}}, nil
}

// info answers GET /actuator/info: what a client needs before it can log in.
func (s *Server) info(context.Context, *exchange) (answer, error) {
	return answer{http.StatusOK, v1.Info{Build: s.config.Build, UAA: v1.UAAInfo{URL: s.config.UAAURL}}}, nil
}
