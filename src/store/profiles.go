package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/pks-community/pks-release/src/pks"
)

// ProfileReader answers questions about profiles.
type ProfileReader interface {
	// Profile finds a profile by its kind and name; profile_not_found if there is
	// none.
	Profile(ctx context.Context, kind pks.ProfileKind, name string) (pks.NamedProfile, error)
	// Profiles lists the profiles of a kind by name; owner, unless nil, keeps those
	// of one identity.
	Profiles(ctx context.Context, kind pks.ProfileKind, owner *pks.Principal) ([]pks.NamedProfile, error)
}

// ProfileTx is the part of a transaction that is about profiles.
type ProfileTx interface {
	// InsertProfile adds a profile; name_taken if its kind has one of the name.
	InsertProfile(ctx context.Context, p pks.NamedProfile) error
	// HoldProfile reads a profile and keeps it from being deleted until the
	// transaction ends; profile_not_found if there is none.
	HoldProfile(ctx context.Context, kind pks.ProfileKind, name string) (pks.NamedProfile, error)
	// DeleteProfile removes the profile of p's id, kind and name; in_use, with the
	// names of the clusters that have it, as long as there are any,
	// profile_not_found if there is none.
	DeleteProfile(ctx context.Context, p pks.NamedProfile) error
}

type profileRow struct {
	bun.BaseModel `bun:"table:profiles"`

	ID          string `bun:"id,pk"`
	Kind        string `bun:"kind"`
	Name        string `bun:"name"`
	Description string `bun:"description"`
	OwnerKind   string `bun:"owner_kind"`
	OwnerOrigin string `bun:"owner_origin"`
	OwnerID     string `bun:"owner_id"`
	OwnerName   string `bun:"owner_name"`
	Parameters  string `bun:"parameters"`
	CreatedAt   int64  `bun:"created_at"`
}

func (r profileRow) profile() pks.NamedProfile {
	return pks.NamedProfile{
		ID: r.ID, Kind: pks.ProfileKind(r.Kind), Name: r.Name, Description: r.Description,
		Owner:      pks.Principal{Kind: pks.PrincipalKind(r.OwnerKind), Origin: r.OwnerOrigin, ID: r.OwnerID, Name: r.OwnerName},
		Parameters: json.RawMessage(r.Parameters), CreatedAt: instant(r.CreatedAt),
	}
}

// Profile finds a profile by its kind and name.
func (s *SQL) Profile(ctx context.Context, kind pks.ProfileKind, name string) (pks.NamedProfile, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return profileWhere(ctx, s.read.NewSelect(), kind, name)
}

func profileWhere(ctx context.Context, query *bun.SelectQuery, kind pks.ProfileKind, name string) (pks.NamedProfile, error) {
	var row profileRow
	err := query.Model(&row).Where("kind = ? AND name = ?", string(kind), name).Scan(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return pks.NamedProfile{}, profileNotFound(kind, name)
	case err != nil:
		return pks.NamedProfile{}, asFailure(fmt.Errorf("read profile: %w", err))
	default:
		return row.profile(), nil
	}
}

func profileNotFound(kind pks.ProfileKind, name string) *pks.Failure {
	noun := kind.Noun()
	return pks.Failf(pks.CodeProfileNotFound, "%s %s not found.", strings.ToUpper(noun[:1])+noun[1:], pks.Shorten(name)).
		WithRemedy("List those that you can see with 'pks %s-profiles'.", kind)
}

// Profiles lists the profiles of a kind by name.
func (s *SQL) Profiles(ctx context.Context, kind pks.ProfileKind, owner *pks.Principal) ([]pks.NamedProfile, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var rows []profileRow
	query := s.read.NewSelect().Model(&rows).Where("kind = ?", string(kind)).Order("name")
	if owner != nil {
		query.Where("owner_id = ? AND owner_origin = ? AND owner_kind = ?", owner.ID, owner.Origin, string(owner.Kind))
	}
	if err := query.Scan(ctx); err != nil {
		return nil, asFailure(fmt.Errorf("list profiles: %w", err))
	}
	profiles := make([]pks.NamedProfile, len(rows))
	for i, r := range rows {
		profiles[i] = r.profile()
	}
	return profiles, nil
}

func (t *transaction) InsertProfile(ctx context.Context, p pks.NamedProfile) error {
	_, err := t.NewInsert().Model(&profileRow{
		ID: p.ID, Kind: string(p.Kind), Name: p.Name, Description: p.Description,
		OwnerKind: string(p.Owner.Kind), OwnerOrigin: p.Owner.Origin, OwnerID: p.Owner.ID, OwnerName: p.Owner.Name,
		Parameters: string(p.Parameters), CreatedAt: micros(p.CreatedAt),
	}).Exec(ctx)
	if violated(err) == "profiles_name" {
		return pks.Failf(pks.CodeNameTaken, "A %s named %s already exists.", p.Kind.Noun(), p.Name).
			WithRemedy("Choose another name: profiles do not change once they are made.")
	}
	if err != nil {
		return fmt.Errorf("insert profile %s: %w", p.Name, err)
	}
	return nil
}

func (t *transaction) HoldProfile(ctx context.Context, kind pks.ProfileKind, name string) (pks.NamedProfile, error) {
	query := t.NewSelect()
	if t.store.dialect == Postgres {
		query = query.For("SHARE") // many clusters may take up one profile at a time
	}
	return profileWhere(ctx, query, kind, name)
}

// clustersNamed is how many clusters a refusal names.
const clustersNamed = 10

func (t *transaction) DeleteProfile(ctx context.Context, p pks.NamedProfile) error {
	// Whoever gives a cluster the profile holds it: after this they see that it is
	// gone, or their cluster is seen here.
	present, err := profileWhere(ctx, t.locked(t.NewSelect()), p.Kind, p.Name)
	if err != nil {
		return err
	}
	if present.ID != p.ID {
		return profileNotFound(p.Kind, p.Name) // another was made under the name
	}
	var users []string
	query := t.NewSelect().Model((*clusterRow)(nil)).Column("name").Order("name")
	count, err := whereProfile(query, p.Kind, p.Name).Limit(clustersNamed).ScanAndCount(ctx, &users)
	if err != nil {
		return fmt.Errorf("look for clusters with profile %s: %w", p.Name, err)
	}
	if count > 0 {
		more := ""
		if rest := count - int64(len(users)); rest > 0 {
			more = fmt.Sprintf(" and %d more", rest)
		}
		return pks.Failf(pks.CodeInUse, "The %s %s is in use by %s%s.", p.Kind.Noun(), p.Name, strings.Join(users, ", "), more).
			WithRemedy("Give these clusters another profile, or delete them, first.")
	}
	result, err := t.NewDelete().Model((*profileRow)(nil)).Where("id = ?", p.ID).Exec(ctx)
	return oneRow(result, err, "delete profile "+p.Name)
}

func whereProfile(query *bun.SelectQuery, kind pks.ProfileKind, name string) *bun.SelectQuery {
	switch kind {
	case pks.NetworkProfiles:
		return query.Where("network_profile = ? AND network_profile <> ''", name)
	case pks.ComputeProfiles:
		return query.Where("compute_profile = ? AND compute_profile <> ''", name)
	default:
		return query.Where("kubernetes_profile = ? AND kubernetes_profile <> ''", name)
	}
}
