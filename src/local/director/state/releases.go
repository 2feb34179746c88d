package state

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/pks-community/pks-release/src/local/director/catalog"
)

// release is how a release lies in the database.
type release struct {
	bun.BaseModel `bun:"table:releases"`

	ID      int64 `bun:",pk,autoincrement"`
	Name    string
	Version string
	Content catalog.Release
}

// Releases lists releases by name and in the order of their arrival.
func (s *Store) Releases(ctx context.Context) ([]catalog.Release, error) {
	var rows []release
	if err := s.db.Read.NewSelect().Model(&rows).Order("name", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list releases: %w", err)
	}
	releases := make([]catalog.Release, len(rows))
	for i, row := range rows {
		releases[i] = row.Content
	}
	return releases, nil
}

// Release returns one version of a release.
func (s *Store) Release(ctx context.Context, name, version string) (catalog.Release, error) {
	var row release
	err := s.db.Read.NewSelect().Model(&row).Where("name = ?", name).Where("version = ?", version).Scan(ctx)
	return row.Content, one("release "+name+"/"+version, err)
}

// SaveRelease stores a release, in place of the one of the same name and version if there is one.
func (s *Store) SaveRelease(ctx context.Context, r catalog.Release) error {
	_, err := s.db.Write.NewInsert().Model(&release{Name: r.Name, Version: r.Version, Content: r}).
		On("CONFLICT (name, version) DO UPDATE").Set("content = EXCLUDED.content").Exec(ctx)
	if err != nil {
		return fmt.Errorf("store release %s: %w", r.ID(), err)
	}
	return nil
}

// DeleteRelease removes one version of a release, or all when version is empty.
func (s *Store) DeleteRelease(ctx context.Context, name, version string) error {
	query := s.db.Write.NewDelete().Model((*release)(nil)).Where("name = ?", name)
	if version != "" {
		query = query.Where("version = ?", version)
	}
	if _, err := query.Exec(ctx); err != nil {
		return fmt.Errorf("delete release %s: %w", name, err)
	}
	return nil
}

// Stemcell is a stemcell with the number the Director knows it by.
type Stemcell struct {
	bun.BaseModel `bun:"table:stemcells"`

	ID      int64 `bun:",pk,autoincrement"`
	Name    string
	OS      string
	Version string
	CID     string
}

// Stemcells lists stemcells by name and in the order of their arrival.
func (s *Store) Stemcells(ctx context.Context) ([]Stemcell, error) {
	stemcells := []Stemcell{}
	if err := s.db.Read.NewSelect().Model(&stemcells).Order("name", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list stemcells: %w", err)
	}
	return stemcells, nil
}

// AddStemcell stores a stemcell unless there is one of its name and version, and tells whether it
// did.
func (s *Store) AddStemcell(ctx context.Context, stemcell catalog.Stemcell) (bool, error) {
	row := Stemcell{Name: stemcell.Name, OS: stemcell.OS, Version: stemcell.Version, CID: stemcell.CID}
	if row.CID == "" {
		row.CID = uuid.NewString()
	}
	result, err := s.db.Write.NewInsert().Model(&row).On("CONFLICT (name, version) DO NOTHING").Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("store stemcell %s: %w", stemcell.ID(), err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("store stemcell %s: %w", stemcell.ID(), err)
	}
	return n > 0, nil
}

// DeleteStemcell removes a stemcell.
func (s *Store) DeleteStemcell(ctx context.Context, id int64) error {
	if _, err := s.db.Write.NewDelete().Model((*Stemcell)(nil)).Where("id = ?", id).Exec(ctx); err != nil {
		return fmt.Errorf("delete stemcell: %w", err)
	}
	return nil
}

// blob is a file that the Director hands out.
type blob struct {
	bun.BaseModel `bun:"table:blobs"`

	ID        string `bun:",pk"`
	Content   []byte
	CreatedAt int64
}

// AddBlob stores a file and returns its id. Files older than before (Unix seconds) are removed.
func (s *Store) AddBlob(ctx context.Context, content []byte, now, before int64) (string, error) {
	b := blob{ID: uuid.NewString(), Content: content, CreatedAt: now}
	err := s.write(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewDelete().Model((*blob)(nil)).Where("created_at < ?", before).Exec(ctx); err != nil {
			return err
		}
		_, err := tx.NewInsert().Model(&b).Exec(ctx)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("store blob: %w", err)
	}
	return b.ID, nil
}

// Blob returns the file with the id.
func (s *Store) Blob(ctx context.Context, id string) ([]byte, error) {
	var b blob
	err := s.db.Read.NewSelect().Model(&b).Where("id = ?", id).Scan(ctx)
	return b.Content, one("blob "+id, err)
}
