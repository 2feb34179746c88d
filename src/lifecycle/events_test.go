package lifecycle

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/osb"
	"github.com/pks-community/pks-release/src/pks"
)

func TestTaskEventsAreReadyToPrint(t *testing.T) {
	t.Parallel()
	news := osb.Progress{TaskID: 12, Events: []osb.ProgressEvent{
		{Time: 100, Stage: "Preparing deployment", Task: "Preparing deployment", Index: 1, Total: 1, State: "started"},
		{Time: 101, Stage: "Updating instance", Task: "worker/5f0c (0)", Index: 1, Total: 2, State: "in_progress", Message: "executing drain"},
		{Time: 102, Stage: "Updating instance", Task: "worker/5f0c (0)", Index: 1, Total: 2, State: "finished"},
		{Time: 103, Stage: "Updating instance", Task: "worker/77aa (1)", Index: 2, Total: 2, State: "finished"},
		{Time: 104, Stage: "Updating instance", Task: "worker/77aa (1)", Index: 2, Total: 2, State: "failed", Error: "'worker/77aa' is not running\nafter update"},
		{Time: 105, Stage: "Running errand", State: "finished"},
	}}
	at := func(s int64) time.Time { return time.Unix(s, 0).UTC() }
	want := []pks.Event{
		{Time: at(100), BOSHTask: 12, Stage: "Preparing deployment", Subject: "Preparing deployment", State: "started", Percent: 10,
			Message: "Preparing deployment started (10 %)"},
		{Time: at(101), BOSHTask: 12, Stage: "Updating instance", Subject: "worker/5f0c (0)", State: "in_progress", Percent: 10,
			Message: "Updating instance worker/5f0c (0) in progress: executing drain (1 of 2, 10 %)"},
		{Time: at(102), BOSHTask: 12, Stage: "Updating instance", Subject: "worker/5f0c (0)", State: "finished", Percent: 30,
			Message: "Updating instance worker/5f0c (0) finished (1 of 2, 30 %)"},
		{Time: at(103), BOSHTask: 12, Stage: "Updating instance", Subject: "worker/77aa (1)", State: "finished", Percent: 50,
			Message: "Updating instance worker/77aa (1) finished (2 of 2, 50 %)"},
		{Time: at(104), BOSHTask: 12, Stage: "Updating instance", Subject: "worker/77aa (1)", State: "failed", Percent: 50,
			Message: "Updating instance worker/77aa (1) failed: 'worker/77aa' is not running after update"},
		{Time: at(105), BOSHTask: 12, Stage: "Running errand", State: "finished", Percent: 70,
			Message: "Running errand finished (70 %)"},
	}
	if diff := cmp.Diff(want, taskEvents(news, 10, 70)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b[2J\x00\r\nline\u202e")
	f.Add(strings.Repeat("é", maxLine))
	f.Add("\xff\xfe")
	f.Fuzz(func(t *testing.T, text string) {
		got := printable(text)
		if !utf8.ValidString(got) || len(got) > maxLine+len("…") || strings.ContainsAny(got, "\x00\x1b\r\n") {
			t.Errorf("%q became %q", text, got)
		}
	})
}
