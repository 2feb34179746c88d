package api

import (
	"context"
	"net/http"
	"time"

	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/pks"
)

const (
	defaultLanding  = 20 // seconds
	landingInterval = 250 * time.Millisecond
)

// cancelOperation answers POST /v1/clusters/{name}/cancel. It waits a moment for
// the operation to land, and says where: 200 when it has ended, 202 when it is
// still being stopped.
func (s *Server) cancelOperation(ctx context.Context, x *exchange) (answer, error) {
	wait, err := number(x.request.URL.Query(), "wait", defaultLanding, 0, longestWait)
	if err != nil {
		return answer{}, err
	}
	op, err := s.config.Engine.Cancel(ctx, lifecycle.CancelRequest{ClusterID: x.on.ID, By: x.caller, RequestID: x.requestID})
	if err != nil {
		return answer{}, err
	}
	if op, err = s.awaitLanding(ctx, op, time.Duration(wait)*time.Second); err != nil {
		return answer{}, err
	}
	status := http.StatusAccepted
	if op.State.Settled() {
		status = http.StatusOK
	}
	return answer{status, s.expectedDocument(ctx, op)}, nil
}

// awaitLanding looks at the operation until it has ended or the time is up.
func (s *Server) awaitLanding(ctx context.Context, op pks.Operation, wait time.Duration) (pks.Operation, error) {
	timeUp := time.NewTimer(wait)
	defer timeUp.Stop()
	look := time.NewTicker(landingInterval)
	defer look.Stop()
	for !op.State.Settled() && wait > 0 {
		select {
		case <-look.C:
		case <-timeUp.C:
			return op, nil
		case <-s.draining:
			return op, nil
		case <-ctx.Done():
			return op, nil
		}
		current, err := s.config.Clusters.Operation(ctx, op.ID)
		if err != nil {
			return op, err
		}
		op = current
	}
	return op, nil
}

// retryOperation answers POST /v1/clusters/{name}/retry: what failed, or was
// cancelled, is begun again.
func (s *Server) retryOperation(ctx context.Context, x *exchange) (answer, error) {
	cluster, err := s.config.Engine.Retry(ctx, lifecycle.RetryRequest{
		ClusterID: x.on.ID, By: x.caller, RequestID: x.requestID, Precondition: s.ifMatch(x),
		QuotaExempt: x.extent == all,
		Keyed:       x.keyed(http.StatusAccepted, func(c pks.Cluster) any { return s.document(c) }),
	})
	if err != nil {
		return answer{}, err
	}
	x.on = cluster
	s.showTag(x, cluster)
	return answer{http.StatusAccepted, s.document(cluster)}, nil
}
