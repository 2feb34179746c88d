package api

import (
	"context"
	"net/http"

	"github.com/pks-community/pks-release/src/pks"
)

// handler answers one route. It runs when the caller is known and allowed, the
// subject is found and the body is read; what it returns is written for it.
type handler func(context.Context, *exchange) (answer, error)

// exchange is one request, as far as the server has come to know it.
type exchange struct {
	request   *http.Request
	requestID string

	caller pks.Principal
	extent extent      // how much of the resource the caller reaches
	body   []byte      // routes with bodyJSON
	on     pks.Cluster // routes on oneCluster
}

// mayReach tells whether the caller may touch what owner owns.
func (x *exchange) mayReach(owner pks.Principal) bool {
	return x.extent == all || x.extent == own && x.caller.Same(owner)
}

// serve makes the HTTP handler of one line of the table: rights first, then the
// subject, then the body, then the work.
func (s *Server) serve(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), s.config.RequestTimeout)
		defer cancel()
		r = r.WithContext(ctx)

		x := &exchange{request: r, requestID: requestID(ctx)}
		answer, err := s.run(ctx, w, route, x)
		if err != nil {
			s.fail(w, r, err)
			s.audit(route, x, pks.Lookup(pks.AsFailure(err).Code).Status, err)
			return
		}
		s.write(w, r, answer)
		s.audit(route, x, answer.status, nil)
	})
}

func (s *Server) run(ctx context.Context, w http.ResponseWriter, route route, x *exchange) (answer, error) {
	if err := s.authorise(ctx, route, x); err != nil {
		return answer{}, err
	}
	if route.on == oneCluster {
		if err := s.findCluster(ctx, x); err != nil {
			return answer{}, err
		}
	}
	if err := s.readBody(w, route, x); err != nil {
		return answer{}, err
	}
	return route.handle(ctx, x)
}

func (s *Server) findCluster(ctx context.Context, x *exchange) error {
	cluster, err := s.config.Clusters.Cluster(ctx, pathValue(x.request, "cluster"))
	if err != nil {
		return err
	}
	if !x.mayReach(cluster.Owner) {
		return notEnoughPrivileges()
	}
	x.on = cluster
	return nil
}
