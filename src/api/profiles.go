package api

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/pks-community/pks-release/src/api/jsonbody"
	"github.com/pks-community/pks-release/src/pks"
)

// profileNames are the profiles that a request names, by kind. Null and empty
// names are left out (reference/pks-api.md §17).
type profileNames map[pks.ProfileKind]string

func readProfiles(request *jsonbody.Object) profileNames {
	named := profileNames{}
	for _, kind := range pks.ProfileKinds() {
		if name := request.Text(kind.Member()); name != nil && *name != "" {
			named[kind] = *name
		}
	}
	return named
}

// chosenProfiles are what a cluster is to be given; nil members were not named.
type chosenProfiles struct {
	network, kubernetes *pks.Profile
	compute             pks.ComputeChange
}

// findProfiles reads the profiles that a request names, and refuses those that do
// not exist or that the caller may not use: a Kubernetes profile is its owner's
// (reference/pks-product.md §4).
func (s *Server) findProfiles(ctx context.Context, x *exchange, names profileNames) (chosenProfiles, error) {
	var chosen chosenProfiles
	for _, kind := range pks.ProfileKinds() {
		name, named := names[kind]
		if !named {
			continue
		}
		profile, err := s.config.Clusters.Profile(ctx, kind, name)
		switch {
		case err != nil && pks.AsFailure(err).Code == pks.CodeProfileNotFound:
			return chosen, pks.Failf(pks.CodeInvalidRequest, "%s: %s %q not found.", kind.Member(), kind.Noun(), pks.Shorten(name)).
				WithRemedy("Leave the member out, or name a profile that exists.")
		case err != nil:
			return chosen, err
		case kind == pks.KubernetesProfiles && !x.mayReach(profile.Owner):
			return chosen, pks.Failf(pks.CodeForbidden, "%s: Kubernetes profile %q belongs to somebody else.", kind.Member(), pks.Shorten(name)).
				WithRemedy("Name one of your own: 'pks kubernetes-profiles'.")
		}
		switch kind {
		case pks.NetworkProfiles:
			chosen.network = profile.Copy()
		case pks.ComputeProfiles:
			chosen.compute.Profile = profile.Copy()
		default:
			chosen.kubernetes = profile.Copy()
		}
	}
	return chosen, nil
}

// applyTo gives a new cluster the profiles.
func (p chosenProfiles) applyTo(spec pks.ClusterSpec, plan pks.Plan) (pks.ClusterSpec, error) {
	spec.NetworkProfile, spec.KubernetesProfile = p.network, p.kubernetes
	if err := plan.CheckNetworkProfile(spec.NetworkProfile); err != nil {
		return spec, err
	}
	return spec.ApplyCompute(p.compute, plan)
}

// replaceIn gives a cluster that exists other profiles. workers is the number of
// workers that the same request asks for, nil for none.
func (p chosenProfiles) replaceIn(spec pks.ClusterSpec, plan pks.Plan, workers *int) (pks.ClusterSpec, error) {
	var err error
	if p.network != nil {
		if spec.NetworkProfile, err = pks.ReplaceNetworkProfile(spec.NetworkProfile, *p.network); err != nil {
			return spec, err
		}
		if err := plan.CheckNetworkProfile(spec.NetworkProfile); err != nil {
			return spec, err
		}
	}
	if p.kubernetes != nil {
		if err := pks.CheckKubernetesProfileChange(spec.KubernetesProfile, *p.kubernetes); err != nil {
			return spec, err
		}
		spec.KubernetesProfile = p.kubernetes
	}
	if p.compute.Profile != nil || p.compute.Instances != nil {
		if spec, err = spec.ReplaceCompute(p.compute, plan); err != nil {
			return spec, err
		}
	}
	return scaled(spec, plan, workers, p.compute.Profile != nil)
}

// scaled sets the number of workers. Node pools have numbers of their own: beside
// a new compute profile the one number is ignored, as the original does, and
// clients that repeat what they have read change nothing.
func scaled(spec pks.ClusterSpec, plan pks.Plan, workers *int, newPools bool) (pks.ClusterSpec, error) {
	const field = "kubernetes_worker_instances"
	switch {
	case workers == nil:
		return spec, nil
	case spec.HasNodePools() && (newPools || *workers == spec.WorkerInstances):
		return spec, nil
	case spec.HasNodePools():
		return spec, pks.Failf(pks.CodeInvalidRequest, "%s is %d, but the workers of cluster %s are in the node pools of compute profile %s.",
			field, *workers, spec.ClusterName, spec.ProfileName(pks.ComputeProfiles)).
			WithRemedy(`Send node_pool_instances: {"POOL": NUMBER}.`)
	}
	if err := plan.ValidateWorkers(field, *workers); err != nil {
		return spec, err
	}
	spec.WorkerInstances = *workers
	return spec, nil
}

// readPools reads the numbers of machines for node pools.
func readPools(from *jsonbody.Object) pks.ComputeChange {
	const member = "node_pool_instances"
	return pks.ComputeChange{Instances: from.Counts(member), Field: from.Path(member)}
}

// networkDetails are what "cluster --details" shows of the network, JSON in a string:
// what the profile says; the rest is the plan's (reference/pks-api.md §5.2).
func networkDetails(p *pks.Profile) (*string, error) {
	if p == nil || len(p.Parameters) == 0 {
		return nil, nil
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(p.Parameters, &given); err != nil {
		return nil, fmt.Errorf("read network profile %s: %w", p.Name, err)
	}
	shown := map[string]json.RawMessage{}
	for _, name := range []string{
		"lb_size", "nodes_dns", "node_routable", "node_subnet_prefix", "pod_routable", "pod_subnet_prefix",
		"master_vms_nsgroup_id", "t0_router_id", "fip_pool_ids", "node_ip_block_ids", "pod_ip_block_ids",
	} {
		if value, ok := given[name]; ok {
			shown[name] = value
		}
	}
	document, err := json.Marshal(shown)
	if err != nil {
		return nil, fmt.Errorf("write details of network profile %s: %w", p.Name, err)
	}
	text := string(document)
	return &text, nil
}

// profileText is the copy of a profile that a cluster has, as its document shows
// it: JSON in a string (reference/pks-api.md §5.2).
func profileText(p *pks.Profile) *string {
	if p == nil || len(p.Parameters) == 0 {
		return nil
	}
	text := string(p.Parameters)
	return &text
}
