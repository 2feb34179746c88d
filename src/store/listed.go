package store

import (
	"context"
	"errors"
	"fmt"
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
	mu       sync.Mutex
	clusters map[string]pks.Cluster // by id
}

func (l *listed) remember(clusters []pks.Cluster) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.clusters == nil || len(l.clusters)+len(clusters) > listedMost {
		l.clusters = make(map[string]pks.Cluster, len(clusters))
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
func (l *listed) recall(heads []head) (clusters []pks.Cluster, missing map[string]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	clusters, missing = make([]pks.Cluster, len(heads)), map[string]int{}
	for i, h := range heads {
		c, ok := l.clusters[h.id]
		if !ok || c.Revision != h.revision {
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
func (s *SQL) listWhole(ctx context.Context, query *bun.SelectQuery) ([]pks.Cluster, error) {
	var rows []clusterRow
	if err := query.Model(&rows).Scan(ctx); err != nil {
		return nil, fmt.Errorf("list clusters: %w", err)
	}
	clusters := make([]pks.Cluster, len(rows))
	for i := range rows {
		var err error
		if clusters[i], err = rows[i].cluster(); err != nil {
			return nil, err
		}
	}
	return clusters, nil
}

// listChanged answers a list from memory and reads what has changed. Should that
// be much, it is no answer: nil.
func (s *SQL) listChanged(ctx context.Context, heads []head) ([]pks.Cluster, error) {
	clusters, missing := s.listed.recall(heads)
	if len(missing) > len(heads)/4 {
		return nil, nil
	}
	ids := make([]string, 0, len(missing))
	for id := range missing {
		ids = append(ids, id)
	}
	for chunk := range slices.Chunk(ids, idsAtOnce) {
		changed, err := s.listWhole(ctx, s.read.NewSelect().Where("id IN (?)", bun.List(chunk)))
		if err != nil {
			return nil, err
		}
		s.listed.remember(changed)
		for _, c := range changed {
			clusters[missing[c.ID]] = c
			delete(missing, c.ID)
		}
	}
	if len(missing) == 0 {
		return clusters, nil
	}
	// Some went away between the two queries.
	return slices.DeleteFunc(clusters, func(c pks.Cluster) bool { return c.ID == "" }), nil
}
