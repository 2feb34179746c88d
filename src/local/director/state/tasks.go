package state

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"
)

// States of a task (reference/director-api.md §5.2).
const (
	Queued     = "queued"
	Processing = "processing"
	Cancelling = "cancelling"
	Cancelled  = "cancelled"
	Done       = "done"
	Failed     = "error"
	Timeout    = "timeout"
)

// Kinds of task output.
const (
	EventOutput  = "event"
	ResultOutput = "result"
	DebugOutput  = "debug"
	CPIOutput    = "cpi"
)

// Task is one row of the task list. Times are Unix seconds.
type Task struct {
	bun.BaseModel `bun:"table:tasks"`

	ID          int64 `bun:",pk,autoincrement"`
	Type        string
	State       string
	Description string
	User        string
	Deployment  *string
	Teams       []string
	ContextID   string
	Result      *string
	EnqueuedAt  int64
	StartedAt   *int64
	EndedAt     *int64
	// Touched is the time that lists are ordered by: enqueued, then started, then ended.
	Touched int64
	// Payload is what the task needs to run, as JSON: a queued task survives a restart.
	Payload string
}

// Finished tells whether the task has come to its end.
func (t Task) Finished() bool {
	return slices.Contains([]string{Done, Failed, Cancelled, Timeout}, t.State)
}

// AddTask stores a new queued task and sets its ID.
func (s *Store) AddTask(ctx context.Context, t *Task) error {
	t.State = Queued
	t.EnqueuedAt = time.Now().Unix()
	t.Touched = t.EnqueuedAt
	if _, err := s.db.Write.NewInsert().Model(t).Exec(ctx); err != nil {
		return fmt.Errorf("store task: %w", err)
	}
	return nil
}

// Task returns the task with the id.
func (s *Store) Task(ctx context.Context, id int64) (Task, error) {
	var t Task
	err := s.db.Read.NewSelect().Model(&t).ExcludeColumn("payload").Where("id = ?", id).Scan(ctx)
	return t, one(fmt.Sprintf("task %d", id), err)
}

// TaskWithPayload returns the task with the id, its payload too.
func (s *Store) TaskWithPayload(ctx context.Context, id int64) (Task, error) {
	var t Task
	err := s.db.Read.NewSelect().Model(&t).Where("id = ?", id).Scan(ctx)
	return t, one(fmt.Sprintf("task %d", id), err)
}

// TaskFilter selects tasks; zero fields select everything.
type TaskFilter struct {
	States     []string
	Types      []string
	Deployment string
	ContextID  *string
	Limit      int
}

// Tasks lists tasks, the one touched last first.
func (s *Store) Tasks(ctx context.Context, f TaskFilter) ([]Task, error) {
	tasks := []Task{}
	query := s.db.Read.NewSelect().Model(&tasks).ExcludeColumn("payload").Order("touched DESC", "id DESC")
	if f.States != nil {
		query = query.Where("state IN (?)", bun.List(f.States))
	}
	if f.Types != nil {
		query = query.Where("type IN (?)", bun.List(f.Types))
	}
	if f.Deployment != "" {
		query = query.Where("deployment = ?", f.Deployment)
	}
	if f.ContextID != nil {
		query = query.Where("context_id = ?", *f.ContextID)
	}
	if f.Limit > 0 {
		query = query.Limit(int64(f.Limit))
	}
	if err := query.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list tasks: %w", err)
	}
	return tasks, nil
}

// StartTask moves a queued task to processing. It returns false when the task is not queued any more.
func (s *Store) StartTask(ctx context.Context, id int64) (bool, error) {
	now := time.Now().Unix()
	return s.change(ctx, s.db.Write.NewUpdate().Model((*Task)(nil)).
		Set("state = ?", Processing).Set("started_at = ?", now).Set("touched = ?", now).
		Where("id = ?", id).Where("state = ?", Queued))
}

// EndTask stores a task's last state and result.
func (s *Store) EndTask(ctx context.Context, id int64, state string, result *string) error {
	now := time.Now().Unix()
	_, err := s.change(ctx, s.db.Write.NewUpdate().Model((*Task)(nil)).
		Set("state = ?", state).Set("result = ?", result).Set("ended_at = ?", now).Set("touched = ?", now).
		Where("id = ?", id))
	return err
}

// CancelTask moves a queued or processing task to cancelling. It returns false when the task is in
// another state.
func (s *Store) CancelTask(ctx context.Context, id int64) (bool, error) {
	return s.change(ctx, s.db.Write.NewUpdate().Model((*Task)(nil)).Set("state = ?", Cancelling).
		Where("id = ?", id).Where("state IN (?)", bun.List([]string{Queued, Processing})))
}

// AbandonTasks ends the tasks that were running when the Director stopped the way a real one ends a
// task whose process was killed: state error, no result (reference/director-api.md §21.6). Tasks of
// the types in resume are not ended but wait once more, without what they had of a result. It
// returns the ids of the tasks that wait for a worker, oldest first.
func (s *Store) AbandonTasks(ctx context.Context, resume []string) (waiting []int64, err error) {
	now := time.Now().Unix()
	err = s.write(ctx, func(ctx context.Context, tx bun.Tx) error {
		interrupted := tx.NewSelect().Model((*Task)(nil)).Column("id").
			Where("state IN (?)", bun.List([]string{Processing, Cancelling})).Where("started_at IS NOT NULL")
		if len(resume) > 0 {
			again := interrupted.Clone().Where("type IN (?)", bun.List(resume))
			if _, err := tx.NewDelete().Model((*output)(nil)).Where("kind = ?", ResultOutput).Where("task_id IN (?)", again).Exec(ctx); err != nil {
				return err
			}
			if _, err := tx.NewUpdate().Model((*Task)(nil)).Where("id IN (?)", again).
				Set("state = CASE state WHEN ? THEN ? ELSE state END", Processing, Queued).Set("started_at = NULL").Exec(ctx); err != nil {
				return err
			}
		}
		_, err := tx.NewUpdate().Model((*Task)(nil)).Where("id IN (?)", interrupted).
			Set("state = ?", Failed).Set("ended_at = ?", now).Set("touched = ?", now).Exec(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take over tasks: %w", err)
	}
	err = s.db.Read.NewSelect().Model((*Task)(nil)).Column("id").
		Where("state IN (?)", bun.List([]string{Queued, Cancelling})).Order("id").Scan(ctx, &waiting)
	if err != nil {
		return nil, fmt.Errorf("list waiting tasks: %w", err)
	}
	return waiting, nil
}

// PruneTasks removes all but the newest finished tasks of each type, with their output.
func (s *Store) PruneTasks(ctx context.Context, keep int) error {
	old := s.db.Write.NewSelect().TableExpr(`(
		SELECT id, row_number() OVER (PARTITION BY type ORDER BY id DESC) AS rank FROM tasks
		WHERE state IN (?)
	)`, bun.List([]string{Done, Failed, Cancelled, Timeout})).Column("id").Where("rank > ?", keep)
	err := s.write(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewDelete().Model((*output)(nil)).Where("task_id IN (?)", old).Exec(ctx); err != nil {
			return err
		}
		_, err := tx.NewDelete().Model((*Task)(nil)).Where("id IN (?)", old).Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("remove old tasks: %w", err)
	}
	return nil
}

func (s *Store) change(ctx context.Context, query *bun.UpdateQuery) (bool, error) {
	result, err := query.Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("change task: %w", err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("change task: %w", err)
	}
	return n > 0, nil
}

// output is a piece of a task's output.
type output struct {
	bun.BaseModel `bun:"table:task_output"`

	TaskID int64 `bun:",pk"`
	Kind   string
	Pos    int64
	Text   string
}

// AppendOutput adds text to a task's output at pos, which must be its present length.
func (s *Store) AppendOutput(ctx context.Context, task int64, kind string, pos int64, text string) error {
	_, err := s.db.Write.NewInsert().Model(&output{TaskID: task, Kind: kind, Pos: pos, Text: text}).Exec(ctx)
	if err != nil {
		return fmt.Errorf("store output of task %d: %w", task, err)
	}
	return nil
}

// OutputSize returns the length of a task's output in bytes.
func (s *Store) OutputSize(ctx context.Context, task int64, kind string) (int64, error) {
	var size int64
	err := s.db.Read.NewSelect().Model((*output)(nil)).
		ColumnExpr("coalesce(max(pos + length(cast(text AS blob))), 0)").
		Where("task_id = ?", task).Where("kind = ?", kind).Scan(ctx, &size)
	if err != nil {
		return 0, fmt.Errorf("read output of task %d: %w", task, err)
	}
	return size, nil
}

// Output returns the bytes [from, to) of a task's output, as far as they exist.
func (s *Store) Output(ctx context.Context, task int64, kind string, from, to int64) ([]byte, error) {
	var pieces []output
	err := s.db.Read.NewSelect().Model(&pieces).Where("task_id = ?", task).Where("kind = ?", kind).
		Where("pos < ?", to).
		Where("pos >= coalesce((SELECT max(pos) FROM task_output WHERE task_id = ? AND kind = ? AND pos <= ?), 0)", task, kind, from).
		Order("pos").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read output of task %d: %w", task, err)
	}
	var text []byte
	for _, piece := range pieces {
		begin, end := max(from-piece.Pos, 0), min(to-piece.Pos, int64(len(piece.Text)))
		if begin < end {
			text = append(text, piece.Text[begin:end]...)
		}
	}
	return text, nil
}
