package director

import (
	"context"
	"time"
)

// orphanAge is how long an orphaned disk is kept for whoever wants it back, as on a real Director.
const orphanAge = 5 * 24 * time.Hour

// removeOldDisks removes the disks that have been orphans for too long. One that cannot be removed is
// tried again at the next start.
func (d *Director) removeOldDisks(ctx context.Context, now time.Time) error {
	disks, err := d.state.OrphanDisks(ctx)
	if err != nil {
		return err
	}
	for _, disk := range disks {
		if now.Sub(time.Unix(disk.OrphanedAt, 0)) < orphanAge {
			continue
		}
		if err := d.removeDisk(ctx, disk.CID); err != nil {
			d.logger.WarnContext(ctx, "orphaned disk is not removed", "disk", disk.CID, "error", err)
			continue
		}
		d.logger.InfoContext(ctx, "orphaned disk removed", "disk", disk.CID, "deployment", disk.Deployment, "instance", disk.Instance)
	}
	return nil
}
