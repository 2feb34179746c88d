package state

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"
)

// Deployment is one deployment. It exists from the first request on, before anything succeeded.
type Deployment struct {
	bun.BaseModel `bun:"table:deployments"`

	Name string `bun:",pk"`
	// Manifest is the text of the last successful deploy; nil before the first.
	Manifest *string
	Teams    []string
	// Releases and Stemcells are what the deployment uses, as name/version.
	Releases  []Version
	Stemcells []Version
	// CloudConfigs and RuntimeConfigs are the ids of the configs of the last deploy.
	CloudConfigs   []int64
	RuntimeConfigs []int64
	// Variables maps the absolute names of the variables of the newest deploy to their versions'
	// ids; AppliedVariables those of the last successful one.
	Variables        map[string]string
	AppliedVariables map[string]string
	// ErrandRuns maps errand and instance to the digest of the last successful run.
	ErrandRuns map[string]string
}

// Version names a release or a stemcell.
type Version struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Deployments lists all deployments by name, without their manifests and variables.
func (s *Store) Deployments(ctx context.Context) ([]Deployment, error) {
	deployments := []Deployment{}
	err := s.db.Read.NewSelect().Model(&deployments).
		Column("name", "teams", "releases", "stemcells", "cloud_configs", "runtime_configs").Order("name").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list deployments: %w", err)
	}
	return deployments, nil
}

// DeploymentVariables returns which deployments use the variable with the absolute name, by name.
func (s *Store) DeploymentVariables(ctx context.Context, name string) (map[string]string, error) {
	var deployments []Deployment
	err := s.db.Read.NewSelect().Model(&deployments).Column("name", "variables").
		Where("instr(variables, ?) > 0", name).Order("name").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list deployments of variable %s: %w", name, err)
	}
	used := map[string]string{}
	for _, d := range deployments {
		if id, ok := d.Variables[name]; ok {
			used[d.Name] = id
		}
	}
	return used, nil
}

// Deployment returns the deployment called name.
func (s *Store) Deployment(ctx context.Context, name string) (Deployment, error) {
	var d Deployment
	err := s.db.Read.NewSelect().Model(&d).Where("name = ?", name).Scan(ctx)
	return d, one("deployment "+name, err)
}

// EnsureDeployment stores an empty deployment when there is none of that name.
func (s *Store) EnsureDeployment(ctx context.Context, name string, teams []string) error {
	return s.ensure(ctx, []string{name}, teams)
}

// EnsureDeployments is EnsureDeployment for many that belong to no team.
func (s *Store) EnsureDeployments(ctx context.Context, names []string) error {
	return s.ensure(ctx, names, nil)
}

func (s *Store) ensure(ctx context.Context, names, teams []string) error {
	if teams == nil {
		teams = []string{}
	}
	err := s.write(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, name := range names {
			d := Deployment{
				Name: name, Teams: teams, Releases: []Version{}, Stemcells: []Version{}, CloudConfigs: []int64{}, RuntimeConfigs: []int64{},
				Variables: map[string]string{}, AppliedVariables: map[string]string{}, ErrandRuns: map[string]string{},
			}
			if _, err := tx.NewInsert().Model(&d).On("CONFLICT (name) DO NOTHING").Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store deployments: %w", err)
	}
	return nil
}

// SaveDeployment stores all of d.
func (s *Store) SaveDeployment(ctx context.Context, d Deployment) error {
	if _, err := s.db.Write.NewUpdate().Model(&d).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("store deployment %s: %w", d.Name, err)
	}
	return nil
}

// DeleteDeployment removes a deployment with its links and problems. Its instances must be gone.
func (s *Store) DeleteDeployment(ctx context.Context, name string) error {
	err := s.write(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, model := range []any{(*LinkConsumer)(nil), (*LinkProvider)(nil), (*Problem)(nil)} {
			if _, err := tx.NewDelete().Model(model).Where("deployment = ?", name).Exec(ctx); err != nil {
				return err
			}
		}
		_, err := tx.NewDelete().Model((*Deployment)(nil)).Where("name = ?", name).Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete deployment %s: %w", name, err)
	}
	return nil
}
