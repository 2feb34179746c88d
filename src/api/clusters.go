package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// listClusters answers GET /v1/clusters: all clusters, or the caller's own.
func (s *Server) listClusters(ctx context.Context, x *exchange) (answer, error) {
	clusters, err := s.reachable(ctx, x)
	if err != nil {
		return answer{}, err
	}
	documents, err := s.rendered.list(clusters, s.render)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, documents}, nil
}

func (s *Server) render(c pks.Cluster) (json.RawMessage, error) {
	document, err := json.Marshal(s.document(c))
	if err != nil {
		return nil, fmt.Errorf("write cluster %s: %w", c.Name, err)
	}
	return document, nil
}

// WarmUp lists all clusters for nobody, so that the first long list after a start
// is as quick as the next.
func (s *Server) WarmUp(ctx context.Context) error {
	clusters, err := s.config.Clusters.Clusters(ctx, store.ClusterFilter{})
	if err != nil {
		return err
	}
	_, err = s.rendered.list(clusters, s.render)
	return err
}

// reachable are the clusters that the caller may reach, by name.
func (s *Server) reachable(ctx context.Context, x *exchange) ([]*pks.Cluster, error) {
	var filter store.ClusterFilter
	if x.extent == own {
		filter.Owner = &x.caller
	}
	return s.config.Clusters.Clusters(ctx, filter)
}

// getCluster answers GET /v1/clusters/{name}.
func (s *Server) getCluster(ctx context.Context, x *exchange) (answer, error) {
	s.showTag(x, x.on)
	if s.notModified(x) {
		return answer{status: http.StatusNotModified}, nil
	}
	read := s.document(x.on)
	var err error
	if read.Operation, err = s.lastOperation(ctx, x.on); err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, read}, nil
}

// getClusterDetails answers GET /v1/clusterdetails/{name}: the same document
// with the members that only matter to who asks for details.
func (s *Server) getClusterDetails(ctx context.Context, x *exchange) (answer, error) {
	read, err := s.getCluster(ctx, x)
	detailed, ok := read.body.(v1.Cluster)
	if err != nil || !ok {
		return read, err
	}
	if detailed.Parameters.NetworkDetails, err = networkDetails(x.on.Spec.NetworkProfile); err != nil {
		return answer{}, err
	}
	detailed.Parameters.ClusterDetails = drainSettings(x.on.Spec.Drain)
	if plan, ok := s.plans.byID(x.on.PlanID); ok {
		detailed.Parameters.PlanDetails = drainSettings(plan.Drain)
	}
	return answer{http.StatusOK, detailed}, nil
}

// deleteCluster answers DELETE /v1/clusters/{name}. The work goes on after the
// answer; reads show it until they find nothing (reference/pks-api.md §5.6).
func (s *Server) deleteCluster(ctx context.Context, x *exchange) (answer, error) {
	cluster, err := s.config.Engine.Delete(ctx, lifecycle.DeleteRequest{
		ClusterID: x.on.ID, By: x.caller, RequestID: x.requestID, Precondition: s.ifMatch(x),
	})
	if err != nil {
		return answer{}, err
	}
	x.on = cluster
	return answer{status: http.StatusNoContent}, nil
}
