package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"

	"gopkg.in/yaml.v3"

	"code.cloudfoundry.org/brokerapi/v13/domain"

	"github.com/pks-community/pks-release/src/broker/runner"
	"github.com/pks-community/pks-release/src/director"
)

// preview is what an update or a creation would do.
type preview struct {
	Changes        bool                `json:"changes"`
	Diff           []director.DiffLine `json:"diff"`
	InstanceGroups []groupChange       `json:"instance_groups"`
}

// groupChange is what would become of one instance group.
type groupChange struct {
	Name   string `json:"name"`
	Action string `json:"action"` // create, delete, recreate, restart, scale, none
	Before int    `json:"instances_before"`
	After  int    `json:"instances_after"`
}

// servePreview takes the body of an update and tells what it, or with
// operation_type=upgrade what an upgrade would do, or, where
// there is no deployment and no previous plan is named, what making one would. It
// changes nothing.
func (b *Broker) servePreview(w http.ResponseWriter, r *http.Request) {
	var details domain.UpdateDetails
	if !decodeBody(w, r, &details) {
		return
	}
	ctx, id := r.Context(), instanceID(r)
	p, err := b.preview(ctx, id, details, r.URL.Query().Get("operation_type") == "upgrade")
	if err != nil {
		b.respondError(ctx, w, id, "preview", unlessAway("preview", err))
		return
	}
	respond(w, http.StatusOK, p)
}

func (b *Broker) preview(ctx context.Context, instanceID string, details domain.UpdateDetails, upgrade bool) (preview, error) {
	isNew := details.PreviousValues.PlanID == ""
	if isNew {
		details.PreviousValues.PlanID = details.PlanID
	}
	parameters, err := parametersOf(details.RawParameters)
	if err != nil {
		return preview{}, err
	}
	p, err := b.planOf(details.PlanID)
	if err != nil {
		return preview{}, err
	}
	name := deploymentName(instanceID)
	present, err := b.deployedManifest(ctx, instanceID)
	if errors.Is(err, director.ErrNotFound) {
		if !isNew {
			return preview{}, refuse(http.StatusGone, "", "The deployment of the service instance does not exist.")
		}
		return b.previewCreation(ctx, instanceID, details, p, parameters)
	}
	if err != nil {
		return preview{}, err
	}
	previousPlan, err := b.planOf(details.PreviousValues.PlanID)
	if err != nil {
		return preview{}, err
	}
	params, err := updateParams(details, parameters)
	if err != nil {
		return preview{}, err
	}
	old, err := b.previousOf(ctx, name, present)
	if err != nil {
		return preview{}, err
	}
	if old.client, err = b.presentClient(ctx, instanceID); err != nil {
		return preview{}, err
	}
	old.keep = !upgrade && b.config.Broker.KeepVersionsOnUpdate
	manifest, err := b.generate(ctx, name, p, &previousPlan, params, old)
	if err != nil {
		return preview{}, err
	}
	diff, err := b.difference(ctx, name, manifest)
	if err != nil {
		return preview{}, err
	}
	groups, err := groupChanges(old.manifest, manifest.Text)
	if err != nil {
		return preview{}, err
	}
	return preview{Changes: len(diff) > 0, Diff: diff, InstanceGroups: groups}, nil
}

// difference is the Director's, with the values of properties redacted; never nil.
func (b *Broker) difference(ctx context.Context, deployment string, m runner.Manifest) ([]director.DiffLine, error) {
	diff, err := b.director.Diff(ctx, deployment, []byte(m.Text))
	if err != nil {
		return nil, fmt.Errorf("compare the manifests of %s: %w", deployment, err)
	}
	if diff == nil {
		diff = []director.DiffLine{}
	}
	return diff, nil
}

// deploymentBody is a manifest as far as VMs depend on it.
type deploymentBody struct {
	Stemcells []map[string]any `yaml:"stemcells"`
	Releases  []map[string]any `yaml:"releases"`
	Groups    []map[string]any `yaml:"instance_groups"`
}

// groupChanges says, group by group, what BOSH would do to go from one manifest
// to the other.
func groupChanges(before, after string) ([]groupChange, error) {
	var old, made deploymentBody
	if err := yaml.Unmarshal([]byte(before), &old); err != nil {
		return nil, fmt.Errorf("parse the stored manifest: %w", err)
	}
	if err := yaml.Unmarshal([]byte(after), &made); err != nil {
		return nil, fmt.Errorf("parse the new manifest: %w", err)
	}
	changes := []groupChange{}
	oldGroups := byName(old.Groups)
	for _, g := range made.Groups {
		c := groupChange{Name: nameOf(g, 0), After: countOf(g)}
		was, existed := oldGroups[c.Name]
		if existed {
			c.Before = countOf(was)
			delete(oldGroups, c.Name)
		}
		c.Action = actionOn(existed, old, made, was, g)
		changes = append(changes, c)
	}
	for _, name := range slices.Sorted(maps.Keys(oldGroups)) {
		changes = append(changes, groupChange{Name: name, Action: "delete", Before: countOf(oldGroups[name])})
	}
	return changes, nil
}

// vmKeys are those by which a VM is made: a change of one makes new VMs.
func vmKeys() []string {
	return []string{"azs", "env", "networks", "persistent_disk_pool", "persistent_disk_type", "persistent_disks", "stemcell", "vm_extensions", "vm_resources", "vm_type"}
}

func actionOn(existed bool, old, made deploymentBody, was, now map[string]any) string {
	if (!existed || isErrand(was)) && isErrand(now) {
		return "none" // no VM of it stands between runs
	}
	if !existed {
		return "create"
	}
	if !reflect.DeepEqual(stemcellOf(old, was), stemcellOf(made, now)) {
		return "recreate"
	}
	for _, key := range vmKeys() {
		if !reflect.DeepEqual(was[key], now[key]) {
			return "recreate"
		}
	}
	before, after := maps.Clone(was), maps.Clone(now)
	for _, key := range []string{"instances", "update"} { // neither touches a VM that stays
		delete(before, key)
		delete(after, key)
	}
	switch {
	case !reflect.DeepEqual(before, after), !reflect.DeepEqual(releasesOf(old, was), releasesOf(made, now)):
		return "restart"
	case countOf(was) != countOf(now):
		return "scale"
	}
	return "none"
}

func isErrand(g map[string]any) bool { return fmt.Sprint(g["lifecycle"]) == "errand" }

func byName(groups []map[string]any) map[string]map[string]any {
	all := map[string]map[string]any{}
	for i, g := range groups {
		all[nameOf(g, i)] = g
	}
	return all
}

func countOf(g map[string]any) int {
	n, _ := g["instances"].(int)
	return n
}

func stemcellOf(m deploymentBody, g map[string]any) map[string]any {
	for _, s := range m.Stemcells {
		if reflect.DeepEqual(s["alias"], g["stemcell"]) {
			return s
		}
	}
	return nil
}

// releasesOf are the releases whose jobs the group has.
func releasesOf(m deploymentBody, g map[string]any) []any {
	used := map[string]bool{}
	jobs, _ := g["jobs"].([]any)
	for _, j := range jobs {
		if job, ok := j.(map[string]any); ok {
			used[fmt.Sprint(job["release"])] = true
		}
	}
	var all []any
	for _, r := range m.Releases {
		if used[fmt.Sprint(r["name"])] {
			all = append(all, r)
		}
	}
	return all
}
