package director

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/pks-community/pks-release/src/local/director/state"
)

// objectPayload names a disk or a machine that is to be deleted.
type objectPayload struct {
	Object string `json:"object"`
}

func (d *Director) deleteOrphanDisk(ctx context.Context, t *task, payload objectPayload) (string, error) {
	deleting := t.stage("Deleting orphaned disks", nil, 1)
	err := deleting.run(ctx, "Deleting orphaned disk "+payload.Object, func(*step) error { return d.removeDisk(ctx, payload.Object) })
	return fmt.Sprintf("orphaned disk(s) %s deleted", payload.Object), err
}

func (d *Director) removeDisk(ctx context.Context, cid string) error {
	if err := d.machines.DeleteDisk(ctx, cid); err != nil {
		return fmt.Errorf("delete disk %s: %w", cid, err)
	}
	return d.state.DeleteOrphanDisk(ctx, cid)
}

// deleteVM removes a machine by its id, whether it is known or not.
func (d *Director) deleteVM(ctx context.Context, t *task, payload objectPayload) (string, error) {
	s := t.stage("Delete VM", nil, 1)
	err := s.run(ctx, payload.Object, func(*step) error {
		i, err := d.state.InstanceByVM(ctx, payload.Object)
		switch {
		case err == nil:
			if err := d.deleteMachine(ctx, t, i); err != nil {
				return err
			}
		case errors.Is(err, state.ErrNotFound):
			if err := d.machines.Delete(ctx, payload.Object); err != nil {
				return err
			}
		default:
			return err
		}
		return s.note(ctx, fmt.Sprintf("VM %s is successfully deleted", payload.Object))
	})
	return "true", err
}

// cleanupPayload is what a clean-up is to remove.
type cleanupPayload struct {
	All       bool `json:"remove_all"`
	KeepDisks bool `json:"keep_orphaned_disks"`
}

// leftovers are things that nobody uses.
type leftovers struct {
	Releases  []state.Version
	Stemcells []state.Stemcell
	Disks     []state.OrphanDisk
}

// keptVersions is how many unused versions of each release and stemcell stay unless all are to go.
const keptVersions = 2

func (d *Director) leftovers(ctx context.Context, payload cleanupPayload) (leftovers, error) {
	var left leftovers
	deployments, err := d.state.Deployments(ctx)
	if err != nil {
		return left, err
	}
	releases, err := d.state.Releases(ctx)
	if err != nil {
		return left, err
	}
	usedR, usedS := usedReleases(deployments), usedStemcells(deployments)
	unusedR := map[string][]state.Version{}
	for _, r := range releases {
		v := state.Version{Name: r.Name, Version: r.Version}
		if len(usedR[v]) == 0 {
			unusedR[r.Name] = append(unusedR[r.Name], v)
		}
	}
	keep := keptVersions
	if payload.All {
		keep = 0
	}
	for _, versions := range unusedR {
		slices.SortFunc(versions, func(a, b state.Version) int { return compareVersions(a.Version, b.Version) })
		left.Releases = append(left.Releases, versions[:max(len(versions)-keep, 0)]...)
	}
	slices.SortFunc(left.Releases, func(a, b state.Version) int { return strings.Compare(a.Name+a.Version, b.Name+b.Version) })
	stemcells, err := d.state.Stemcells(ctx)
	if err != nil {
		return left, err
	}
	unusedS := map[string][]state.Stemcell{}
	for _, s := range stemcells {
		if len(usedS[state.Version{Name: s.Name, Version: s.Version}]) == 0 {
			unusedS[s.Name] = append(unusedS[s.Name], s)
		}
	}
	for _, versions := range unusedS {
		slices.SortFunc(versions, func(a, b state.Stemcell) int { return compareVersions(a.Version, b.Version) })
		left.Stemcells = append(left.Stemcells, versions[:max(len(versions)-keep, 0)]...)
	}
	slices.SortFunc(left.Stemcells, func(a, b state.Stemcell) int { return int(a.ID - b.ID) })
	if payload.All && !payload.KeepDisks {
		left.Disks, err = d.state.OrphanDisks(ctx)
	}
	return left, err
}

func (c *call) cleanupDryRun() error {
	left, err := c.d.leftovers(c.r.Context(), cleanupPayload{All: c.is("remove_all"), KeepDisks: c.is("keep_orphaned_disks")})
	if err != nil {
		return err
	}
	names := func(n int, name func(int) string) []string {
		out := []string{}
		for i := range n {
			out = append(out, name(i))
		}
		return out
	}
	return c.html(http.StatusOK, struct {
		Releases  []string `json:"releases"`
		Stemcells []string `json:"stemcells"`
		Compiled  []string `json:"compiled_packages"`
		Disks     []string `json:"orphaned_disks"`
		VMs       []string `json:"orphaned_vms"`
		Exported  []string `json:"exported_releases"`
		DNS       []string `json:"dns_blobs"`
	}{
		names(len(left.Releases), func(i int) string { return left.Releases[i].Name + "/" + left.Releases[i].Version }),
		names(len(left.Stemcells), func(i int) string { return left.Stemcells[i].Name + "/" + left.Stemcells[i].Version }),
		[]string{}, names(len(left.Disks), func(i int) string { return left.Disks[i].CID }), []string{}, []string{}, []string{},
	})
}

func (c *call) cleanup() error {
	var wish struct {
		Config cleanupPayload `json:"config"`
	}
	if err := c.decode(&wish); err != nil {
		return err
	}
	description := "clean up"
	if wish.Config.All {
		description = "clean up all"
	}
	return c.task(typeCleanup, description, "", wish.Config)
}

func (d *Director) cleanup(ctx context.Context, t *task, payload cleanupPayload) (string, error) {
	left, err := d.leftovers(ctx, payload)
	if err != nil {
		return "", err
	}
	releases := t.stage("Deleting releases", nil, len(left.Releases))
	for _, r := range left.Releases {
		err := releases.run(ctx, r.Name+"/"+r.Version, func(*step) error { return d.removeRelease(ctx, r.Name, r.Version) })
		if err != nil {
			return "", err
		}
	}
	stemcells := t.stage("Deleting stemcells", nil, len(left.Stemcells))
	for _, s := range left.Stemcells {
		err := stemcells.run(ctx, s.Name+"/"+s.Version, func(*step) error { return d.state.DeleteStemcell(ctx, s.ID) })
		if err != nil {
			return "", err
		}
	}
	disks := t.stage("Deleting orphaned disks", nil, len(left.Disks))
	for _, disk := range left.Disks {
		if err := disks.run(ctx, disk.CID, func(*step) error { return d.removeDisk(ctx, disk.CID) }); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("Deleted %d release(s), %d stemcell(s), 0 extra compiled package(s), %d orphaned disk(s), 0 orphaned vm(s), 0 exported release(s), 0 dns blob(s)",
		len(left.Releases), len(left.Stemcells), len(left.Disks)), nil
}
