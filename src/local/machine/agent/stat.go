package agent

import (
	"time"

	"github.com/prometheus/procfs"
)

// stat is what /proc says about one process.
type stat struct {
	parent       int
	residentKB   int64
	user, system time.Duration
}

// statTable holds the processes of a machine by process id.
type statTable map[int]stat

// tick is the unit of times in /proc/PID/stat: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// readStats reads the process table. With shared, only root and its descendants are kept.
func readStats(root int, shared bool) statTable {
	table := make(statTable)
	processes, err := procfs.AllProcs()
	if err != nil {
		return table
	}
	for _, p := range processes {
		s, err := p.Stat()
		if err != nil {
			continue // it has ended meanwhile
		}
		table[p.PID] = stat{
			parent:     s.PPID,
			residentKB: int64(s.ResidentMemory() / 1024),
			user:       time.Duration(s.UTime) * tick,
			system:     time.Duration(s.STime) * tick,
		}
	}
	if shared {
		return table.descendants(root)
	}
	return table
}

// descendants are root and everything it started, directly or not.
func (t statTable) descendants(root int) statTable {
	children := make(map[int][]int)
	for pid, s := range t {
		children[s.parent] = append(children[s.parent], pid)
	}
	found := make(statTable)
	for next := []int{root}; len(next) > 0; next = next[1:] {
		pid := next[0]
		s, exists := t[pid]
		if _, seen := found[pid]; seen || !exists {
			continue
		}
		found[pid] = s
		next = append(next, children[pid]...)
	}
	return found
}

func (t statTable) total() (residentKB int64, user, system time.Duration) {
	for _, s := range t {
		residentKB += s.residentKB
		user += s.user
		system += s.system
	}
	return residentKB, user, system
}

// cpuSample is the last reading of a processor-time counter.
type cpuSample struct {
	at   time.Time
	used time.Duration
	last float64
}

// minSample is the shortest time over which a percentage means something.
const minSample = 500 * time.Millisecond

// percent is the share of one processor used since the last reading, or since the start.
func (c *cpuSample) percent(now, start time.Time, used time.Duration) float64 {
	since, before := c.at, c.used
	if since.IsZero() {
		since, before = start, 0
	}
	elapsed := now.Sub(since)
	if elapsed < minSample {
		return c.last
	}
	share := 100 * float64(max(0, used-before)) / float64(elapsed)
	*c = cpuSample{at: now, used: used, last: share}
	return share
}
