package director

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/local/director/catalog"
	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/state"
)

// uploadPayload is what a task that takes in a release or a stemcell is to do. An archive in the
// request was read while it came in; a remote one is fetched by the task.
type uploadPayload struct {
	Release  *catalog.Release  `json:"release,omitempty"`
	Stemcell *catalog.Stemcell `json:"stemcell,omitempty"`
	// Content is what the library calls the archive that Release was read from.
	Content string `json:"content,omitempty"`
	// Invalid says why the archive in the request could not be read.
	Invalid  string `json:"invalid,omitempty"`
	Location string `json:"location,omitempty"`
	Fix      bool   `json:"fix,omitempty"`
}

func (c *call) uploadRelease() error {
	payload := uploadPayload{Fix: c.is("fix")}
	release, content, err := c.d.receiveRelease(c.r.Body)
	if err != nil {
		payload.Invalid = err.Error()
	} else {
		payload.Release, payload.Content = &release, content
	}
	_, _ = io.Copy(io.Discard, c.r.Body)
	return c.task(typeUploadRelease, "create release", "", payload)
}

func (c *call) uploadStemcell() error {
	payload := uploadPayload{Fix: c.is("fix")}
	stemcell, err := readStemcell(c.r.Body)
	if err != nil {
		payload.Invalid = err.Error()
	} else {
		payload.Stemcell = &stemcell
	}
	_, _ = io.Copy(io.Discard, c.r.Body)
	return c.task(typeUploadStemcell, "create stemcell", "", payload)
}

func (c *call) remoteRelease() error { return c.remote(typeUploadRelease, "create release") }

func (c *call) remoteStemcell() error { return c.remote(typeUploadStemcell, "create stemcell") }

func (c *call) remote(kind, description string) error {
	var wish struct {
		Location string `json:"location"`
		SHA1     string `json:"sha1"`
	}
	if err := c.decode(&wish); err != nil {
		return err
	}
	if wish.Location == "" {
		return fault.New(fault.MissingField, "Required property 'location' was not specified in object")
	}
	if wish.SHA1 != "" && c.query.Get("sha1") != "" {
		return plain("Sha1 provided in multiple places")
	}
	return c.task(kind, description, "", uploadPayload{Location: wish.Location, Fix: c.is("fix")})
}

// fetchTimeout bounds the download of a remote archive.
const fetchTimeout = 30 * time.Minute

// fetch opens a remote archive.
func fetch(ctx context.Context, what, location string) (io.ReadCloser, error) {
	failed := fault.New(fault.Resource, "Downloading remote %s failed. Check task debug log for details.", what)
	address, err := url.Parse(location)
	if err != nil {
		return nil, failed
	}
	if address.Scheme == "file" {
		file, err := os.Open(address.Path)
		if err != nil {
			return nil, failed
		}
		return file, nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	if err != nil {
		return nil, failed
	}
	client := http.Client{Timeout: fetchTimeout}
	response, err := client.Do(r)
	if err != nil {
		return nil, failed
	}
	if response.StatusCode != http.StatusOK {
		return nil, errors.Join(failed, response.Body.Close())
	}
	return response.Body, nil
}

// createRelease takes in a release (reference/director-api.md §14).
func (d *Director) createRelease(ctx context.Context, t *task, payload uploadPayload) (string, error) {
	if payload.Location != "" {
		err := t.stage("Downloading remote release", nil, 1).run(ctx, "Downloading remote release", func(*step) error {
			archive, err := fetch(ctx, "release", payload.Location)
			if err != nil {
				return err
			}
			release, content, err := d.receiveRelease(archive)
			if err != nil {
				payload.Invalid = err.Error()
			}
			payload.Release, payload.Content = &release, content
			return archive.Close()
		})
		if err != nil {
			return "", err
		}
	}
	err := t.stage("Extracting release", nil, 1).run(ctx, "Extracting release", func(*step) error {
		if payload.Invalid != "" {
			t.debug("ERROR", "DirectorJobRunner", payload.Invalid)
			return fault.New(fault.ReleaseInvalid, "Extracting release archive failed. Check task debug log for details.")
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if err := t.stage("Verifying manifest", nil, 1).note(ctx, "Verifying manifest"); err != nil {
		return "", err
	}
	release := *payload.Release
	free, err := d.locks.acquire(ctx, "release", release.Name, t.row.ID, t.row.Description, d.config.Timing.Lock)
	if err != nil {
		return "", err
	}
	defer free()
	if err := d.keepRelease(ctx, payload.Content, release, payload.Fix); err != nil {
		return "", err
	}
	return fmt.Sprintf("Created release '%s'", release.ID()), d.storeRelease(ctx, t, release, payload.Fix)
}

func (d *Director) storeRelease(ctx context.Context, t *task, release catalog.Release, fix bool) error {
	if err := t.stage("Resolving package dependencies", nil, 1).note(ctx, "Resolving package dependencies"); err != nil {
		return err
	}
	_, err := d.state.Release(ctx, release.Name, release.Version)
	switch {
	case err == nil && !fix:
		jobs := t.stage(fmt.Sprintf("Processing %d existing jobs", len(release.Jobs)), nil, 1)
		if err := jobs.note(ctx, "Verifying checksums"); err != nil {
			return err
		}
		return t.stage("Release has been created", nil, 1).note(ctx, release.ID())
	case err != nil && !errors.Is(err, state.ErrNotFound):
		return err
	}
	creating := t.stage("Creating new jobs", nil, len(release.Jobs))
	for _, j := range release.Jobs {
		if err := creating.note(ctx, j.Name+"/"+fingerprint(j)); err != nil {
			return err
		}
	}
	if err := d.state.SaveRelease(ctx, release); err != nil {
		return err
	}
	return t.stage("Release has been created", nil, 1).note(ctx, release.ID())
}

// createStemcell takes in a stemcell.
func (d *Director) createStemcell(ctx context.Context, t *task, payload uploadPayload) (string, error) {
	total := 5
	if payload.Location != "" {
		total = 6
	}
	update := t.stage("Update stemcell", nil, total)
	if payload.Location != "" {
		err := update.run(ctx, "Downloading remote stemcell", func(*step) error {
			archive, err := fetch(ctx, "stemcell", payload.Location)
			if err != nil {
				return err
			}
			stemcell, err := readStemcell(archive)
			if err != nil {
				payload.Invalid = err.Error()
			}
			payload.Stemcell = &stemcell
			return archive.Close()
		})
		if err != nil {
			return "", err
		}
	}
	err := update.run(ctx, "Extracting stemcell archive", func(*step) error {
		if payload.Invalid != "" {
			t.debug("ERROR", "DirectorJobRunner", payload.Invalid)
			return fault.New(fault.StemcellInvalid, "Extracting stemcell archive failed. Check task debug log for details.")
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	stemcell := *payload.Stemcell
	stemcell.CID = uuid.NewString()
	for _, name := range []string{"Verifying stemcell manifest", "Checking if this stemcell already exists"} {
		if err := update.note(ctx, name); err != nil {
			return "", err
		}
	}
	added, err := d.state.AddStemcell(ctx, stemcell)
	if err != nil {
		return "", err
	}
	suffix := ""
	if !added {
		suffix = " (already exists, skipped)"
	}
	if err := update.note(ctx, fmt.Sprintf("Uploading stemcell %s to the cloud%s", stemcell.ID(), suffix)); err != nil {
		return "", err
	}
	if err := update.note(ctx, fmt.Sprintf("Save stemcell %s (%s)%s", stemcell.ID(), stemcell.CID, suffix)); err != nil {
		return "", err
	}
	return "/stemcells/" + stemcell.ID(), nil
}

// releasePayload names a release or a stemcell that is to be deleted.
type releasePayload struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Force   bool   `json:"force,omitempty"`
}

func (d *Director) deleteRelease(ctx context.Context, t *task, payload releasePayload) (string, error) {
	deployments, err := d.state.Deployments(ctx)
	if err != nil {
		return "", err
	}
	var users []string
	for used, names := range usedReleases(deployments) {
		if used.Name == payload.Name && (payload.Version == "" || payload.Version == used.Version) {
			users = append(users, names...)
		}
	}
	slices.Sort(users)
	switch {
	case len(users) > 0 && payload.Version == "":
		return "", fault.New(fault.ReleaseInUse, "Release '%s' is still in use by: %s", payload.Name, strings.Join(users, ", "))
	case len(users) > 0:
		return "", fault.New(fault.ReleaseVersionInUse, "ReleaseVersion '%s/%s' is still in use by: %s", payload.Name, payload.Version, strings.Join(users, ", "))
	}
	if payload.Version != "" {
		_, err := d.state.Release(ctx, payload.Name, payload.Version)
		if errors.Is(err, state.ErrNotFound) {
			return "", fault.New(fault.ReleaseVersion, "Release version '%s/%s' doesn't exist", payload.Name, payload.Version)
		}
		if err != nil {
			return "", err
		}
	}
	name := payload.Name
	if payload.Version != "" {
		name += "/" + payload.Version
	}
	err = t.stage("Deleting release version", nil, 1).run(ctx, name, func(*step) error {
		return d.removeRelease(ctx, payload.Name, payload.Version)
	})
	return "/release/" + payload.Name, err
}

func (d *Director) deleteStemcell(ctx context.Context, t *task, payload releasePayload) (string, error) {
	stemcells, err := d.state.Stemcells(ctx)
	if err != nil {
		return "", err
	}
	name := payload.Name + "/" + payload.Version
	at := slices.IndexFunc(stemcells, func(s state.Stemcell) bool { return s.Name+"/"+s.Version == name })
	if at < 0 {
		return "", fault.New(fault.StemcellNotFound, "Stemcell '%s' doesn't exist", name)
	}
	deployments, err := d.state.Deployments(ctx)
	if err != nil {
		return "", err
	}
	if users := usedStemcells(deployments)[state.Version{Name: payload.Name, Version: payload.Version}]; len(users) > 0 {
		return "", fault.New(fault.StemcellInUse, "Stemcell '%s' is still in use by: %s", name, strings.Join(users, ", "))
	}
	err = t.stage("Deleting stemcell from cloud", nil, 1).run(ctx, name, func(*step) error {
		return d.state.DeleteStemcell(ctx, stemcells[at].ID)
	})
	return "/stemcells/" + name, err
}
