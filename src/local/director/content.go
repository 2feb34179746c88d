package director

import (
	"context"
	"errors"
	"io"

	"github.com/pks-community/pks-release/src/local/director/catalog"
	"github.com/pks-community/pks-release/src/local/director/state"
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
