package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/uptrace/bun"

	"github.com/pks-community/pks-release/src/pks"
)

const (
	// listedMost bounds how many clusters are remembered.
	listedMost = 50_000
	// idsAtOnce keeps a statement well below SQLite's longest.
	idsAtOnce = 500
)

// listed remembers clusters as they were last listed, so that a long list costs
// reading again what has changed since and not everything. Whatever process makes
// a change, it counts up the cluster's revision.
type listed struct {
	turn chan struct{} // held by who reads what is missing

	mu       sync.Mutex
	clusters map[string]*pks.Cluster // by id
}

func newListed() *listed {
	return &listed{turn: make(chan struct{}, 1), clusters: map[string]*pks.Cluster{}}
}

func (l *listed) takeTurn(ctx context.Context) (end func(), err error) {
	select {
	case l.turn <- struct{}{}:
		return func() { <-l.turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (l *listed) remember(clusters []*pks.Cluster) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.clusters)+len(clusters) > listedMost {
		l.clusters = make(map[string]*pks.Cluster, len(clusters))
	}
	for _, c := range clusters {
		l.clusters[c.ID] = c
	}
}

// head is what tells whether a remembered cluster is still as it was.
type head struct {
	id       string
	revision int64
}

// recall returns the clusters in the order of the heads, and the places and ids
// of those that are not known as they are now.
func (l *listed) recall(heads []head) (clusters []*pks.Cluster, missing map[string]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	clusters, missing = make([]*pks.Cluster, len(heads)), map[string]int{}
	for i, h := range heads {
		c := l.clusters[h.id]
		if c == nil || c.Revision != h.revision {
			missing[h.id] = i
			continue
		}
		clusters[i] = c
	}
	return clusters, missing
}

// listHeads runs the query for ids and revisions alone.
func (s *SQL) listHeads(ctx context.Context, query *bun.SelectQuery) (heads []head, err error) {
	rows, err := query.Model((*clusterRow)(nil)).Column("id", "revision").Rows(ctx)
	if err != nil {
		return nil, fmt.Errorf("list clusters: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var h head
		if err := rows.Scan(&h.id, &h.revision); err != nil {
			return nil, fmt.Errorf("list clusters: %w", err)
		}
		heads = append(heads, h)
	}
	return heads, rows.Err()
}

// listWhole runs the query for everything.
func (s *SQL) listWhole(ctx context.Context, query *bun.SelectQuery) ([]*pks.Cluster, error) {
	var rows []clusterRow
	if err := query.Model(&rows).Scan(ctx); err != nil {
		return nil, fmt.Errorf("list clusters: %w", err)
	}
	clusters := make([]*pks.Cluster, len(rows))
	for i := range rows {
		c, err := rows[i].cluster()
		if err != nil {
			return nil, err
		}
		clusters[i] = &c
	}
	return clusters, nil
}

// listRemembered answers a list from memory and reads what has changed.
func (s *SQL) listRemembered(ctx context.Context, filter ClusterFilter) ([]*pks.Cluster, error) {
	heads, err := s.listHeads(ctx, s.clustersWhere(filter))
	if err != nil {
		return nil, err
	}
	clusters, missing := s.listed.recall(heads)
	if len(missing) == 0 {
		return clusters, nil
	}
	// Many who list at once after a start would all read the same.
	endTurn, err := s.listed.takeTurn(ctx)
	if err != nil {
		return nil, fmt.Errorf("list clusters: %w", err)
	}
	defer endTurn()
	clusters, missing = s.listed.recall(heads)
	if len(missing) > len(heads)/4 {
		all, err := s.listWhole(ctx, s.clustersWhere(filter))
		s.listed.remember(all)
		return all, err
	}
	return s.listChanged(ctx, clusters, missing)
}

// listChanged reads the missing clusters into their places.
func (s *SQL) listChanged(ctx context.Context, clusters []*pks.Cluster, missing map[string]int) ([]*pks.Cluster, error) {
	for chunk := range slices.Chunk(slices.Collect(maps.Keys(missing)), idsAtOnce) {
		changed, err := s.listWhole(ctx, s.read.NewSelect().Where("id IN (?)", bun.List(chunk)))
		if err != nil {
			return nil, err
		}
		s.listed.remember(changed)
		for _, c := range changed {
			clusters[missing[c.ID]] = c
		}
	}
	// Some may have gone away between the two queries.
	return slices.DeleteFunc(clusters, func(c *pks.Cluster) bool { return c == nil }), nil
}
