package state

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// LinkProvider is a link that a job of a deployment offers (reference/director-api.md §15).
type LinkProvider struct {
	bun.BaseModel `bun:"table:link_providers"`

	ID         int64 `bun:",pk,autoincrement"`
	Deployment string
	Group      string
	Job        string
	// Name is what the manifest calls it, Link what the release does.
	Name   string
	Link   string
	Type   string
	Shared bool
	// Networks are those of the group; the first is the one links use by default.
	Networks []string
	// Content is what a consumer in another deployment is given, as JSON with variables unresolved.
	Content string
}

// LinkConsumer is a job or an outsider that takes a link.
type LinkConsumer struct {
	bun.BaseModel `bun:"table:link_consumers"`

	ID         int64 `bun:",pk,autoincrement"`
	Deployment string
	Group      string
	Owner      string
	// OwnerType is job, variable or external.
	OwnerType string
	Name      string
	Link      string
	Type      string
	Optional  bool
}

// Link joins a consumer and a provider.
type Link struct {
	bun.BaseModel `bun:"table:links"`

	ID         int64 `bun:",pk,autoincrement"`
	Name       string
	ConsumerID int64
	ProviderID *int64
	Network    string
	CreatedAt  int64
}

// ResolvedLink is a consumer of a deployment's job with the provider it got, if any.
type ResolvedLink struct {
	Consumer LinkConsumer
	// Provider names the provider: its deployment, group, job and link.
	Provider *LinkProvider
	Network  string
}

// ReplaceLinks stores what a deploy resolved: providers and consumers that stay keep their ids, those
// that are gone are removed with their links. External consumers of providers that stay, stay.
func (s *Store) ReplaceLinks(ctx context.Context, deployment string, providers []*LinkProvider, links []ResolvedLink) error {
	err := s.write(ctx, func(ctx context.Context, tx bun.Tx) error {
		keep := []int64{0}
		for _, p := range providers {
			_, err := tx.NewInsert().Model(p).On(`CONFLICT (deployment, "group", job, link) DO UPDATE`).
				Set("name = EXCLUDED.name, type = EXCLUDED.type, shared = EXCLUDED.shared, networks = EXCLUDED.networks, content = EXCLUDED.content").
				Returning("id").Exec(ctx)
			if err != nil {
				return err
			}
			keep = append(keep, p.ID)
		}
		if _, err := tx.NewDelete().Model((*LinkProvider)(nil)).Where("deployment = ?", deployment).
			Where("id NOT IN (?)", bun.List(keep)).Exec(ctx); err != nil {
			return err
		}
		return replaceConsumers(ctx, tx, deployment, links)
	})
	if err != nil {
		return fmt.Errorf("store links of %s: %w", deployment, err)
	}
	return nil
}

func replaceConsumers(ctx context.Context, tx bun.Tx, deployment string, links []ResolvedLink) error {
	keep := []int64{0}
	for i := range links {
		l := &links[i]
		_, err := tx.NewInsert().Model(&l.Consumer).On(`CONFLICT (deployment, "group", owner, owner_type, link) DO UPDATE`).
			Set("name = EXCLUDED.name, type = EXCLUDED.type, optional = EXCLUDED.optional").Returning("id").Exec(ctx)
		if err != nil {
			return err
		}
		keep = append(keep, l.Consumer.ID)
		if err := join(ctx, tx, l); err != nil {
			return err
		}
	}
	_, err := tx.NewDelete().Model((*LinkConsumer)(nil)).Where("deployment = ?", deployment).
		Where("owner_type = 'job'").Where("id NOT IN (?)", bun.List(keep)).Exec(ctx)
	return err
}

// join gives a consumer its one link, keeping the one that is there when it is the same.
func join(ctx context.Context, tx bun.Tx, l *ResolvedLink) error {
	if l.Provider == nil {
		_, err := tx.NewDelete().Model((*Link)(nil)).Where("consumer_id = ?", l.Consumer.ID).Exec(ctx)
		return err
	}
	var provider int64
	err := tx.NewSelect().Model((*LinkProvider)(nil)).Column("id").
		Where("deployment = ?", l.Provider.Deployment).Where(`"group" = ?`, l.Provider.Group).
		Where("job = ?", l.Provider.Job).Where("link = ?", l.Provider.Link).Scan(ctx, &provider)
	if err != nil {
		return err
	}
	same, err := tx.NewSelect().Model((*Link)(nil)).Where("consumer_id = ?", l.Consumer.ID).
		Where("provider_id = ?", provider).Where("network = ?", l.Network).Exists(ctx)
	if err != nil || same {
		return err
	}
	if _, err := tx.NewDelete().Model((*Link)(nil)).Where("consumer_id = ?", l.Consumer.ID).Exec(ctx); err != nil {
		return err
	}
	link := Link{Name: l.Consumer.Link, ConsumerID: l.Consumer.ID, ProviderID: &provider, Network: l.Network, CreatedAt: time.Now().Unix()}
	_, err = tx.NewInsert().Model(&link).Exec(ctx)
	return err
}

// LinkProviders lists the providers of a deployment by id; of all deployments when it is empty.
func (s *Store) LinkProviders(ctx context.Context, deployment string) ([]LinkProvider, error) {
	providers := []LinkProvider{}
	query := s.db.Read.NewSelect().Model(&providers).Order("id")
	if deployment != "" {
		query = query.Where("deployment = ?", deployment)
	}
	if err := query.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list link providers: %w", err)
	}
	return providers, nil
}

// LinkProvider returns the provider with the id.
func (s *Store) LinkProvider(ctx context.Context, id int64) (LinkProvider, error) {
	var p LinkProvider
	err := s.db.Read.NewSelect().Model(&p).Where("id = ?", id).Scan(ctx)
	return p, one(fmt.Sprintf("link provider %d", id), err)
}

// LinkConsumers lists the consumers of a deployment by id.
func (s *Store) LinkConsumers(ctx context.Context, deployment string) ([]LinkConsumer, error) {
	consumers := []LinkConsumer{}
	if err := s.db.Read.NewSelect().Model(&consumers).Where("deployment = ?", deployment).Order("id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list link consumers: %w", err)
	}
	return consumers, nil
}

// LinkConsumer returns the consumer with the id.
func (s *Store) LinkConsumer(ctx context.Context, id int64) (LinkConsumer, error) {
	var c LinkConsumer
	err := s.db.Read.NewSelect().Model(&c).Where("id = ?", id).Scan(ctx)
	return c, one(fmt.Sprintf("link consumer %d", id), err)
}

// Links lists the links of a deployment's consumers by id.
func (s *Store) Links(ctx context.Context, deployment string) ([]Link, error) {
	links := []Link{}
	err := s.db.Read.NewSelect().Model(&links).
		Where("consumer_id IN (SELECT id FROM link_consumers WHERE deployment = ?)", deployment).Order("id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	return links, nil
}

// Link returns the link with the id.
func (s *Store) Link(ctx context.Context, id int64) (Link, error) {
	var l Link
	err := s.db.Read.NewSelect().Model(&l).Where("id = ?", id).Scan(ctx)
	return l, one(fmt.Sprintf("link %d", id), err)
}

// AddExternalLink joins an outsider called owner with a provider, and returns the link that is
// there when this was done before.
func (s *Store) AddExternalLink(ctx context.Context, p LinkProvider, owner, network string) (Link, error) {
	consumer := LinkConsumer{Deployment: p.Deployment, Owner: owner, OwnerType: "external", Name: p.Name, Link: p.Link, Type: p.Type}
	var link Link
	err := s.write(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(&consumer).On(`CONFLICT (deployment, "group", owner, owner_type, link) DO UPDATE`).
			Set("name = EXCLUDED.name").Returning("id").Exec(ctx)
		if err != nil {
			return err
		}
		l := ResolvedLink{Consumer: consumer, Provider: &p, Network: network}
		if err := join(ctx, tx, &l); err != nil {
			return err
		}
		return tx.NewSelect().Model(&link).Where("consumer_id = ?", consumer.ID).Scan(ctx)
	})
	if err != nil {
		return Link{}, fmt.Errorf("store link: %w", err)
	}
	return link, nil
}

// DeleteExternalLink removes an outsider's link and the outsider.
func (s *Store) DeleteExternalLink(ctx context.Context, link Link) error {
	if _, err := s.db.Write.NewDelete().Model((*LinkConsumer)(nil)).Where("id = ?", link.ConsumerID).Exec(ctx); err != nil {
		return fmt.Errorf("delete link %d: %w", link.ID, err)
	}
	return nil
}
