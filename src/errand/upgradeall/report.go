package upgradeall

import (
	"fmt"
	"strings"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/errand"
	"github.com/pks-community/pks-release/src/pks"
)

// announce names what will be worked on (reference/on-demand-broker.md §5.3).
func (r *run) announce(clusters []v1.Cluster) {
	names := make([]string, 0, len(clusters))
	for _, c := range clusters {
		names = append(names, c.Name)
	}
	r.journal.Say("Clusters: %s", strings.Join(names, " "))
	r.journal.Say("Total Clusters found: %d", len(clusters))
}

// teller writes the lines of one task: each turn's beginning and its result, once.
type teller struct {
	journal        *errand.Journal
	started, ended map[string]bool
	paused         bool
	canaries       bool // their end was told
}

func (t *teller) tell(task v1.TaskInfo) {
	for i, turn := range task.Clusters { // canaries first
		if !turn.IsCanary {
			t.tellCanaries(task, i)
		}
		fate := fateOf(task, turn)
		begun := turn.LastActionState == string(pks.ActionInProgress) || fate != waiting && turn.OperationID != ""
		if begun && !t.started[turn.ClusterName] {
			t.started[turn.ClusterName] = true
			counter := fmt.Sprintf(" %d of %d", i+1, len(task.Clusters))
			if turn.IsCanary {
				counter = ""
			}
			t.journal.Say("[%s] Starting to process cluster%s", turn.ClusterName, counter)
		}
		if fate != waiting && !t.ended[turn.ClusterName] {
			t.ended[turn.ClusterName] = true
			t.journal.Say("[%s] Result: %s", turn.ClusterName, result(fate, turn))
		}
	}
	t.tellCanaries(task, len(task.Clusters))
	if task.Paused != t.paused {
		t.paused = task.Paused
		if t.paused {
			t.journal.Say("Upgrade task %s is paused; waiting until somebody resumes it", task.UUID)
		} else {
			t.journal.Say("Upgrade task %s goes on", task.UUID)
		}
	}
}

// tellCanaries tells once that all canaries have ended, and how.
func (t *teller) tellCanaries(task v1.TaskInfo, count int) {
	if t.canaries || count == 0 || !task.Clusters[0].IsCanary {
		return
	}
	good := true
	for _, turn := range task.Clusters[:count] {
		switch fate := fateOf(task, turn); {
		case !turn.IsCanary:
		case fate == waiting:
			return
		case fate == failed || fate == skipped:
			good = false
		}
	}
	t.canaries = true
	if good {
		t.journal.Say("FINISHED CANARIES")
	} else {
		t.journal.Say("Canaries didn't process successfully: the other clusters stay as they are")
	}
}

func result(f fate, turn v1.ClusterUpgradeInfo) string {
	switch f {
	case succeeded:
		return "Cluster operation success"
	case upToDate:
		return "cluster already up to date - operation skipped"
	case deleted:
		return "already deleted from platform"
	case skipped:
		return "operation skipped: " + turn.Reason
	}
	return "Cluster operation failure: " + turn.Reason
}

type tally struct{ succeeded, upToDate, deleted, skipped, waiting, failed int }

func (r *run) tally() tally {
	var t tally
	for _, o := range r.outcomes {
		switch o.fate {
		case succeeded:
			t.succeeded++
		case upToDate:
			t.upToDate++
		case deleted:
			t.deleted++
		case skipped:
			t.skipped++
		case waiting:
			t.waiting++
		case failed:
			t.failed++
		}
	}
	return t
}

// conclude writes the line by which people and programs tell how it ended.
func (r *run) conclude(err error) {
	status := "SUCCESS"
	if err != nil {
		status = "FAILED"
	}
	t := r.tally()
	r.journal.Conclude("FINISHED PROCESSING Status: %s; Summary: Number of successful operations: %d; Number of clusters already up to date: %d; "+
		"Number of skipped operations: %d; Number of deleted clusters before operation could happen: %d; "+
		"Number of clusters whose operation has not ended: %d%s; Number of clusters that failed to process: %d%s",
		status, t.succeeded, t.upToDate, t.skipped, t.deleted, t.waiting, r.named(waiting), t.failed, r.named(failed))
}

// mostNamed bounds how many names a line has.
const mostNamed = 100

func (r *run) named(f fate) string {
	var names []string
	for _, key := range r.order {
		if o := r.outcomes[key]; o.fate == f {
			names = append(names, o.name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	more := ""
	if len(names) > mostNamed {
		names, more = names[:mostNamed], ", …"
	}
	return " [" + strings.Join(names, ", ") + more + "]"
}
