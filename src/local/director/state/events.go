package state

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"
)

// Event is one audit event (reference/director-api.md §18). Empty texts are absent on the wire.
type Event struct {
	bun.BaseModel `bun:"table:events"`

	ID         int64 `bun:",pk,autoincrement"`
	ParentID   *int64
	Timestamp  int64
	User       string
	Action     string
	ObjectType string
	ObjectName string
	Error      string
	Task       string
	Deployment string
	Instance   string
	Context    map[string]any
}

// eventPage is the most events one answer holds.
const eventPage = 200

// EventFilter selects events; zero fields select everything. Times are Unix seconds.
type EventFilter struct {
	BeforeID              int64
	BeforeTime, AfterTime *int64
	// Equal maps column names to values.
	Equal map[string]string
}

// AddEvent stores an event and sets its id.
func (s *Store) AddEvent(ctx context.Context, event *Event) error {
	if event.Context == nil {
		event.Context = map[string]any{}
	}
	if _, err := s.db.Write.NewInsert().Model(event).Exec(ctx); err != nil {
		return fmt.Errorf("store audit event: %w", err)
	}
	return nil
}

// PruneEvents removes all but the newest events.
func (s *Store) PruneEvents(ctx context.Context, keep int) error {
	_, err := s.db.Write.NewDelete().Model((*Event)(nil)).Where("id <= (SELECT max(id) FROM events) - ?", keep).Exec(ctx)
	if err != nil {
		return fmt.Errorf("remove old audit events: %w", err)
	}
	return nil
}

// Event returns the event with the id.
func (s *Store) Event(ctx context.Context, id int64) (Event, error) {
	var event Event
	err := s.db.Read.NewSelect().Model(&event).Where("id = ?", id).Scan(ctx)
	return event, one(fmt.Sprintf("event %d", id), err)
}

// Events lists events, newest first, at most one page.
func (s *Store) Events(ctx context.Context, f EventFilter) ([]Event, error) {
	events := []Event{}
	query := s.db.Read.NewSelect().Model(&events).Order("id DESC").Limit(eventPage)
	if f.BeforeID > 0 {
		query = query.Where("id < ?", f.BeforeID)
	}
	if f.BeforeTime != nil {
		query = query.Where("timestamp < ?", *f.BeforeTime)
	}
	if f.AfterTime != nil {
		query = query.Where("timestamp > ?", *f.AfterTime)
	}
	for column, value := range f.Equal {
		query = query.Where("? = ?", bun.Ident(column), value)
	}
	if err := query.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list audit events: %w", err)
	}
	return events, nil
}
