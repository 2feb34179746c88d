package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/pks-community/pks-release/src/api/jsonbody"
	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// maxMaxInFlight is more than any Director has workers for.
const maxMaxInFlight = 1000

// mostNodesParallel is how many workers of a zone an upgrade may replace at the
// same time (reference/pks-cli.md §7.1).
const mostNodesParallel = 2

// upgradeClusters answers PATCH /v1/clusters: it starts the upgrade of many
// clusters, or joins the one that does what is asked already.
func (s *Server) upgradeClusters(ctx context.Context, x *exchange) (answer, error) {
	wanted, err := readRollout(x.body)
	if err != nil {
		return answer{}, err
	}
	clusters, err := s.clustersOf(ctx, x, wanted)
	if err != nil {
		return answer{}, err
	}
	if x.dryRun {
		return s.previewUpgrades(ctx, x, clusters, wanted)
	}
	rollout, err := s.config.Rollouts.StartRollout(ctx, lifecycle.RolloutRequest{
		Clusters:    clusters,
		Canaries:    len(wanted.canaries),
		All:         wanted.all,
		MaxInFlight: wanted.maxInFlight,
		Force:       wanted.force, NodesParallel: wanted.nodesParallel,
		By:        x.caller,
		RequestID: x.requestID,
		MayJoin:   func(r pks.Rollout) bool { return x.mayReach(r.RequestedBy) },
	})
	if err != nil {
		return answer{}, err
	}
	x.task = rollout
	return answer{http.StatusAccepted, taskInfo(rollout)}, nil
}

// rolloutWanted is what a body asks for: names, each once.
type rolloutWanted struct {
	canaries, others []string
	all, force       bool
	maxInFlight      int
	nodesParallel    int // 0: as the plans say
}

func readRollout(body []byte) (rolloutWanted, error) {
	request, err := jsonbody.Parse(body)
	if err != nil {
		return rolloutWanted{}, err
	}
	named, canaries := request.Texts("clusters"), request.Texts("canaries")
	wanted := rolloutWanted{
		all:           valueOr(request.Flag("all"), false),
		force:         valueOr(request.Flag("force"), false),
		maxInFlight:   valueOr(request.Whole("max_in_flight"), 1),
		nodesParallel: valueOr(request.Whole("nodes_parallel"), 0),
	}
	if err := request.Err(); err != nil {
		return rolloutWanted{}, err
	}
	switch {
	case wanted.maxInFlight < 1 || wanted.maxInFlight > maxMaxInFlight:
		return rolloutWanted{}, pks.Failf(pks.CodeInvalidRequest, "max_in_flight is %d; it must be from 1 to %d.", wanted.maxInFlight, maxMaxInFlight)
	case wanted.nodesParallel < 0 || wanted.nodesParallel > mostNodesParallel:
		return rolloutWanted{}, pks.Failf(pks.CodeInvalidRequest, "nodes_parallel is %d; it must be 1 or %d.", wanted.nodesParallel, mostNodesParallel)
	case wanted.all && len(named) > 0:
		return rolloutWanted{}, pks.Failf(pks.CodeInvalidRequest, "all and clusters contradict each other.").WithRemedy("Send one of them.")
	}
	seen := map[string]bool{}
	first := func(name string) bool {
		fresh := name != "" && !seen[name]
		seen[name] = true
		return fresh
	}
	for _, name := range canaries {
		if first(name) {
			wanted.canaries = append(wanted.canaries, name)
		}
	}
	for _, name := range named {
		if first(name) {
			wanted.others = append(wanted.others, name)
		}
	}
	if !wanted.all && len(wanted.canaries)+len(wanted.others) == 0 {
		return rolloutWanted{}, missing("clusters", "Name the clusters to upgrade, or send \"all\": true.")
	}
	return wanted, nil
}

// clustersOf are the clusters of a rollout in the order of their turns. Naming
// one that the caller may not reach is refused like any other touch of it.
func (s *Server) clustersOf(ctx context.Context, x *exchange, wanted rolloutWanted) ([]pks.Cluster, error) {
	reachable, err := s.reachable(ctx, x)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]*pks.Cluster, len(reachable))
	for _, c := range reachable {
		byName[c.Name] = c
	}
	var clusters []pks.Cluster
	for _, name := range slices.Concat(wanted.canaries, wanted.others) {
		c, ok := byName[name]
		if !ok {
			return nil, s.whyNot(ctx, name)
		}
		clusters = append(clusters, *c)
	}
	if !wanted.all {
		return clusters, nil
	}
	for _, c := range reachable {
		leaving := c.Busy() && c.LastAction == pks.ActionDelete
		if !leaving && !slices.Contains(wanted.canaries, c.Name) {
			clusters = append(clusters, *c)
		}
	}
	return clusters, nil
}

// whyNot tells a cluster that does not exist from somebody else's.
func (s *Server) whyNot(ctx context.Context, name string) error {
	if _, err := s.config.Clusters.Cluster(ctx, name); err != nil {
		return err
	}
	return notEnoughPrivileges()
}

// checkUpgradable answers GET /v1/upgradable: the version of this PKS if a
// cluster of the caller's runs another, else an empty text. The words around it
// are the client's.
func (s *Server) checkUpgradable(ctx context.Context, x *exchange) (answer, error) {
	target := s.target()
	filter := store.ClusterFilter{NotAt: &target, Limit: 1}
	if x.extent == own {
		filter.Owner = &x.caller
	}
	behind, err := s.config.Clusters.Clusters(ctx, filter)
	if err != nil {
		return answer{}, err
	}
	if len(behind) == 0 {
		return answer{http.StatusOK, ""}, nil
	}
	return answer{http.StatusOK, target.Product}, nil
}

// target is what an upgrade leads to.
func (s *Server) target() pks.Versions {
	return pks.Versions{Kubernetes: s.config.KubernetesVersion, Product: s.config.Build.Version}
}
