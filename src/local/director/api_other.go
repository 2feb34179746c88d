package director

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/state"
)

func otherRoutes() []route {
	return []route{
		{method: "GET", path: "/info", handle: (*call).info},
		{method: "GET", path: "/locks", allow: read, handle: (*call).heldLocks},
		{method: "GET", path: "/events", allow: listConfigs, handle: (*call).events},
		{method: "GET", path: "/events/{id}", allow: listConfigs, handle: (*call).event},
		{method: "POST", path: "/events", media: mediaJSON, allow: admin, handle: (*call).postEvent},
		{method: "GET", path: "/disks", allow: admin, handle: (*call).disks},
		{method: "GET", path: "/orphan_disks", allow: admin, handle: (*call).disks},
		{method: "DELETE", path: "/disks/{cid}", allow: admin, handle: (*call).deleteDisk},
		{method: "DELETE", path: "/orphan_disks/{cid}", allow: admin, handle: (*call).deleteDisk},
		{method: "GET", path: "/orphaned_vms", allow: admin, handle: (*call).emptyList},
		{method: "GET", path: "/networks", allow: admin, handle: (*call).networks},
		{method: "DELETE", path: "/vms/{cid}", allow: admin, handle: (*call).deleteVM},
		{method: "GET", path: "/resurrection", allow: admin, handle: (*call).resurrection},
		{method: "PUT", path: "/resurrection", media: mediaJSON, allow: admin, handle: (*call).putResurrection},
		{method: "GET", path: "/director/certificate_expiry", allow: read, handle: (*call).emptyList},
		{method: "GET", path: "/cleanup/dryrun", allow: admin, handle: (*call).cleanupDryRun},
		{method: "POST", path: "/cleanup", media: mediaJSON, allow: admin, handle: (*call).cleanup},
		{method: "GET", path: "/resources/{id}", allow: admin, handle: (*call).resource},
	}
}

// feature is one entry of GET /info's features.
type feature struct {
	Status bool           `json:"status"`
	Extras map[string]any `json:"extras,omitempty"`
}

// infoDocument is GET /info (reference/director-api.md §4).
type infoDocument struct {
	Name            string         `json:"name"`
	UUID            string         `json:"uuid"`
	Version         string         `json:"version"`
	User            *string        `json:"user"`
	CPI             string         `json:"cpi"`
	StemcellOS      string         `json:"stemcell_os"`
	StemcellVersion string         `json:"stemcell_version"`
	Authentication  authentication `json:"user_authentication"`
	Features        features       `json:"features"`
}

type authentication struct {
	Type    string         `json:"type"`
	Options map[string]any `json:"options"`
}

type features struct {
	LocalDNS     feature `json:"local_dns"`
	Snapshots    feature `json:"snapshots"`
	ConfigServer feature `json:"config_server"`
}

// cpiName is what GET /info calls the maker of machines.
const cpiName = "pks_local_cpi"

func (c *call) info() error {
	document := infoDocument{
		Name: c.d.config.Name, UUID: c.d.uuid, Version: c.d.config.Version + " (00000000)", CPI: cpiName,
		StemcellOS: "-", StemcellVersion: "-",
		Authentication: authentication{Type: "basic", Options: map[string]any{}},
		Features: features{
			LocalDNS:     feature{Status: true, Extras: map[string]any{"domain_name": "bosh"}},
			ConfigServer: feature{Status: true, Extras: map[string]any{"urls": []string{c.d.config.ConfigServerURL}}},
		},
	}
	if url := c.d.config.Auth.UAAURL(); url != "" {
		document.Authentication = authentication{Type: "uaa", Options: map[string]any{"url": url, "urls": []string{url}}}
	}
	if c.who != nil {
		document.User = &c.who.User
	}
	return c.json(http.StatusOK, document)
}

func (c *call) heldLocks() error {
	type document struct {
		Type     string   `json:"type"`
		Resource []string `json:"resource"`
		Timeout  string   `json:"timeout"`
		TaskID   string   `json:"task_id"`
	}
	now := time.Now()
	documents := []document{}
	for _, held := range c.d.locks.list() {
		documents = append(documents, document{
			Type: held.kind, Resource: []string{held.resource}, TaskID: strconv.FormatInt(held.task, 10),
			Timeout: strconv.FormatFloat(float64(held.expiry(now).UnixMicro())/1e6, 'f', 6, 64),
		})
	}
	return c.json(http.StatusOK, documents)
}

func (c *call) disks() error {
	disks, err := c.d.state.OrphanDisks(c.r.Context())
	if err != nil {
		return err
	}
	type document struct {
		CID        string         `json:"disk_cid"`
		Size       int            `json:"size"`
		AZ         *string        `json:"az"`
		Deployment string         `json:"deployment_name"`
		Instance   string         `json:"instance_name"`
		Properties map[string]any `json:"cloud_properties"`
		OrphanedAt string         `json:"orphaned_at"`
	}
	documents := []document{}
	for _, d := range disks {
		documents = append(documents, document{
			CID: d.CID, Size: d.Size, AZ: absent(d.AZ), Deployment: d.Deployment, Instance: d.Instance,
			Properties: map[string]any{}, OrphanedAt: longTime(d.OrphanedAt),
		})
	}
	return c.json(http.StatusOK, documents)
}

func (c *call) deleteDisk() error {
	return c.task(typeDeleteDisk, "delete orphan disks", "", objectPayload{Object: c.vars["cid"]})
}

func (c *call) deleteVM() error {
	return c.task(typeDeleteVM, "delete vm "+c.vars["cid"], "", objectPayload{Object: c.vars["cid"]})
}

func (c *call) emptyList() error { return c.json(http.StatusOK, []string{}) }

func (c *call) networks() error {
	if !c.is("orphaned") {
		c.write(http.StatusInternalServerError, mediaJSON, "listing active networks is not implemented")
		return nil
	}
	return c.emptyList()
}

// settingPaused is the setting that says whether dead machines stay dead.
const settingPaused = "resurrection_paused"

func (c *call) resurrection() error {
	paused, err := c.d.state.Setting(c.r.Context(), settingPaused, "false")
	if err != nil {
		return err
	}
	return c.html(http.StatusOK, map[string]bool{"resurrection": paused != "true"})
}

func (c *call) putResurrection() error {
	var wish struct {
		Paused bool `json:"resurrection_paused"`
	}
	if err := c.decode(&wish); err != nil {
		return err
	}
	if err := c.d.state.SetSetting(c.r.Context(), settingPaused, strconv.FormatBool(wish.Paused)); err != nil {
		return err
	}
	if !wish.Paused {
		c.d.dead.again()
	}
	c.text(http.StatusOK, "")
	return nil
}

// resource answers with a stored file (reference/director-api.md §16).
func (c *call) resource() error {
	id := c.vars["id"]
	if !uuidText.MatchString(id) {
		return fault.New(fault.Resource, "Blobstore error accessing resource '%s': Invalid blob id", id)
	}
	blob, err := c.d.state.Blob(c.r.Context(), id)
	if errors.Is(err, state.ErrNotFound) {
		return fault.NotFound(fault.ResourceNotFound, "Resource '%s' not found in the blobstore", id)
	}
	if err != nil {
		return err
	}
	c.w.Header().Del("WWW-Authenticate")
	c.w.Header().Set("Accept-Ranges", "bytes")
	c.w.Header().Set("ETag", `"`+id+`"`)
	c.write(http.StatusOK, "application/x-gzip", string(blob))
	return nil
}
