package director

import (
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"context"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/director/state"
	"github.com/pks-community/pks-release/src/local/machine"
)

// disks is a driver that removes disks.
type disks struct {
	machine.Driver
	removed []string
	fail    string
}

func (d *disks) DeleteDisk(_ context.Context, cid string) error {
	if cid == d.fail {
		return errors.New("device busy")
	}
	d.removed = append(d.removed, cid)
	return nil
}

func TestOnlyOldOrphansAreRemoved(t *testing.T) {
	t.Parallel()
	store, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "director.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	now := time.Now()
	for cid, age := range map[string]time.Duration{"old": orphanAge, "older": 2 * orphanAge, "busy": 2 * orphanAge, "young": orphanAge - time.Minute} {
		i := &state.Instance{ID: cid, Deployment: "d", Group: "master", DiskCID: cid}
		if err := store.SaveInstance(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		if err := store.DeleteInstance(t.Context(), i, now.Add(-age).Unix()); err != nil {
			t.Fatal(err)
		}
	}
	driver := &disks{fail: "busy"}
	d := &Director{state: store, machines: driver, logger: slog.New(slog.DiscardHandler)}
	if err := d.removeOldDisks(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	left, err := store.OrphanDisks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var cids []string
	for _, disk := range left {
		cids = append(cids, disk.CID)
	}
	if diff := cmp.Diff([]string{"young", "busy"}, cids); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"old", "older"}, driver.removed); diff != "" {
		t.Error(diff)
	}
}
