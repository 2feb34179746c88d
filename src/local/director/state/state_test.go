package state_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/director/state"
)

func open(t *testing.T) *state.Store {
	t.Helper()
	store, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "director.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func add(t *testing.T, s *state.Store, kind string) int64 {
	t.Helper()
	task := state.Task{Type: kind, Description: kind, User: "u", Teams: []string{}, Payload: "{}"}
	if err := s.AddTask(t.Context(), &task); err != nil {
		t.Fatal(err)
	}
	return task.ID
}

func TestAnyPieceOfAnOutputCanBeRead(t *testing.T) {
	t.Parallel()
	s := open(t)
	whole := ""
	for _, piece := range []string{"erste Zeile ü\n", "x", "", "zweite\n"} {
		if piece == "" {
			continue
		}
		if err := s.AppendOutput(t.Context(), 1, state.EventOutput, int64(len(whole)), piece); err != nil {
			t.Fatal(err)
		}
		whole += piece
	}
	if size, err := s.OutputSize(t.Context(), 1, state.EventOutput); err != nil || size != int64(len(whole)) {
		t.Errorf("size is %d, %v", size, err)
	}
	for from := range len(whole) + 1 {
		for to := from; to <= len(whole)+1; to++ {
			got, err := s.Output(t.Context(), 1, state.EventOutput, int64(from), int64(to))
			if want := whole[from:min(to, len(whole))]; err != nil || string(got) != want {
				t.Fatalf("%d-%d is %q, want %q: %v", from, to, got, want, err)
			}
		}
	}
	if size, err := s.OutputSize(t.Context(), 1, state.ResultOutput); err != nil || size != 0 {
		t.Errorf("size of nothing is %d, %v", size, err)
	}
}

func TestOldFinishedTasksAreRemovedWithTheirOutput(t *testing.T) {
	t.Parallel()
	s := open(t)
	var ids []int64
	for range 4 {
		id := add(t, s, "a")
		if err := s.AppendOutput(t.Context(), id, state.EventOutput, 0, "x"); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	for _, id := range ids[1:] {
		if err := s.EndTask(t.Context(), id, state.Done, nil); err != nil {
			t.Fatal(err)
		}
	}
	other := add(t, s, "b")
	if err := s.PruneTasks(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for _, id := range append(ids, other) {
		_, err := s.Task(t.Context(), id)
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			t.Fatal(err)
		}
		size, sizeErr := s.OutputSize(t.Context(), id, state.EventOutput)
		if sizeErr != nil {
			t.Fatal(sizeErr)
		}
		left[fmt.Sprint(id)] = err == nil
		if err != nil && size != 0 {
			t.Errorf("output of task %d is left", id)
		}
	}
	want := map[string]bool{"1": true, "2": false, "3": false, "4": true, "5": true}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Error(diff)
	}
	if next := add(t, s, "a"); next != 6 {
		t.Errorf("the next task has id %d", next)
	}
}

func TestOnlyWaitingTasksAreLeftAfterAStop(t *testing.T) {
	t.Parallel()
	s := open(t)
	queued, running, cancelled := add(t, s, "a"), add(t, s, "a"), add(t, s, "a")
	if ok, err := s.StartTask(t.Context(), running); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if ok, err := s.StartTask(t.Context(), running); err != nil || ok {
		t.Errorf("a running task started again: %v", err)
	}
	if ok, err := s.CancelTask(t.Context(), cancelled); err != nil || !ok {
		t.Fatal(ok, err)
	}
	waiting, err := s.AbandonTasks(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{queued, cancelled}, waiting); diff != "" {
		t.Error(diff)
	}
	if found, err := s.Task(t.Context(), running); err != nil || found.State != state.Failed || found.Result != nil {
		t.Errorf("the running task is %+v, %v", found, err)
	}
	if ok, err := s.CancelTask(t.Context(), running); err != nil || ok {
		t.Errorf("an ended task was cancelled: %v", err)
	}
}

func TestTasksOfResumableTypesWaitAgainAfterAStop(t *testing.T) {
	t.Parallel()
	s := open(t)
	queued, running, cancelled, other := add(t, s, "a"), add(t, s, "a"), add(t, s, "a"), add(t, s, "b")
	for _, id := range []int64{running, cancelled, other} {
		if ok, err := s.StartTask(t.Context(), id); err != nil || !ok {
			t.Fatal(ok, err)
		}
		for _, kind := range []string{state.EventOutput, state.ResultOutput} {
			if err := s.AppendOutput(t.Context(), id, kind, 0, "text"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if ok, err := s.CancelTask(t.Context(), cancelled); err != nil || !ok {
		t.Fatal(ok, err)
	}
	waiting, err := s.AbandonTasks(t.Context(), []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{queued, running, cancelled}, waiting); diff != "" {
		t.Error(diff)
	}
	type left struct {
		State         string
		Started       bool
		Event, Result int64
	}
	got := map[int64]left{}
	for _, id := range []int64{queued, running, cancelled, other} {
		found, err := s.Task(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		l := left{State: found.State, Started: found.StartedAt != nil}
		if l.Event, err = s.OutputSize(t.Context(), id, state.EventOutput); err != nil {
			t.Fatal(err)
		}
		if l.Result, err = s.OutputSize(t.Context(), id, state.ResultOutput); err != nil {
			t.Fatal(err)
		}
		got[id] = l
	}
	want := map[int64]left{
		queued:    {State: state.Queued},
		running:   {State: state.Queued, Event: 4},
		cancelled: {State: state.Cancelling, Event: 4},
		other:     {State: state.Failed, Started: true, Event: 4, Result: 4},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
