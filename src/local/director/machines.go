package director

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/local/director/state"
	"github.com/pks-community/pks-release/src/local/machine"
)

// complete returns the specification with what belongs to the machine.
func (p *plan) complete(i *instancePlan) machine.Spec {
	spec := i.resolved
	spec.AgentID, spec.DiskCID = i.AgentID, i.DiskCID
	if len(p.groups) > 0 { // else what was applied holds the records
		spec.Records = p.records()
	}
	i.spec.AgentID, i.spec.DiskCID = i.AgentID, i.DiskCID
	return spec
}

// createMachine makes a machine for an instance, and its disk when it is the first.
func (p *plan) createMachine(ctx context.Context, t *task, i *instancePlan) (err error) {
	audit := t.audit(ctx, "create", "vm", "", i.Deployment, i.Slug())
	defer func() { audit.end(ctx, err, nil) }()
	i.AgentID = uuid.NewString()
	if err := p.fitDisk(ctx, t, i); err != nil {
		return err
	}
	t.cpi("create_vm %s stemcell %s/%s", i.Slug(), i.stemcell.Name, i.stemcell.Version)
	cid, err := p.d.machines.Create(ctx, p.complete(i))
	if err != nil {
		return fmt.Errorf("CPI error 'Bosh::Clouds::VMCreationFailed' with message '%w' in 'create_vm' CPI method", err)
	}
	i.VMCID, i.VMDigest, i.VMCreatedAt = cid, i.vmDigest, time.Now().Unix()
	i.VMStemcell = state.Version{Name: i.stemcell.Name, Version: i.stemcell.Version}
	audit.name(cid)
	i.VMType = i.group.VMType
	return p.d.state.SaveInstance(context.WithoutCancel(ctx), i.Instance)
}

// fitDisk gives an instance the persistent disk its group wants, or makes an orphan of one that is not
// wanted any more.
func (p *plan) fitDisk(ctx context.Context, t *task, i *instancePlan) error {
	switch {
	case i.group.disk > 0 && i.DiskCID == "":
		i.DiskCID = uuid.NewString()
		t.audit(ctx, "create", "disk", i.DiskCID, i.Deployment, i.Slug())
	case i.group.disk == 0 && i.DiskCID != "":
		t.audit(ctx, "orphan", "disk", i.DiskCID, i.Deployment, i.Slug())
		if err := p.d.state.OrphanDisk(ctx, i.Instance, time.Now().Unix()); err != nil {
			return err
		}
		i.DiskCID = ""
	}
	i.DiskSize = i.group.disk
	return nil
}

// deleteMachine removes an instance's machine.
func (d *Director) deleteMachine(ctx context.Context, t *task, i *state.Instance) (err error) {
	if i.VMCID == "" {
		return nil
	}
	audit := t.audit(ctx, "delete", "vm", i.VMCID, i.Deployment, i.Slug())
	defer func() { audit.end(ctx, err, nil) }()
	t.cpi("delete_vm %s", i.VMCID)
	if err := d.machines.Delete(ctx, i.VMCID); err != nil {
		return fmt.Errorf("delete the machine of %s: %w", i.Slug(), err)
	}
	i.VMCID, i.AgentID, i.VMDigest, i.VMCreatedAt, i.VMStemcell = "", "", "", 0, state.Version{}
	return d.state.SaveInstance(context.WithoutCancel(ctx), i)
}
