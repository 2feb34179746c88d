package director

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/local/director/catalog"
	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/state"
)

func releaseRoutes() []route {
	return []route{
		{method: "GET", path: "/releases", allow: list, handle: (*call).releases},
		{method: "GET", path: "/releases/{name}", allow: list, handle: (*call).release},
		{method: "DELETE", path: "/releases/{name}", allow: admin, handle: (*call).deleteRelease},
		{method: "POST", path: "/releases", media: mediaArchive, allow: upload("releases"), handle: (*call).uploadRelease},
		{method: "POST", path: "/releases", media: mediaJSON, allow: upload("releases"), handle: (*call).remoteRelease},
		{method: "GET", path: "/stemcells", allow: list, handle: (*call).stemcells},
		{method: "DELETE", path: "/stemcells/{name}/{version}", allow: admin, handle: (*call).deleteStemcell},
		{method: "POST", path: "/stemcells", media: mediaArchive, allow: upload("stemcells"), handle: (*call).uploadStemcell},
		{method: "POST", path: "/stemcells", media: mediaJSON, allow: upload("stemcells"), handle: (*call).remoteStemcell},
		{method: "POST", path: "/stemcell_uploads", allow: list, handle: (*call).stemcellNeeded},
		{method: "POST", path: "/packages/matches", media: mediaYAML, allow: upload("releases"), handle: (*call).packageMatches},
		{method: "POST", path: "/packages/matches_compiled", media: mediaYAML, allow: upload("releases"), handle: (*call).packageMatches},
		{method: "GET", path: "/jobs", allow: read, handle: (*call).job},
	}
}

// usedReleases tells which deployments use each release version.
func usedReleases(deployments []state.Deployment) map[state.Version][]string {
	used := map[state.Version][]string{}
	for _, d := range deployments {
		for _, r := range d.Releases {
			used[r] = append(used[r], d.Name)
		}
	}
	return used
}

func usedStemcells(deployments []state.Deployment) map[state.Version][]string {
	used := map[state.Version][]string{}
	for _, d := range deployments {
		for _, s := range d.Stemcells {
			used[s] = append(used[s], d.Name)
		}
	}
	return used
}

func (c *call) releases() error {
	releases, err := c.d.state.Releases(c.r.Context())
	if err != nil {
		return err
	}
	deployments, err := c.d.state.Deployments(c.r.Context())
	if err != nil {
		return err
	}
	used := usedReleases(deployments)
	type version struct {
		Version           string   `json:"version"`
		CommitHash        string   `json:"commit_hash"`
		Uncommitted       bool     `json:"uncommitted_changes"`
		CurrentlyDeployed bool     `json:"currently_deployed"`
		JobNames          []string `json:"job_names"`
	}
	type document struct {
		Name     string    `json:"name"`
		Versions []version `json:"release_versions"`
	}
	documents := []document{}
	for _, r := range releases {
		if n := len(documents); n == 0 || documents[n-1].Name != r.Name {
			documents = append(documents, document{Name: r.Name})
		}
		last := &documents[len(documents)-1]
		last.Versions = append(last.Versions, version{
			Version: r.Version, CommitHash: "non-git", JobNames: r.JobNames(),
			CurrentlyDeployed: len(used[state.Version{Name: r.Name, Version: r.Version}]) > 0,
		})
	}
	return c.html(http.StatusOK, documents)
}

// fingerprint stands in for what a release's builder computes.
func fingerprint(parts ...any) string {
	text, _ := json.Marshal(parts) // plain structures
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// versionsOf returns all versions of the release in the path.
func (c *call) versionsOf(name string) ([]catalog.Release, error) {
	releases, err := c.d.state.Releases(c.r.Context())
	if err != nil {
		return nil, err
	}
	releases = slices.DeleteFunc(releases, func(r catalog.Release) bool { return r.Name != name })
	if len(releases) == 0 {
		return nil, fault.NotFound(fault.ReleaseNotFound, "Release '%s' doesn't exist", name)
	}
	return releases, nil
}

func (c *call) release() error {
	name := c.vars["name"]
	versions, err := c.versionsOf(name)
	if err != nil {
		return err
	}
	if c.query.Has("version") {
		at := slices.IndexFunc(versions, func(r catalog.Release) bool { return r.Version == c.query.Get("version") })
		if at < 0 {
			return fault.NotFound(fault.ReleaseVersion, "Release version '%s/%s' doesn't exist", name, c.query.Get("version"))
		}
		return c.releaseVersion(versions[at])
	}
	type job struct {
		Name     string   `json:"name"`
		SHA1     string   `json:"sha1"`
		Version  string   `json:"version"`
		Packages []string `json:"packages"`
	}
	jobs, names := []job{}, []string{}
	for _, r := range versions {
		names = append(names, r.Version)
		for _, j := range r.Jobs {
			print := fingerprint(j)
			if !slices.ContainsFunc(jobs, func(other job) bool { return other.Version == print }) {
				jobs = append(jobs, job{Name: j.Name, SHA1: "sha256:" + print, Version: print, Packages: []string{}})
			}
		}
	}
	return c.json(http.StatusOK, struct {
		Packages []string `json:"packages"`
		Jobs     []job    `json:"jobs"`
		Versions []string `json:"versions"`
	}{[]string{}, jobs, names})
}

type linkSpec struct {
	Name       string   `json:"name"`
	Type       string   `json:"type"`
	Optional   bool     `json:"optional,omitempty"`
	Shared     bool     `json:"shared,omitempty"`
	Properties []string `json:"properties,omitempty"`
}

func linkSpecs(links []catalog.Link) []linkSpec {
	specs := []linkSpec{}
	for _, l := range links {
		specs = append(specs, linkSpec{Name: l.Name, Type: l.Type, Optional: l.Optional, Shared: l.Shared, Properties: l.Properties})
	}
	return specs
}

func (c *call) releaseVersion(r catalog.Release) error {
	type job struct {
		Name        string     `json:"name"`
		BlobID      string     `json:"blobstore_id"`
		SHA1        string     `json:"sha1"`
		Fingerprint string     `json:"fingerprint"`
		Consumes    []linkSpec `json:"consumes"`
		Provides    []linkSpec `json:"provides"`
	}
	jobs := []job{}
	for _, j := range r.Jobs {
		print := fingerprint(j)
		jobs = append(jobs, job{
			Name: j.Name, BlobID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(print)).String(), SHA1: "sha256:" + print, Fingerprint: print,
			Consumes: linkSpecs(j.Consumes), Provides: linkSpecs(j.Provides),
		})
	}
	return c.json(http.StatusOK, struct {
		Jobs     []job    `json:"jobs"`
		Packages []string `json:"packages"`
	}{jobs, []string{}})
}

func (c *call) deleteRelease() error {
	name := c.vars["name"]
	if _, err := c.versionsOf(name); err != nil {
		return err
	}
	return c.task(typeDeleteRelease, "delete release: "+name, "", releasePayload{Name: name, Version: c.query.Get("version"), Force: c.is("force")})
}

func (c *call) stemcells() error {
	stemcells, err := c.d.state.Stemcells(c.r.Context())
	if err != nil {
		return err
	}
	deployments, err := c.d.state.Deployments(c.r.Context())
	if err != nil {
		return err
	}
	used := usedStemcells(deployments)
	type document struct {
		Name        string              `json:"name"`
		OS          string              `json:"operating_system"`
		Version     string              `json:"version"`
		CID         string              `json:"cid"`
		CPI         string              `json:"cpi"`
		Deployments []map[string]string `json:"deployments"`
		APIVersion  int                 `json:"api_version"`
		ID          int64               `json:"id"`
	}
	documents := []document{}
	for _, s := range stemcells {
		users := []map[string]string{}
		for _, name := range used[state.Version{Name: s.Name, Version: s.Version}] {
			users = append(users, map[string]string{"name": name})
		}
		documents = append(documents, document{
			Name: s.Name, OS: s.OS, Version: s.Version, CID: s.CID, Deployments: users, APIVersion: stemcellAPIVersion, ID: s.ID,
		})
	}
	return c.html(http.StatusOK, documents)
}

func (c *call) deleteStemcell() error {
	payload := releasePayload{Name: c.vars["name"], Version: c.vars["version"], Force: c.is("force")}
	return c.task(typeDeleteStemcell, "delete stemcell: "+payload.Name+"/"+payload.Version, "", payload)
}

func (c *call) stemcellNeeded() error {
	var wish struct {
		Stemcell *struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"stemcell"`
	}
	if err := c.decode(&wish); err != nil {
		return err
	}
	if wish.Stemcell == nil {
		return fault.New(fault.MissingField, "Required property 'stemcell' was not specified in object ({})")
	}
	if wish.Stemcell.Name == "" || wish.Stemcell.Version == "" {
		return fault.New(fault.MissingField, "Required property 'name' and 'version' were not specified in object")
	}
	stemcells, err := c.d.state.Stemcells(c.r.Context())
	if err != nil {
		return err
	}
	there := slices.ContainsFunc(stemcells, func(s state.Stemcell) bool {
		return s.Name == wish.Stemcell.Name && s.Version == wish.Stemcell.Version
	})
	return c.html(http.StatusOK, map[string]bool{"needed": !there})
}

// packageMatches answers that no package is known: none is kept.
func (c *call) packageMatches() error { return c.json(http.StatusOK, []string{}) }

// job answers with the specification of one job of one release.
func (c *call) job() error {
	name, release, print := c.query.Get("name"), c.query.Get("release_name"), c.query.Get("fingerprint")
	if name == "" || release == "" || print == "" {
		c.text(http.StatusBadRequest, "")
		return nil
	}
	releases, err := c.d.state.Releases(c.r.Context())
	if err != nil {
		return err
	}
	for _, r := range releases {
		j, ok := r.Job(name)
		if !ok || r.Name != release || fingerprint(j) != print {
			continue
		}
		properties := map[string]any{}
		for _, path := range j.Properties {
			properties[path] = map[string]any{}
		}
		return c.json(http.StatusOK, []map[string]any{{"name": name, "fingerprint": print, "spec": map[string]any{
			"name": name, "properties": properties, "consumes": linkSpecs(j.Consumes), "provides": linkSpecs(j.Provides),
		}}})
	}
	return &plainError{status: http.StatusNotFound, text: "Endpoint '/jobs' not found."}
}
