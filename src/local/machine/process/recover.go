package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pks-community/pks-release/src/local/machine"
)

// bootPatience bounds the start of one machine after a restart of the stack.
const bootPatience = 2 * time.Minute

// Recover implements machine.Driver. The machines come up in the background; until then they are
// starting, and an operation on one waits for it.
func (d *Driver) Recover(_ context.Context, placements []machine.Placement) error {
	if err := d.removeStrangers(placements); err != nil {
		return err
	}
	for _, p := range placements {
		v := &vm{
			driver: d, cid: p.CID, started: p.Started,
			logger: d.logger.With("deployment", p.Deployment, "instance", p.Group+"/"+p.ID),
		}
		v.box.booting = true
		v.mu.Lock() // released when it is up
		if err := d.add(v); err != nil {
			return err
		}
		d.group.Go(func() {
			defer v.mu.Unlock()
			err := v.revive(p)
			v.box.mu.Lock()
			v.box.booting = false
			v.box.mu.Unlock()
			if err == nil || d.ctx.Err() != nil {
				return
			}
			v.logger.Error("machine does not come back", "machine", v.cid, "error", err)
			d.tellDeath(v.cid)
		})
	}
	return nil
}

func (v *vm) revive(p machine.Placement) error {
	ctx, cancel := context.WithTimeout(v.driver.ctx, bootPatience)
	defer cancel()
	if _, err := os.Stat(v.dir()); err != nil {
		return fmt.Errorf("the files of machine %s are gone: %w", v.cid, err)
	}
	spec, err := p.Spec(ctx)
	if err != nil {
		return fmt.Errorf("read the specification of machine %s: %w", v.cid, err)
	}
	v.spec = spec
	if err := v.boot(ctx); err != nil {
		return errors.Join(err, v.halt(context.WithoutCancel(ctx)))
	}
	if _, err := v.apply(ctx); err != nil {
		return err
	}
	if !p.Started {
		return nil
	}
	return v.start(ctx)
}

// removeStrangers removes the files of machines that should not exist.
func (d *Driver) removeStrangers(placements []machine.Placement) error {
	known := map[string]bool{}
	for _, p := range placements {
		known[p.CID] = true
	}
	found, err := os.ReadDir(filepath.Join(d.options.Dir, "machines"))
	if err != nil {
		return fmt.Errorf("list the machines: %w", err)
	}
	for _, entry := range found {
		if known[entry.Name()] {
			continue
		}
		if err := machine.RemoveTree(d.machineDir(entry.Name())); err != nil {
			return fmt.Errorf("remove a machine that is not known: %w", err)
		}
	}
	return nil
}

// Watch implements machine.Driver.
func (d *Driver) Watch(died func(cid string)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.died = died
}

func (d *Driver) tellDeath(cid string) {
	d.mu.Lock()
	died := d.died
	d.mu.Unlock()
	if died != nil {
		died(cid)
	}
}
