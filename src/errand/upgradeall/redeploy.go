package upgradeall

import (
	"context"
	"slices"
	"strings"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/errand"
)

// previewed is how many clusters one request asks about: each takes the broker and
// the Director some time.
const previewed = 10

// redeploy upgrades the clusters at the target's versions whose BOSH manifest would
// become another: after a new stemcell, or changed settings of plans. It returns no task
// when there are none.
func (r *run) redeploy(ctx context.Context) (none v1.TaskInfo, err error) {
	clusters, err := r.list(ctx)
	if err != nil {
		return none, err
	}
	var changed, unknown []v1.Cluster
	for _, c := range clusters {
		switch o := r.outcomes[keyOf(c.UUID, c.Name)]; {
		case o.again:
			changed = append(changed, c)
		case o.fate == upToDate:
			unknown = append(unknown, c)
		}
	}
	if len(unknown) > 0 {
		r.journal.Say("Looking for changes to %d clusters whose versions are up to date", len(unknown))
	}
	for batch := range slices.Chunk(unknown, previewed) {
		found, err := r.changed(ctx, batch)
		if err != nil {
			return none, err
		}
		changed = append(changed, found...)
	}
	if len(changed) == 0 {
		return none, nil
	}
	request := v1.UpgradeClustersRequest{MaxInFlight: r.MaxInFlight, Force: true, Canaries: there(r.canaries, changed)}
	if len(request.Canaries) == 0 && r.CanarySelection.empty() {
		for _, c := range changed[:min(r.Canaries, len(changed))] {
			request.Canaries = append(request.Canaries, c.Name)
		}
	}
	var names []string
	for _, c := range changed {
		names = append(names, c.Name)
		if !slices.Contains(request.Canaries, c.Name) {
			request.Clusters = append(request.Clusters, c.Name)
		}
	}
	r.journal.Say("Clusters to redeploy: %s", strings.Join(names, " "))
	return r.rollOut(ctx, request)
}

// changed are those of the clusters that an upgrade would change. One of which that
// cannot be told, since something is being done to it, or the broker has no previews,
// is redeployed: that does no harm.
func (r *run) changed(ctx context.Context, clusters []v1.Cluster) ([]v1.Cluster, error) {
	request := v1.UpgradeClustersRequest{Force: true}
	for _, c := range clusters {
		request.Clusters = append(request.Clusters, c.Name)
	}
	previews, err := errand.Persist(ctx, r.patience, func(ctx context.Context) (apiclient.Answer[[]v1.Preview], error) {
		return r.api.PreviewUpgrades(ctx, request)
	})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && len(clusters) == 1:
		r.journal.Say("[%s] Its changes are not known, so it is redeployed: %v", clusters[0].Name, err)
		return clusters, nil
	case err != nil: // each alone: it is only some that are in the way
		var changed []v1.Cluster
		for i := range clusters {
			found, err := r.changed(ctx, clusters[i:i+1])
			if err != nil {
				return nil, err
			}
			changed = append(changed, found...)
		}
		return changed, nil
	}
	return slices.DeleteFunc(slices.Clone(clusters), func(c v1.Cluster) bool {
		return !slices.ContainsFunc(previews.Value, func(p v1.Preview) bool { return p.Cluster.Name == c.Name && changes(p) })
	}), nil
}

// changes tells whether the preview has anything in it.
func changes(p v1.Preview) bool {
	return slices.ContainsFunc(p.ManifestDiff, func(l v1.DiffLine) bool { return l.Change != "" }) ||
		slices.ContainsFunc(p.Instances, func(g v1.InstanceGroup) bool { return g.Action != "none" })
}
