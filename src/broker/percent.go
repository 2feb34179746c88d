package broker

import (
	"strings"

	"github.com/pks-community/pks-release/src/director"
)

// Shares of a deploy's progress, in percent: planning, making VMs, and the
// instances' updates, which take the rest.
const (
	preparingShare = 5
	creatingShare  = 30
	errandShare    = 10 // of the operation, for each of its errands
	maxErrandShare = 40
)

// meter tells how much of an operation is done, by its events in their order. It
// never goes back, since it is the highest of all estimates so far; and being made
// of nothing but the events, it says the same after a restart of the broker.
type meter struct {
	deletes bool
	errands int
	groups  []group // of the manifest, in order; empty when not known

	seen     map[string]*stage // of the current task, by stage and tags
	position int               // tasks that have ended
	highest  float64
}

type stage struct {
	total, ended int
	task         map[string]float64 // by step: 0–100
}

func newMeter(d operationData, groups []group) *meter {
	return &meter{deletes: d.OperationType.deletes(), errands: len(d.steps()) - 1, groups: groups, seen: map[string]*stage{}}
}

// add takes in one event of the task that is the n-th of the operation, from 0.
func (m *meter) add(n int, e director.Event) {
	if n > m.position {
		m.position = n
		m.seen = map[string]*stage{}
	}
	if e.Stage != "" {
		key := e.Stage + "\x00" + strings.Join(e.Tags, ",")
		s := m.seen[key]
		if s == nil {
			s = &stage{task: map[string]float64{}}
			m.seen[key] = s
		}
		s.total = max(s.total, e.Total, len(s.task))
		if old, was := s.task[e.Task]; e.State == "finished" && (!was || old < 100) {
			s.ended++
			s.task[e.Task] = 100
		} else if !was || float64(e.Progress) > old {
			s.task[e.Task] = min(float64(e.Progress), 99)
		}
	}
	m.highest = max(m.highest, m.estimate())
}

// percent is below 100 until the operation has ended.
func (m *meter) percent() int { return min(int(m.highest), 99) }

func (m *meter) estimate() float64 {
	share := 0.0
	if m.errands > 0 {
		share = min(errandShare, maxErrandShare/float64(m.errands))
	}
	main := 100 - share*float64(m.errands)
	if !m.deletes {
		if m.position == 0 {
			return main * m.deploy() / 100
		}
		return main + share*(float64(m.position-1)+m.errand()/100)
	}
	if m.position < m.errands {
		return share * (float64(m.position) + m.errand()/100)
	}
	return share*float64(m.errands) + main*m.deletion()/100
}

func (m *meter) errand() float64 {
	if s, ok := m.seen["Running errand\x00"]; ok {
		return 50 + s.share()/2
	}
	return 10
}

func (m *meter) deletion() float64 {
	done := 0.0
	if s, ok := m.seen["Deleting instances\x00"]; ok {
		done = 85 * s.share() / 100
	}
	if s, ok := m.seen["Removing deployment artifacts\x00"]; ok {
		done = 85 + 10*s.share()/100
	}
	if _, ok := m.seen["Deleting properties\x00"]; ok {
		done = 95
	}
	return done
}

// deploy follows the stages of reference/director-api.md §20: preparing, making
// VMs, then one stage for each instance group that changes, in manifest order.
func (m *meter) deploy() float64 {
	done, rest := 1.0, float64(100)
	if s, ok := m.seen["Preparing deployment\x00"]; ok && s.ended > 0 {
		done = preparingShare
	}
	rest -= preparingShare
	if s, ok := m.seen["Creating missing vms\x00"]; ok {
		done = preparingShare + creatingShare*s.share()/100
		rest -= creatingShare
	}
	if updated, ok := m.updated(); ok {
		done = 100 - rest + rest*updated
	}
	return done
}

// updated is the part of the instances that are as they shall be.
func (m *meter) updated() (float64, bool) {
	if made, ok := m.seen["Creating missing vms\x00"]; ok && len(m.groups) == 0 {
		return m.updatedOf(made.total)
	}
	if len(m.groups) > 0 {
		return m.updatedInOrder()
	}
	return m.updatedOf(0)
}

// updatedOf counts updates against a number of instances, or, if that is too
// small, against those of the groups that have appeared.
func (m *meter) updatedOf(all int) (float64, bool) {
	seen, done := 0, 0.0
	for key, s := range m.seen {
		if strings.HasPrefix(key, "Updating instance\x00") {
			seen += s.total
			done += s.share() / 100 * float64(s.total)
		}
	}
	if seen == 0 {
		return 0, false
	}
	return done / float64(max(all, seen)), true
}

// updatedInOrder goes by the manifest: groups before one that is being updated
// are done, or were not to be changed; the same holds for a group's instances
// that its stage does not count.
func (m *meter) updatedInOrder() (float64, bool) {
	all, done, last := 0, 0.0, -1
	for i, g := range m.groups {
		if _, ok := m.stageOf(g.name); ok {
			last = i
		}
		all += g.instances
	}
	for i, g := range m.groups {
		s, ok := m.stageOf(g.name)
		switch {
		case ok:
			changing := min(s.total, g.instances)
			done += float64(g.instances-changing) + s.share()/100*float64(changing)
		case i < last:
			done += float64(g.instances)
		}
	}
	if last < 0 || all == 0 {
		return 0, false
	}
	return done / float64(all), true
}

func (m *meter) stageOf(name string) (*stage, bool) {
	s, ok := m.seen["Updating instance\x00"+name]
	return s, ok
}

// share is how much of the stage is done, 0–100, steps under way in part.
func (s *stage) share() float64 {
	if s.total == 0 {
		return 0
	}
	sum := 0.0
	for _, p := range s.task {
		sum += p
	}
	return min(sum/float64(s.total), 100)
}
