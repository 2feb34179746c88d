package broker

import (
	"context"
	"fmt"
	"strings"

	"github.com/pks-community/pks-release/src/director"
)

// errandEnd is how an errand's task ended.
type errandEnd struct {
	failed string // empty: every instance exited with 0
}

// errandEnds reads the exit codes of the errands that the Director calls done,
// each once (reference/director-api.md §10).
func (o *operation) errandEnds(ctx context.Context, tasks []director.Task) (map[int]errandEnd, error) {
	ends := map[int]errandEnd{}
	for _, t := range tasks {
		if _, isErrand := t.Errand(); !isErrand || t.State != director.Done {
			continue
		}
		o.mu.Lock()
		end, known := o.errands[t.ID]
		o.mu.Unlock()
		if !known {
			results, err := o.broker.director.ErrandResults(ctx, t.ID)
			if err != nil {
				return nil, fmt.Errorf("read the results of errand task %d: %w", t.ID, err)
			}
			end = errandEnd{failed: failedErrand(results)}
			o.mu.Lock()
			o.errands[t.ID] = end
			o.mu.Unlock()
		}
		ends[t.ID] = end
	}
	return ends, nil
}

const maxStderrTail = 500

func failedErrand(results []director.ErrandResult) string {
	var failures []string
	for _, r := range results {
		if r.ExitCode == 0 {
			continue
		}
		text := fmt.Sprintf("errand %s exited with %d on %s/%s", r.Errand, r.ExitCode, r.Instance.Group, r.Instance.ID)
		if tail := lastOf(strings.TrimSpace(r.Stderr), maxStderrTail); tail != "" {
			text += ": " + tail
		}
		failures = append(failures, text)
	}
	return strings.Join(failures, "; ")
}

func lastOf(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return "…" + strings.ToValidUTF8(s[len(s)-n:], "")
}
