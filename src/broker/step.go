package broker

import (
	"cmp"
	"slices"

	"github.com/pks-community/pks-release/src/director"
)

// step is one BOSH task of an operation.
type step struct {
	errand *errand // nil: the deployment itself is created, changed or deleted
}

// is tells whether a task of the operation d is one of this step, by what the
// Director calls it (reference/director-api.md §5.5).
func (s step) is(d operationData, t director.Task) bool {
	if s.errand != nil {
		name, ok := t.Errand()
		return ok && name == s.errand.Name
	}
	if d.OperationType.deletes() {
		return t.Deletes()
	}
	return t.Deploys()
}

// steps are the operation's tasks in order. What is created gets its errands
// afterwards, what is deleted before.
func (d operationData) steps() []step {
	main := step{}
	if d.BoshContextID == "" {
		return []step{main} // tasks cannot be found by it: there is the one
	}
	var errands []step
	for i := range d.Errands {
		errands = append(errands, step{errand: &d.Errands[i]})
	}
	if d.OperationType.deletes() {
		return append(errands, main)
	}
	return append([]step{main}, errands...)
}

// position is how far an operation has come, as its tasks show.
type position struct {
	outcome outcome
	next    int           // index of the step to begin, for waiting
	task    director.Task // the newest that counts; zero when there is none
}

type outcome int

const (
	running outcome = iota
	waiting         // for the broker to begin the next step
	succeeded
	failed
	lost // no task of the operation is known to the Director any more
)

// maxLockRetries is how often a step is begun again because another task held
// the deployment's lock.
const maxLockRetries = 5

// locate holds the tasks that were found against the steps that were planned.
// end gives a task's state, where an errand that exited non-zero is an error
// although the Director calls it done.
func (d operationData) locate(tasks []director.Task, end func(director.Task) director.State) position {
	tasks = slices.DeleteFunc(slices.Clone(tasks), func(t director.Task) bool { return t.ID < d.BoshTaskID })
	slices.SortFunc(tasks, func(a, b director.Task) int { return cmp.Compare(a.ID, b.ID) })
	if len(tasks) == 0 {
		return position{outcome: lost}
	}
	steps := d.steps()
	at, refused := 0, 0
	var newest director.Task
	for _, t := range tasks {
		if at == len(steps) {
			break
		}
		state := end(t)
		switch {
		case state.Running():
			return position{outcome: running, task: t}
		case d.repeats(steps, at, t):
			continue
		}
		newest = t
		switch {
		case state == director.Done:
			at, refused = at+1, 0
		case t.LockBusy() && d.mayBeginAgain(steps[at]) && refused < maxLockRetries:
			refused++
		case d.OperationType == opForceDelete && steps[at].errand != nil:
			at, refused = at+1, 0
		default:
			return position{outcome: failed, task: t}
		}
	}
	if at == len(steps) {
		return position{outcome: succeeded, task: newest}
	}
	return position{outcome: waiting, next: at, task: newest}
}

// repeats tells whether a task is of a step that is behind us: two processes had
// begun it at the same time, and one of them gave way.
func (d operationData) repeats(steps []step, at int, t director.Task) bool {
	if steps[at].is(d, t) {
		return false
	}
	return slices.ContainsFunc(steps[:at], func(s step) bool { return s.is(d, t) })
}

// mayBeginAgain: errands and deletions need nothing that is not in the operation
// data; a deploy would need its manifest.
func (d operationData) mayBeginAgain(s step) bool {
	return s.errand != nil || d.OperationType.deletes()
}
