package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// Where the numbers of a cluster's usage are from.
const (
	fromBOSH = "bosh"
	fromSpec = "spec"
)

// listUsages answers GET /v1/usages: what the clusters of each owner take, as BOSH
// said when their last operation ended. Nobody is asked for it now: reads do not
// leave the server.
func (s *Server) listUsages(ctx context.Context, x *exchange) (answer, error) {
	clusters, err := s.reachable(ctx, x)
	if err != nil {
		return answer{}, err
	}
	owned := map[string][]*pks.Cluster{}
	for _, c := range clusters {
		owned[c.Owner.Name] = append(owned[c.Owner.Name], c)
	}
	documents := make([]v1.Usage, 0, len(owned))
	for owner, clusters := range owned {
		usage, err := s.usage(owner, clusters)
		if err != nil {
			return answer{}, err
		}
		documents = append(documents, usage)
	}
	slices.SortFunc(documents, func(a, b v1.Usage) int { return cmp.Compare(a.Owner, b.Owner) })
	return answer{http.StatusOK, documents}, nil
}

// getUsage answers GET /v1/usages/{owner}. Who has no clusters takes nothing.
func (s *Server) getUsage(ctx context.Context, x *exchange) (answer, error) {
	owner := pathValue(x.request, "owner")
	filter := store.ClusterFilter{OwnerName: owner}
	if x.extent == own {
		filter.Owner = &x.caller
	}
	clusters, err := s.config.Clusters.Clusters(ctx, filter)
	if err != nil {
		return answer{}, err
	}
	usage, err := s.usage(owner, clusters)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, usage}, nil
}

func (s *Server) usage(owner string, clusters []*pks.Cluster) (v1.Usage, error) {
	usage := v1.Usage{Owner: owner, Clusters: make([]v1.ClusterUsage, 0, len(clusters))}
	var total pks.Resources
	for _, c := range clusters {
		plan, _ := s.plans.byID(c.PlanID)
		machines, err := c.Allocation(plan)
		if err != nil {
			return usage, err
		}
		use := machines.Use()
		total = total.Add(use)
		source := fromSpec
		if machines.Observed {
			source = fromBOSH
		}
		usage.Clusters = append(usage.Clusters, v1.ClusterUsage{
			Name: c.Name, CPU: use.CPU, Memory: v1.Gigabytes(use.GB()), Source: source, Incomplete: !machines.SizesKnown(),
		})
	}
	usage.Totals = v1.UsageTotals{CPU: total.CPU, Memory: v1.Gigabytes(total.GB()), Cluster: total.Clusters}
	return usage, nil
}
