package director

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pks-community/pks-release/src/local/director/catalog"
	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/state"
	"github.com/pks-community/pks-release/src/local/erb"
	"github.com/pks-community/pks-release/src/local/machine"
)

// receiveRelease reads a release and, where there is a library, has it write the
// archive down; content is what the library calls it.
func (d *Director) receiveRelease(archive io.Reader) (release catalog.Release, content string, err error) {
	if d.config.Releases == nil {
		release, err = readRelease(archive)
		return release, "", err
	}
	incoming, err := d.config.Releases.Receive(archive)
	if err != nil {
		return catalog.Release{}, "", err
	}
	release, err = readRelease(incoming)
	if err == nil {
		_, err = io.Copy(io.Discard, incoming) // what is behind the last member
	}
	content, finished := incoming.Finish()
	if err = errors.Join(err, finished); err != nil && content != "" {
		return release, "", errors.Join(err, d.config.Releases.Drop(content))
	}
	return release, content, err
}

// keepRelease makes what was received the archive of a release, unless the Director
// has the release from elsewhere already.
func (d *Director) keepRelease(ctx context.Context, content string, release catalog.Release, fix bool) error {
	if content == "" {
		return nil
	}
	_, err := d.state.Release(ctx, release.Name, release.Version)
	switch {
	case err == nil && !fix:
		return d.config.Releases.Drop(content)
	case err == nil || errors.Is(err, state.ErrNotFound):
		return d.config.Releases.Keep(content, release.Name, release.Version)
	}
	return err
}

// removeRelease forgets one version of a release, or all when version is empty.
func (d *Director) removeRelease(ctx context.Context, name, version string) error {
	if err := d.state.DeleteRelease(ctx, name, version); err != nil || d.config.Releases == nil {
		return err
	}
	return d.config.Releases.Remove(name, version)
}

// checkTemplates renders the templates of the deployment's jobs as far as their
// releases were uploaded, and refuses what cannot be rendered. What is rendered is
// thrown away: an errand renders its own, other jobs are simulated.
func (p *plan) checkTemplates(ctx context.Context, t *task) error {
	if p.d.config.Templates == nil {
		return nil
	}
	var specs []machine.Spec
	for _, g := range p.groups {
		for _, i := range g.instances {
			specs = append(specs, i.resolved)
		}
	}
	faults, err := p.d.config.Templates(ctx, specs)
	switch {
	case errors.Is(err, erb.ErrNoRuby):
		t.warnOnce("Templates of uploaded releases are not checked: " + err.Error())
		return nil
	case err != nil:
		return err
	case len(faults) == 0:
		return nil
	}
	var text strings.Builder
	text.WriteString("Unable to render instance groups for deployment. Errors are:")
	group := ""
	for _, f := range faults {
		if f.Group != group {
			group = f.Group
			fmt.Fprintf(&text, "\n  - Unable to render jobs for instance group '%s'. Errors are:", group)
		}
		fmt.Fprintf(&text, "\n    - Unable to render templates for job '%s'. Errors are:", f.Job)
		for _, message := range f.Messages {
			fmt.Fprintf(&text, "\n      - %s", message)
		}
	}
	return fault.New(fault.General, "%s", text.String())
}
