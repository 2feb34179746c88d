package stack

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/pks-community/pks-release/src/local/cfcr"
	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/release"
)

// openReleases opens what makes uploaded releases real.
func (s *Stack) openReleases(p *parts) (err error) {
	if p.releases, err = release.OpenLibrary(filepath.Join(s.layout.Director(), "releases")); err == nil {
		p.runner, err = release.NewRunner(p.releases, filepath.Join(s.layout.Director(), "errands"), s.options.Program)
	}
	return err
}

// errands runs the errands of uploaded releases for simulated machines. Those of the
// releases that clusters are made of stay simulated, as the clusters are.
func errands(runner *release.Runner) func(context.Context, machine.Spec, string) (machine.ErrandResult, error) {
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
	}
}
