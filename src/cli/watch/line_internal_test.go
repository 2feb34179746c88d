package watch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/cli/console"
)

func TestLinesOfEvents(t *testing.T) {
	t.Parallel()
	for want, event := range map[string]v1.Event{
		"Updating instance worker finished (60 %)": {Stage: "Updating instance", State: "finished", BOSHTask: 7, Message: "Updating instance worker finished (60 %)"},
		"Warning: no stemcell is pinned (10 %)":    {BOSHTask: 7, Message: ": no stemcell is pinned (10 %)"},
		"Warning: the plan is deprecated":          {BOSHTask: 7, Message: "the plan is deprecated"},
		"half":                                     {Stage: "Updating instance", State: "in_progress", BOSHTask: 7, Message: "half"},
		"":                                         {State: "failed", Message: "CREATE failed"},
		"Accepted":                                 {Message: "Accepted"},
	} {
		if got := line(event); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestStepsOfEvents(t *testing.T) {
	t.Parallel()
	const worker = "worker/46b09f39-6059-4ae4-83ec-d7c7d42eb664"
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		stage, subject, state, message string
		want                           console.Step
	}{
		"begun":       {"Updating instance", worker + " (0) (canary)", "started", "", console.Step{Subject: worker, State: "updating", At: at}},
		"half way":    {"Updating instance", worker + " (0)", "in_progress", "Updating instance " + worker + " (0) in progress: executing drain (1 of 2, 68 %)", console.Step{Subject: worker, State: "updating: executing drain", At: at}},
		"done":        {"Creating missing vms", worker + " (0)", "finished", "", console.Step{Subject: worker, State: "VM created", Mark: console.Done, At: at}},
		"failed":      {"Deleting unneeded instances", worker, "failed", "", console.Step{Subject: worker, State: "failed deleting", Mark: console.Failed, At: at}},
		"no instance": {"Preparing deployment", "Rendering templates", "started", "", console.Step{}},
		"a new stage": {"Polishing", worker, "started", "", console.Step{}},
	} {
		got := step(v1.Event{Stage: c.stage, Subject: c.subject, State: c.state, Message: c.message, Time: "2026-01-02T03:04:05Z"})
		got.Line = "" // see above
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
