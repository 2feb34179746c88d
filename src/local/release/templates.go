package release

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/local/erb"
	"github.com/pks-community/pks-release/src/local/machine"
)

// TemplateFault is what is wrong with the templates of a job for an instance group.
type TemplateFault struct {
	Group, Job string
	Messages   []string // one for each template
}

// renderers is how many runs of Ruby there are at once.
const renderers = 2

// CheckTemplates renders the templates of all jobs that the machines have of releases
// in the library, and tells what cannot be rendered, in the order of the machines and
// their jobs. The specifications have variables filled in.
func (r *Runner) CheckTemplates(ctx context.Context, specs []machine.Spec) (faults []TemplateFault, err error) {
	checks := r.templateChecks(specs)
	if len(checks) == 0 {
		return nil, nil
	}
	work, err := os.MkdirTemp(r.dir, errandPrefix)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, removeAll(work)) }()
	found := make([][]string, len(checks))
	var rendering errgroup.Group
	rendering.SetLimit(renderers)
	for at, check := range checks {
		dir := filepath.Join(work, check.job.Release+"@"+check.job.Version, check.job.Name)
		if err := r.unpackJob(check.job, dir); err != nil {
			return nil, errors.Join(err, rendering.Wait())
		}
		rendering.Go(func() (err error) {
			found[at], err = check.run(ctx, dir)
			return err
		})
	}
	if err := rendering.Wait(); err != nil {
		return nil, err
	}
	for at, check := range checks {
		if len(found[at]) > 0 {
			faults = append(faults, TemplateFault{check.group, check.job.Name, found[at]})
		}
	}
	return faults, nil
}

// templateCheck is one job of one instance group, with what each instance tells it.
type templateCheck struct {
	group  string
	job    machine.Job
	inputs []erb.Input
}

func (r *Runner) templateChecks(specs []machine.Spec) []*templateCheck {
	var checks []*templateCheck
	kept := map[string]bool{}
	for _, s := range specs {
		for _, job := range s.Jobs {
			id := job.Release + "/" + job.Version
			if _, known := kept[id]; !known {
				kept[id] = r.library.has(job.Release, job.Version)
			}
			if !kept[id] {
				continue
			}
			at := slices.IndexFunc(checks, func(c *templateCheck) bool { return c.group == s.Group && c.job.Name == job.Name })
			if at < 0 {
				at = len(checks)
				checks = append(checks, &templateCheck{group: s.Group, job: job})
			}
			checks[at].inputs = append(checks[at].inputs, input(s, job))
		}
	}
	return checks
}

func (c *templateCheck) run(ctx context.Context, dir string) ([]string, error) {
	all, err := erb.RenderAll(ctx, dir, c.inputs...)
	if err != nil {
		return nil, err
	}
	var messages []string
	for _, rendered := range all {
		for _, fault := range rendered.Faults {
			text := strings.TrimPrefix(fault.Error(), "job "+c.job.Name+": ")
			if text = strings.ToUpper(text[:1]) + text[1:]; !slices.Contains(messages, text) {
				messages = append(messages, text)
			}
		}
	}
	return messages, nil
}

// unpackJob writes a job to a folder, unless it is there.
func (r *Runner) unpackJob(job machine.Job, dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	archive, err := r.library.open(job.Release, job.Version)
	if err != nil {
		return err
	}
	_, err = unpack(archive, job.Name, dir)
	return errors.Join(err, archive.Close())
}
