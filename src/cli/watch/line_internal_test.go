package watch

import (
	"testing"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

func TestLinesOfEvents(t *testing.T) {
	t.Parallel()
	for want, event := range map[string]v1.Event{
		"Updating instance worker finished (60 %)": {Stage: "Updating instance", State: "finished", BOSHTask: 7, Message: "Updating instance worker finished (60 %)"},
		"Warning: no stemcell is pinned (10 %)":    {BOSHTask: 7, Message: ": no stemcell is pinned (10 %)"},
		"Warning: the plan is deprecated":          {BOSHTask: 7, Message: "the plan is deprecated"},
		"":                                         {Stage: "Updating instance", State: "in_progress", BOSHTask: 7, Message: "half"},
		"Accepted":                                 {Message: "Accepted"},
	} {
		if got := line(event); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
