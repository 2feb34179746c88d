package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// readDryRun reads ?dry_run, which any request may have and some routes mind.
func readDryRun(route route, x *exchange) error {
	text := x.request.URL.Query().Get("dry_run")
	if text == "" {
		return nil
	}
	wanted, err := strconv.ParseBool(text)
	if err != nil {
		return pks.Failf(pks.CodeInvalidRequest, "dry_run is %q; it must be true or false.", pks.Shorten(text))
	}
	if wanted && !route.previews() {
		return pks.Failf(pks.CodeInvalidRequest, "dry_run is not offered for this request.").
			WithRemedy("Nothing was done. Leave dry_run out to have the request carried out.")
	}
	x.dryRun = wanted
	return nil
}

// previews tells whether the route minds dry_run.
func (r route) previews() bool {
	return r.body == bodyJSON && (r.path == "/v1/clusters" || r.path == "/v1/clusters/{cluster}")
}

// preview answers a request with ?dry_run=true that would be accepted: what it
// would do. before is nil for a cluster that does not exist; after is the cluster
// as it would become.
func (s *Server) preview(ctx context.Context, x *exchange, before *pks.Cluster, after pks.Cluster) (answer, error) {
	action := pks.ActionUpdate
	if before == nil {
		action = pks.ActionCreate
	}
	document, err := s.previewDocument(ctx, x, action, before, after)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, document}, nil
}

func (s *Server) previewDocument(ctx context.Context, x *exchange, action pks.Action, before *pks.Cluster, after pks.Cluster) (v1.Preview, error) {
	var previous *pks.ClusterSpec
	asked := after
	if before != nil {
		previous = &before.Spec
	} else {
		asked.ID = "" // it would get another
	}
	changes, err := pks.SpecChanges(previous, after.Spec)
	if err != nil {
		return v1.Preview{}, err
	}
	told, err := s.config.Engine.Preview(ctx, action, asked, x.requestID)
	if err != nil {
		return v1.Preview{}, err
	}
	document := v1.Preview{
		Cluster: s.document(after), Changes: changeDocuments(changes),
		ManifestDiff: make([]v1.DiffLine, 0, len(told.Diff)), Instances: make([]v1.InstanceGroup, 0, len(told.Groups)),
	}
	if before == nil {
		document.Cluster.UUID = uuid.Nil.String()
	}
	for _, line := range told.Diff {
		document.ManifestDiff = append(document.ManifestDiff, diffLine(line))
	}
	for _, group := range told.Groups {
		document.Instances = append(document.Instances, instanceGroup(group))
	}
	return document, nil
}

// mostPreviews bounds how many upgrades one request can ask about: each takes the
// broker and the Director some time.
const mostPreviews = 20

// previewUpgrades answers PATCH /v1/clusters?dry_run=true: what the upgrade would
// do to each cluster that needs it.
func (s *Server) previewUpgrades(ctx context.Context, x *exchange, clusters []pks.Cluster, wanted rolloutWanted) (answer, error) {
	var needed []pks.Cluster
	for _, c := range clusters {
		if wanted.force || c.Versions() != s.target() {
			needed = append(needed, c)
		}
	}
	if len(needed) > mostPreviews {
		return answer{}, pks.Failf(pks.CodeInvalidRequest, "%d clusters would be upgraded; dry_run tells of at most %d at a time.", len(needed), mostPreviews).
			WithRemedy("Name fewer clusters.")
	}
	documents := make([]v1.Preview, 0, len(needed))
	for _, c := range needed {
		if c.Busy() {
			return answer{}, store.InProgress(c.Name, c.LastAction, c.OperationID)
		}
		if err := c.Versions().CheckUpgrade(s.target()); err != nil {
			return answer{}, pks.Failf(pks.CodeUpgradeImpossible, "Cluster %s cannot be upgraded: %s.", c.Name, err)
		}
		after := c
		after.Spec.NodesParallel = wanted.nodesParallel
		after.KubernetesVersion, after.ProductVersion = s.target().Kubernetes, s.target().Product
		document, err := s.previewDocument(ctx, x, pks.ActionUpgrade, &c, after)
		if err != nil {
			return answer{}, err
		}
		documents = append(documents, document)
	}
	return answer{http.StatusOK, documents}, nil
}

func instanceGroup(g osb.GroupChange) v1.InstanceGroup {
	return v1.InstanceGroup{Name: g.Name, Action: g.Action, Before: g.Before, After: g.After}
}

// diffLine is a line in the Director's form: text, then added, removed or null.
func diffLine(line []any) v1.DiffLine {
	var d v1.DiffLine
	if len(line) > 0 {
		d.Text, _ = line[0].(string)
	}
	if len(line) > 1 {
		d.Change, _ = line[1].(string)
	}
	return d
}
