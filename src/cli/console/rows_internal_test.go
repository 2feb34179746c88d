package console

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRowsShowWhatIsDoneToEach(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	r := rows{most: 4}
	for _, s := range []Step{
		{Subject: "master/298e5a6f-476a-4732-bc20-92e353605468", State: "creating the VM", At: at(0)},
		{Subject: "master/298e5a6f-476a-4732-bc20-92e353605468", State: "VM created", At: at(30), Mark: Done},
		{Subject: "worker/46b09f39-6059-4ae4-83ec-d7c7d42eb664", State: "updating: executing drain", At: at(61)},
		{Subject: "worker/8a76814b-b5a0-4064-a53d-b1a6c6f4c679", State: "failed updating", At: at(70), Mark: Failed},
		{Subject: "größe\x1b[2J", State: "queued", Mark: Waiting},
	} {
		r.take(s, at(80))
	}
	got := func(width int) string {
		var out strings.Builder
		if err := r.write(&out, width, at(90)); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	const want = `  ✓ master/298e5a6f  VM created                 00:30
  ▸ worker/46b09f39  updating: executing drain  00:29
  ✗ worker/8a76814b  failed updating
  · größe?[2J        queued
`
	if diff := cmp.Diff(want, got(80)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("  ✓ master/298e5a…\n  ▸ worker/46b09…\n  ✗ worker/8a768…\n  · größe?[2J  …\n", got(18)); diff == "" {
		t.Error("narrow rows are not measured")
	}
	for line := range strings.Lines(got(18)) {
		if len([]rune(strings.TrimSuffix(line, "\n"))) > 17 {
			t.Errorf("%q is wider than the terminal", line)
		}
	}

	// One more than fits: what is done makes room for what is at work.
	r.take(Step{Subject: "master/298e5a6f-476a-4732-bc20-92e353605468", State: "updating", At: at(91)}, at(91))
	r.take(Step{Subject: "master/298e5a6f-476a-4732-bc20-92e353605468", State: "updated", At: at(92), Mark: Done}, at(92))
	r.take(Step{Subject: "last", State: "in progress", At: at(92)}, at(92))
	r.stop(at(93))
	const fewer = `  ▸ worker/46b09f39  updating: executing drain  00:32
  ✗ worker/8a76814b  failed updating
  · größe?[2J        queued
  ▸ last             in progress                00:01
    and 1 more
`
	var out strings.Builder
	if err := r.write(&out, 80, at(200)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fewer, out.String()); diff != "" {
		t.Error(diff)
	}
}
