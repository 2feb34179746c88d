package state

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/uptrace/bun"
)

// Wanted states of an instance.
const (
	Started  = "started"
	Stopped  = "stopped"
	Detached = "detached"
)

// Address is an IP that an instance holds on a network.
type Address struct {
	Network string     `json:"network"`
	IP      netip.Addr `json:"ip"`
	Static  bool       `json:"static,omitempty"`
}

// Instance is one instance of a group and the machine it has, if any.
type Instance struct {
	bun.BaseModel `bun:"table:instances"`

	ID         string `bun:",pk"`
	Deployment string
	Group      string `bun:"name"`
	Index      int    `bun:"idx"`
	AZ         string
	Lifecycle  string
	Bootstrap  bool
	// State is the wanted state: Started, Stopped or Detached.
	State   string
	Ignored bool
	// Configured is set when the instance has once come up completely.
	Configured bool
	// Dirty is set while an update runs and stays when it fails, so that the next deploy repeats it.
	Dirty bool
	// Digest is that of the specification last applied.
	Digest    string
	VMType    string
	Addresses []Address
	DiskCID   string
	// DiskSize is in MB.
	DiskSize int
	// Jobs are the names of the jobs last applied.
	Jobs []string
	// Spec is the packed specification last applied, with variables unresolved.
	Spec []byte

	// The machine; VMCID is empty without one.
	VMCID string `bun:"vm_cid"`
	// VMDigest is that of everything that needs a new machine when it changes.
	VMDigest   string
	VMStemcell Version
	AgentID    string
	// VMCreatedAt is in Unix seconds.
	VMCreatedAt int64
}

// Slug returns group/id, the name of an instance everywhere.
func (i Instance) Slug() string { return i.Group + "/" + i.ID }

// Instances lists the instances of a deployment by group and index.
func (s *Store) Instances(ctx context.Context, deployment string) ([]*Instance, error) {
	instances := []*Instance{}
	err := s.db.Read.NewSelect().Model(&instances).Where("deployment = ?", deployment).Order("name", "idx").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list instances of %s: %w", deployment, err)
	}
	return instances, nil
}

// Machines calls visit for every instance that has a machine or an address, without its
// specification.
func (s *Store) Machines(ctx context.Context, visit func(*Instance)) error {
	rows, err := s.db.Read.NewSelect().Model((*Instance)(nil)).ExcludeColumn("spec").
		Where("vm_cid <> '' OR addresses <> '[]'").Rows(ctx)
	if err != nil {
		return fmt.Errorf("list machines: %w", err)
	}
	defer rows.Close() // Err tells
	for rows.Next() {
		instance := new(Instance)
		if err := s.db.Read.ScanRow(ctx, rows, instance); err != nil {
			return fmt.Errorf("read a machine: %w", err)
		}
		visit(instance)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("list machines: %w", err)
	}
	return nil
}

// Instance returns the instance with the id.
func (s *Store) Instance(ctx context.Context, id string) (*Instance, error) {
	instance := new(Instance)
	err := s.db.Read.NewSelect().Model(instance).Where("id = ?", id).Scan(ctx)
	return instance, one("instance "+id, err)
}

// InstanceByVM returns the instance whose machine has the cid.
func (s *Store) InstanceByVM(ctx context.Context, cid string) (*Instance, error) {
	instance := new(Instance)
	err := s.db.Read.NewSelect().Model(instance).Where("vm_cid = ?", cid).Where("vm_cid <> ''").Limit(1).Scan(ctx)
	return instance, one("machine "+cid, err)
}

// SaveInstance stores all of an instance, new or known.
func (s *Store) SaveInstance(ctx context.Context, instance *Instance) error {
	return s.SaveInstances(ctx, []*Instance{instance})
}

// SaveInstances stores all of several instances at once.
func (s *Store) SaveInstances(ctx context.Context, instances []*Instance) error {
	err := s.write(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, instance := range instances {
			if _, err := tx.NewInsert().Model(instance).Replace().Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store instances: %w", err)
	}
	return nil
}

// SetIgnored changes only whether an instance is ignored.
func (s *Store) SetIgnored(ctx context.Context, id string, ignored bool) error {
	_, err := s.db.Write.NewUpdate().Model((*Instance)(nil)).Set("ignored = ?", ignored).Where("id = ?", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("store instance %s: %w", id, err)
	}
	return nil
}

// DeleteInstance removes an instance. When it has a disk, that becomes an orphan at time now.
func (s *Store) DeleteInstance(ctx context.Context, instance *Instance, now int64) error {
	err := s.write(ctx, func(ctx context.Context, tx bun.Tx) error {
		if instance.DiskCID != "" {
			if err := orphan(ctx, tx, instance, now); err != nil {
				return err
			}
		}
		_, err := tx.NewDelete().Model(instance).WherePK().Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete instance %s: %w", instance.Slug(), err)
	}
	return nil
}

// OrphanDisk makes an instance's disk an orphan at time now, and stores the instance without it.
func (s *Store) OrphanDisk(ctx context.Context, instance *Instance, now int64) error {
	err := s.write(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := orphan(ctx, tx, instance, now); err != nil {
			return err
		}
		_, err := tx.NewUpdate().Model(instance).Set("disk_cid = ''").WherePK().Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("orphan disk %s: %w", instance.DiskCID, err)
	}
	return nil
}

func orphan(ctx context.Context, tx bun.Tx, instance *Instance, now int64) error {
	disk := OrphanDisk{
		CID: instance.DiskCID, Size: instance.DiskSize, AZ: instance.AZ, Deployment: instance.Deployment,
		Instance: instance.Slug(), OrphanedAt: now,
	}
	_, err := tx.NewInsert().Model(&disk).Replace().Exec(ctx)
	return err
}

// OrphanDisk is a persistent disk whose instance is gone.
type OrphanDisk struct {
	bun.BaseModel `bun:"table:orphan_disks"`

	CID        string `bun:",pk"`
	Size       int
	AZ         string
	Deployment string
	Instance   string
	OrphanedAt int64
}

// OrphanDisks lists orphaned disks, newest first.
func (s *Store) OrphanDisks(ctx context.Context) ([]OrphanDisk, error) {
	disks := []OrphanDisk{}
	if err := s.db.Read.NewSelect().Model(&disks).Order("orphaned_at DESC", "cid").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list orphaned disks: %w", err)
	}
	return disks, nil
}

// DeleteOrphanDisk removes an orphaned disk. One that is not there is no error.
func (s *Store) DeleteOrphanDisk(ctx context.Context, cid string) error {
	if _, err := s.db.Write.NewDelete().Model((*OrphanDisk)(nil)).Where("cid = ?", cid).Exec(ctx); err != nil {
		return fmt.Errorf("delete orphaned disk %s: %w", cid, err)
	}
	return nil
}

// Problem is something a cloud check found.
type Problem struct {
	bun.BaseModel `bun:"table:problems"`

	ID         int64 `bun:",pk,autoincrement"`
	Deployment string
	Type       string
	Instance   string
}

// ReplaceProblems stores what a scan of a deployment found in place of what earlier ones had.
func (s *Store) ReplaceProblems(ctx context.Context, deployment string, found []*Problem) error {
	err := s.write(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewDelete().Model((*Problem)(nil)).Where("deployment = ?", deployment).Exec(ctx); err != nil {
			return err
		}
		for _, p := range found {
			if _, err := tx.NewInsert().Model(p).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store problems of %s: %w", deployment, err)
	}
	return nil
}

// Problems lists what the last scan of a deployment found and nobody resolved.
func (s *Store) Problems(ctx context.Context, deployment string) ([]Problem, error) {
	problems := []Problem{}
	if err := s.db.Read.NewSelect().Model(&problems).Where("deployment = ?", deployment).Order("id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list problems of %s: %w", deployment, err)
	}
	return problems, nil
}

// DeleteProblem removes a resolved problem.
func (s *Store) DeleteProblem(ctx context.Context, id int64) error {
	if _, err := s.db.Write.NewDelete().Model((*Problem)(nil)).Where("id = ?", id).Exec(ctx); err != nil {
		return fmt.Errorf("delete problem %d: %w", id, err)
	}
	return nil
}
