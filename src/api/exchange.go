package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"time"

	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
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
	person bool        // the route is open to the caller, whatever the scopes
	body   []byte      // routes with bodyJSON
	on     pks.Cluster // routes on oneCluster
	task   pks.Rollout // routes on oneTask

	profile pks.NamedProfile // routes on a profile

	connection context.Context // of the request, without the bound on answers
	expires    time.Time       // when the caller's token does; zero for never
	dryRun     bool            // routes that preview
	receipt    store.Receipt   // of the request's key; without an id for none
	kept       bool            // the receipt is the engine's to store
	header     http.Header     // of a successful answer
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
		x := &exchange{connection: r.Context(), requestID: requestID(ctx)}
		r = r.WithContext(ctx)
		x.request = r
		begun := time.Now()
		answer, err := s.run(ctx, w, route, x)
		if err != nil {
			status := pks.Lookup(pks.AsFailure(err).Code).Status
			s.offerLogin(w, route, err)
			s.fail(w, r, err)
			s.audit(route, x, status, err)
			s.metrics.answered(route, status, time.Since(begun))
			return
		}
		maps.Copy(w.Header(), x.header)
		s.write(w, r, answer)
		s.audit(route, x, answer.status, nil)
		s.metrics.answered(route, answer.status, time.Since(begun))
	})
}

func (s *Server) run(ctx context.Context, w http.ResponseWriter, route route, x *exchange) (answer, error) {
	if err := s.authorise(ctx, route, x); err != nil {
		return answer{}, err
	}
	if err := s.refuseChanges(route); err != nil {
		return answer{}, err
	}
	if route.on == oneCluster {
		if err := s.findCluster(ctx, x); err != nil {
			return answer{}, err
		}
	}
	if err := s.findOther(ctx, route.on, x); err != nil {
		return answer{}, err
	}
	if route.on == oneTask {
		if err := s.findTask(ctx, x); err != nil {
			return answer{}, err
		}
	}
	if err := s.readBody(w, route, x); err != nil {
		return answer{}, err
	}
	if err := readDryRun(route, x); err != nil {
		return answer{}, err
	}
	if err := readKey(route, x); err != nil {
		return answer{}, err
	}
	if known, found, err := s.replay(ctx, x); found || err != nil {
		return known, err
	}
	done, err := route.handle(ctx, x)
	if errors.Is(err, store.ErrReceiptExists) { // the same request, a moment earlier
		known, _, err := s.replay(ctx, x)
		return known, err
	}
	if err == nil {
		s.keepReceipt(ctx, x, done)
	}
	return done, err
}

// findOther finds a subject other than clusters and tasks.
func (s *Server) findOther(ctx context.Context, on subject, x *exchange) error {
	switch on {
	case oneNetworkProfile:
		return s.findProfile(ctx, x, pks.NetworkProfiles)
	case oneComputeProfile:
		return s.findProfile(ctx, x, pks.ComputeProfiles)
	case oneKubernetesProfile:
		return s.findProfile(ctx, x, pks.KubernetesProfiles)
	case oneOwner:
		return checkOwner(x)
	default:
		return nil
	}
}

func (s *Server) findCluster(ctx context.Context, x *exchange) error {
	cluster, err := s.config.Clusters.Cluster(ctx, pathValue(x.request, "cluster"))
	if err != nil {
		return err
	}
	if !x.mayReach(cluster.Owner) {
		if !x.person {
			return notEnoughPrivileges()
		}
		x.extent = themselves
	}
	x.on = cluster
	return nil
}
