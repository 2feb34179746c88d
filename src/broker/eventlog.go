package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pks-community/pks-release/src/director"
)

// maxEvents bounds what one operation's events take in memory: some 20 for each
// instance, so enough for a deploy of thousands.
const maxEvents = 200_000

// eventLog is the event output of an operation's tasks, one after the other, as
// far as it was read. Its offsets count bytes of that text and mean the same in
// every process. Guarded by the operation's lock on progress.
type eventLog struct {
	size   int64
	events []loggedEvent
	tasks  []readTask
	meter  *meter
}

// loggedEvent is one event and where its line ends in the whole text.
type loggedEvent struct {
	end int64
	director.Event
}

// readTask is how much of one task's output is in the log.
type readTask struct {
	id   int
	read int64
	done bool // nothing more will come
}

// follow reads what is new of the tasks, oldest first. A later one's lines come
// only after an earlier one is read to its end. ended tells whether a task's state
// was known to be final before this call.
func (l *eventLog) follow(ctx context.Context, d *director.Client, tasks []int, ended func(int) bool) error {
	for i, id := range tasks {
		if i == len(l.tasks) {
			l.tasks = append(l.tasks, readTask{id: id})
		}
		t := &l.tasks[i]
		if t.id != id {
			return fmt.Errorf("task %d appeared among tasks that were read already", id)
		}
		if t.done {
			continue
		}
		final := ended(id)
		text, err := d.EventOutput(ctx, id, t.read)
		if err != nil && !errors.Is(err, director.ErrNotFound) {
			return fmt.Errorf("read the events of task %d: %w", id, err)
		}
		if final && len(text) > 0 && text[len(text)-1] != '\n' {
			text = append(slices.Clip(text), '\n') // the task was killed in the middle of a line
		}
		if err := l.take(i, text); err != nil {
			return err
		}
		if t.done = final; !final {
			return nil
		}
	}
	return nil
}

// take adds the whole lines of text, which is of the n-th task, to the log.
func (l *eventLog) take(n int, text []byte) error {
	for {
		events, used := director.ParseEvents(firstLine(text))
		if used == 0 {
			return nil
		}
		if len(l.events) == maxEvents {
			return fmt.Errorf("the operation has more than %d events", maxEvents)
		}
		l.size += int64(used)
		l.tasks[n].read += int64(used)
		for _, e := range events {
			l.events = append(l.events, loggedEvent{l.size, e})
			l.meter.add(n, e)
		}
		text = text[used:]
	}
}

// firstLine is text up to and with its first line end; all of it without one.
func firstLine(text []byte) []byte {
	if i := slices.Index(text, '\n'); i >= 0 {
		return text[:i+1]
	}
	return text
}

// since are the events whose lines end after the offset.
func (l *eventLog) since(offset int64) []loggedEvent {
	i, _ := slices.BinarySearchFunc(l.events, offset+1, func(e loggedEvent, at int64) int {
		return int(e.end - at)
	})
	return l.events[i:]
}
