package state

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// Config is one version of a named config (reference/director-api.md §13).
type Config struct {
	bun.BaseModel `bun:"table:configs"`

	ID      int64 `bun:",pk,autoincrement"`
	Type    string
	Name    string
	Content string
	Team    *string
	// CreatedAt is in Unix seconds.
	CreatedAt int64
	Deleted   bool
	// Current tells whether it is the newest version of its name.
	Current bool `bun:",scanonly"`
}

// ConfigFilter selects configs; empty fields select everything.
type ConfigFilter struct {
	Type, Name string
	// PerName is how many versions of each name to return; 0 means all.
	PerName int
}

const configsByAge = `(
	SELECT c.*, rank = 1 AS current FROM (
		SELECT *, row_number() OVER (PARTITION BY type, name ORDER BY id DESC) AS rank FROM configs WHERE NOT deleted
	) AS c
)`

// Configs lists configs that are not deleted: by type and name, newest version first.
func (s *Store) Configs(ctx context.Context, f ConfigFilter) ([]Config, error) {
	configs := []Config{}
	query := s.db.Read.NewSelect().Model(&configs).ModelTableExpr(configsByAge+" AS config").
		Column("id", "type", "name", "content", "team", "created_at", "deleted", "current").
		Order("type", "name", "id DESC")
	if f.Type != "" {
		query = query.Where("type = ?", f.Type)
	}
	if f.Name != "" {
		query = query.Where("name = ?", f.Name)
	}
	if f.PerName > 0 {
		query = query.Where("rank <= ?", f.PerName)
	}
	if err := query.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list configs: %w", err)
	}
	return configs, nil
}

// Config returns the version of a config that has the id, unless it is deleted.
func (s *Store) Config(ctx context.Context, id int64) (Config, error) {
	var config Config
	err := s.db.Read.NewSelect().Model(&config).ModelTableExpr(configsByAge+" AS config").
		Column("id", "type", "name", "content", "team", "created_at", "deleted", "current").
		Where("id = ?", id).Scan(ctx)
	return config, one(fmt.Sprintf("config %d", id), err)
}

// ConfigsByID returns the configs with the ids in that order, deleted ones too. Unknown ids are left
// out.
func (s *Store) ConfigsByID(ctx context.Context, ids []int64) ([]Config, error) {
	if len(ids) == 0 {
		return []Config{}, nil
	}
	configs := []Config{}
	err := s.db.Read.NewSelect().Model(&configs).Column("id", "type", "name", "content", "team", "created_at", "deleted").Where("id IN (?)", bun.List(ids)).Order("type", "name", "id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read configs: %w", err)
	}
	return configs, nil
}

// AddConfig stores a new version of a config, sets its id and time, and marks it current.
func (s *Store) AddConfig(ctx context.Context, config *Config) error {
	config.CreatedAt = time.Now().Unix()
	config.Current = true
	if _, err := s.db.Write.NewInsert().Model(config).Exec(ctx); err != nil {
		return fmt.Errorf("store config: %w", err)
	}
	return nil
}

// DeleteConfigs removes all versions of a name and tells whether there were any.
func (s *Store) DeleteConfigs(ctx context.Context, kind, name string) (bool, error) {
	return s.change(ctx, s.db.Write.NewUpdate().Model((*Config)(nil)).Set("deleted = TRUE").
		Where("type = ?", kind).Where("name = ?", name).Where("NOT deleted"))
}

// DeleteConfig removes one version and tells whether it was there.
func (s *Store) DeleteConfig(ctx context.Context, id int64) (bool, error) {
	return s.change(ctx, s.db.Write.NewUpdate().Model((*Config)(nil)).Set("deleted = TRUE").
		Where("id = ?", id).Where("NOT deleted"))
}
