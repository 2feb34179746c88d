package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/pks"
)

// mostEdits is how far a typo may be from what was meant.
const mostEdits = 2

// suggest adds the names of clusters that were perhaps meant. It may ask the API
// and is content with no answer.
func (f *factory) suggest(ctx context.Context, err error, shown failure) failure {
	refusal, ok := errors.AsType[*apiclient.Error](err)
	if !ok || refusal.Code != pks.CodeClusterNotFound || len(f.args) == 0 || f.client == nil || ctx.Err() != nil {
		return shown
	}
	ctx, cancel := context.WithTimeout(ctx, completionWait)
	defer cancel()
	if near := nearest(f.args[0], clusterNames(ctx, f.client)); len(near) > 0 {
		shown.hints = append([]string{fmt.Sprintf("Did you mean this? %s", strings.Join(near, ", "))}, shown.hints...)
	}
	return shown
}

// nearest are the names that few edits make of the given one, or that begin with
// it.
func nearest(given string, all []string) []string {
	var near []string
	for _, name := range all {
		short := min(len(given), len(name)) <= mostEdits // everything is near
		if name != given && (!short && edits(strings.ToLower(given), strings.ToLower(name)) <= mostEdits || strings.HasPrefix(name, given)) {
			near = append(near, name)
		}
	}
	return near
}

// edits is the Levenshtein distance: cobra has one for commands, which it keeps
// to itself.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
