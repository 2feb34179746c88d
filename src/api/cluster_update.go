package api

import (
	"context"
	"net/http"

	"github.com/pks-community/pks-release/src/api/jsonbody"
	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/pks"
)

// updateCluster answers PATCH /v1/clusters/{name}. What the body does not name
// keeps its value (DESIGN law 3); the answer is the cluster, which old clients
// ignore (reference/pks-api.md §5.5).
func (s *Server) updateCluster(ctx context.Context, x *exchange) (answer, error) {
	change, err := readUpdate(x.body)
	if err != nil {
		return answer{}, err
	}
	if change.profiles, err = s.namedIn(ctx, x, change); err != nil {
		return answer{}, err
	}
	plan, ok := s.plans.byID(x.on.PlanID)
	if !ok && !change.lockOnly() {
		return answer{}, pks.Failf(pks.CodePlanNotFound, "Plan %s of cluster %s is no longer offered.", x.on.PlanName, x.on.Name).
			WithRemedy("Ask the platform operator to offer the plan again, or delete the cluster.")
	}
	precondition := s.precondition(x, change)
	// The same rules hold again inside the engine's transaction; here they spare
	// it the work for a request that is bad whatever the spec.
	if err := precondition(x.on); err != nil {
		return answer{}, err
	}
	apply := func(spec pks.ClusterSpec) (pks.ClusterSpec, error) { return change.applyTo(spec, plan) }
	switch {
	case change.lockOnly() && x.dryRun:
		return s.preview(ctx, x, &x.on, x.on)
	case change.lockOnly():
		apply = nil // which the engine does at once
	default:
		if _, err := apply(x.on.Spec.Clone()); err != nil {
			return answer{}, err
		}
	}
	before := x.on
	cluster, err := s.config.Engine.Update(ctx, lifecycle.UpdateRequest{
		ClusterID:    x.on.ID,
		By:           x.caller,
		RequestID:    x.requestID,
		Change:       apply,
		Precondition: precondition,
		DeletionLock: change.lock,
		QuotaExempt:  x.extent == all,
		DryRun:       x.dryRun,
	})
	if err != nil {
		return answer{}, err
	}
	if x.dryRun {
		return s.preview(ctx, x, &before, cluster)
	}
	x.on = cluster
	s.showTag(x, cluster)
	return answer{http.StatusAccepted, s.document(cluster)}, nil
}

// precondition holds a change against the cluster as it is: If-Match, and what a
// cluster of another version can have done to it (reference/pks-api.md §5.5).
func (s *Server) precondition(x *exchange, change update) func(pks.Cluster) error {
	match := s.ifMatch(x)
	return func(c pks.Cluster) error {
		if match != nil {
			if err := match(c); err != nil {
				return err
			}
		}
		if c.Versions() == s.target() || change.lockOnly() || change.scalesOnly() && len(c.Spec.Tags) == 0 {
			return nil
		}
		return fromPreviousInstallation(c)
	}
}

// update is what a PATCH asks for; nil members were not named.
type update struct {
	workers       *int
	drain         pks.DrainSettings
	deleteAllTags bool
	lock          *bool // against deletion
	settings      settings
	platform      platformSettings
	names         profileNames
	pools         pks.ComputeChange
	profiles      chosenProfiles // that names and pools stand for
}

// namedIn finds what the names in the change stand for.
func (s *Server) namedIn(ctx context.Context, x *exchange, change update) (chosenProfiles, error) {
	profiles, err := s.findProfiles(ctx, x, change.names)
	profiles.compute.Instances, profiles.compute.Field = change.pools.Instances, change.pools.Field
	profiles.compute.Force = change.pools.Force
	return profiles, err
}

// readUpdate reads the flat body of a PATCH.
func readUpdate(body []byte) (update, error) {
	request, err := jsonbody.Parse(body)
	if err != nil {
		return update{}, err
	}
	change := update{
		workers:       request.Whole("kubernetes_worker_instances"),
		drain:         readDrain(request),
		deleteAllTags: valueOr(request.Flag("delete_all_tags"), false),
		lock:          request.Flag("deletion_lock"),
		settings:      readSettings(request),
		names:         readProfiles(request),
		pools:         readPools(request),
	}
	if change.platform, err = readPlatformSettings(request); err != nil {
		return update{}, err
	}
	change.pools.Force = valueOr(request.Flag("enforce_compute_profile_update"), false)
	if request.Has("custom_ca") {
		return update{}, pks.Failf(pks.CodeInvalidRequest, "custom_ca of a cluster cannot be changed once the cluster exists.").
			WithRemedy("Create a new cluster with it.")
	}
	if err := request.Err(); err != nil {
		return update{}, err
	}
	if change.empty() {
		// The words are those that clients know (reference/pks-api.md §3.3).
		return update{}, pks.Failf(pks.CodeInvalidRequest, "At least one of update parameters have to be specified.").WithRemedy("")
	}
	if change.deleteAllTags && len(change.settings.tags) > 0 {
		return update{}, pks.Failf(pks.CodeInvalidRequest, "delete_all_tags and cluster_tags contradict each other.").
			WithRemedy("Send one of them.")
	}
	return change, nil
}

func (u update) empty() bool { return u.lock == nil && u.lockOnly() }

// lockOnly tells that nothing but the deletion lock was named.
func (u update) lockOnly() bool {
	return u.workers == nil && len(u.pools.Instances) == 0 && u.scalesOnly()
}

// scalesOnly tells that nothing was named but numbers of workers, and perhaps the
// lock.
func (u update) scalesOnly() bool {
	return u.drain == (pks.DrainSettings{}) && !u.deleteAllTags && u.settings.empty() && u.platform.empty() && len(u.names) == 0
}

// applyTo makes the spec that the cluster is to become.
func (u update) applyTo(spec pks.ClusterSpec, plan pks.Plan) (pks.ClusterSpec, error) {
	spec, err := u.profiles.replaceIn(spec, plan, u.workers)
	if err != nil {
		return pks.ClusterSpec{}, err
	}
	if u.deleteAllTags {
		spec.Tags = nil
	}
	spec, err = u.settings.applyTo(spec)
	if err != nil {
		return pks.ClusterSpec{}, err
	}
	if spec, err = u.platform.applyTo(spec, plan); err != nil {
		return pks.ClusterSpec{}, err
	}
	spec.Drain = spec.Drain.With(u.drain)
	if err := u.checkDrain(spec, plan); err != nil {
		return pks.ClusterSpec{}, err
	}
	return spec, spec.ValidateTexts("")
}

// checkDrain holds the drain settings that were asked for against their ranges
// and against what the plan says beside them.
func (u update) checkDrain(spec pks.ClusterSpec, plan pks.Plan) error {
	if err := u.drain.Validate(); err != nil {
		return err
	}
	effective := plan.Drain.With(spec.Drain)
	if valueOr(u.drain.ForceNode, false) && valueOr(effective.TimeoutMinutes, 0) == 0 {
		return pks.Failf(pks.CodeInvalidRequest, "kubelet_drain_force_node is true, but no drain timeout is set after which a node could be forced.").
			WithRemedy("Send kubelet_drain_timeout too, with a number of minutes above 0.")
	}
	return nil
}

// readDrain reads the six kubelet_drain_* members, which clients write as
// strings.
func readDrain(request *jsonbody.Object) pks.DrainSettings {
	return pks.DrainSettings{
		TimeoutMinutes:     request.Whole("kubelet_drain_timeout"),
		GracePeriodSeconds: request.Whole("kubelet_drain_grace_period"),
		Force:              request.Flag("kubelet_drain_force"),
		IgnoreDaemonSets:   request.Flag("kubelet_drain_ignore_daemonsets"),
		DeleteLocalData:    request.Flag("kubelet_drain_delete_local_data"),
		ForceNode:          request.Flag("kubelet_drain_force_node"),
	}
}
