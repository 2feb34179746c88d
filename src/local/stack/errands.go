package stack

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/pks-community/pks-release/src/local/cfcr"
	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/release"
)

// errands runs the errands of uploaded releases for simulated machines. Those of the
// releases that clusters are made of stay simulated, as the clusters are.
func (s *Stack) errands(library *release.Library) (func(context.Context, machine.Spec, string) (machine.ErrandResult, error), error) {
	runner, err := release.NewRunner(library, filepath.Join(s.layout.Director(), "errands"), s.options.Program)
	if err != nil {
		return nil, err
	}
	simulated := map[string]bool{}
	for _, r := range cfcr.Releases() {
		simulated[r.Name] = true
	}
	return func(ctx context.Context, spec machine.Spec, job string) (machine.ErrandResult, error) {
		if j, _ := spec.Job(job); simulated[j.Release] {
			return machine.ErrandResult{}, machine.ErrNoErrand
		}
		result, err := runner.Run(ctx, spec, job)
		if errors.Is(err, release.ErrNotKept) {
			return machine.ErrandResult{}, machine.ErrNoErrand
		}
		return result, err
	}, nil
}
