package api

import (
	"context"
	"net/http"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// listServiceInstances answers GET /service_instances: which service instances
// the platform knows, so that a broker can tell orphans from clusters
// (reference/on-demand-broker.md §2).
func (s *Server) listServiceInstances(ctx context.Context, x *exchange) (answer, error) {
	clusters, err := s.reachable(ctx, x)
	if err != nil {
		return answer{}, err
	}
	instances := make([]v1.ServiceInstance, 0, len(clusters))
	for _, c := range clusters {
		instances = append(instances, v1.ServiceInstance{ServiceInstanceID: c.ID, PlanID: c.PlanID})
	}
	return answer{http.StatusOK, instances}, nil
}
