package director

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/state"
)

func instanceRoutes() []route {
	return []route{
		{method: "GET", path: "/deployments/{name}/vms", handle: (*call).vms},
		{method: "GET", path: "/deployments/{name}/instances", handle: (*call).instances},
		{method: "PUT", path: "/deployments/{name}/jobs/{group}", media: mediaYAML, handle: (*call).putGroup},
		{method: "PUT", path: "/deployments/{name}/jobs/{group}/{instance}", media: mediaYAML, handle: (*call).putInstance},
		{method: "GET", path: "/deployments/{name}/jobs/{group}/{instance}", handle: (*call).instance},
		{method: "PUT", path: "/deployments/{name}/instance_groups/{group}/{instance}/ignore", media: mediaJSON, handle: (*call).ignore},
		{method: "POST", path: "/deployments/{name}/instance_groups/{group}/{instance}/actions/{action:stop|start|restart|recreate}", handle: (*call).action},
		{method: "GET", path: "/deployments/{name}/jobs/{group}/{instance}/logs", handle: (*call).logs},
		{method: "POST", path: "/deployments/{name}/ssh", media: mediaJSON, handle: (*call).ssh},
		{method: "PUT", path: "/deployments/{name}/jobs/{group}/{instance}/resurrection", media: mediaJSON, handle: (*call).gone},
	}
}

// vmDocument is one machine in the short list.
type vmDocument struct {
	AgentID     *string  `json:"agent_id"`
	CID         *string  `json:"cid"`
	Job         string   `json:"job"`
	Index       int      `json:"index"`
	ID          string   `json:"id"`
	AZ          *string  `json:"az"`
	IPs         []string `json:"ips"`
	VMCreatedAt *string  `json:"vm_created_at"`
	Active      *bool    `json:"active,omitempty"`
	Permanent   *bool    `json:"permanent_nats_credentials,omitempty"`
	ExpectsVM   *bool    `json:"expects_vm,omitempty"`
}

func newVMDocument(i *state.Instance) vmDocument {
	document := vmDocument{Job: i.Group, Index: i.Index, ID: i.ID, AZ: absent(i.AZ), IPs: []string{}}
	if i.VMCID != "" {
		created := vmTime(i)
		document.AgentID, document.CID, document.VMCreatedAt, document.IPs = &i.AgentID, &i.VMCID, &created, ipsOf(i)
	}
	return document
}

func (c *call) vms() error {
	d, err := c.named(c.readDeployment)
	if err != nil {
		return err
	}
	if c.query.Get("format") == "full" {
		return c.task(typeStats, "retrieve vm-stats", d.Name, statsPayload{Deployment: d.Name})
	}
	all, err := c.d.state.Instances(c.r.Context(), d.Name)
	if err != nil {
		return err
	}
	documents := []vmDocument{}
	for _, i := range all {
		if i.VMCID == "" {
			continue
		}
		active, permanent := true, false
		document := newVMDocument(i)
		document.Active, document.Permanent = &active, &permanent
		documents = append(documents, document)
	}
	return c.html(http.StatusOK, documents)
}

func (c *call) instances() error {
	d, err := c.named(c.readDeployment)
	if err != nil {
		return err
	}
	if c.query.Get("format") == "full" {
		return c.task(typeStats, "retrieve vm-stats", d.Name, statsPayload{Deployment: d.Name, All: true})
	}
	all, err := c.d.state.Instances(c.r.Context(), d.Name)
	if err != nil {
		return err
	}
	documents := []vmDocument{}
	for _, i := range all {
		document := newVMDocument(i)
		expects := i.Lifecycle == "service" && i.Configured && i.State != state.Detached
		document.ExpectsVM = &expects
		documents = append(documents, document)
	}
	return c.html(http.StatusOK, documents)
}

var uuidText = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)

// namedInstance returns the instance in the path: group and index, or group and id.
func (c *call) namedInstance(d state.Deployment) (*state.Instance, error) {
	group, which := c.vars["group"], c.vars["instance"]
	index, err := strconv.Atoi(which)
	byIndex := err == nil && index >= 0
	if !byIndex && !uuidText.MatchString(which) {
		return nil, fault.New(fault.InvalidInstance, "Invalid instance index or id '%s'", which)
	}
	all, err := c.d.state.Instances(c.r.Context(), d.Name)
	if err != nil {
		return nil, err
	}
	for _, i := range all {
		if i.Group == group && (byIndex && i.Index == index || !byIndex && strings.EqualFold(i.ID, which)) {
			return i, nil
		}
	}
	return nil, fault.NotFound(fault.InstanceNotFound, "'%s/%s/%s' doesn't exist", d.Name, group, which)
}

func (c *call) instance() error {
	d, err := c.named(c.changeDeployment)
	if err != nil {
		return err
	}
	i, err := c.namedInstance(d)
	if err != nil {
		return err
	}
	type document struct {
		Deployment string   `json:"deployment"`
		Job        string   `json:"job"`
		Index      int      `json:"index"`
		ID         string   `json:"id"`
		State      string   `json:"state"`
		Disks      []string `json:"disks"`
	}
	disks := []string{}
	if i.DiskCID != "" {
		disks = append(disks, i.DiskCID)
	}
	return c.html(http.StatusOK, document{Deployment: d.Name, Job: i.Group, Index: i.Index, ID: i.ID, State: i.State, Disks: disks})
}

func (c *call) putGroup() error {
	d, err := c.named(c.changeDeployment)
	if err != nil {
		return err
	}
	return c.changeState(d, stateChange{Group: c.vars["group"], State: c.query.Get("state")})
}

func (c *call) putInstance() error {
	d, err := c.named(c.changeDeployment)
	if err != nil {
		return err
	}
	i, err := c.namedInstance(d)
	if err != nil {
		return err
	}
	return c.changeState(d, stateChange{Group: i.Group, Instance: i.ID, State: c.query.Get("state")})
}

// changeState makes the task of PUT /deployments/NAME/jobs/… (reference/director-api.md §9.1): a
// deploy of the stored manifest, or of the one in the body.
func (c *call) changeState(d state.Deployment, change stateChange) error {
	text, err := c.body()
	if err != nil {
		return err
	}
	options, err := c.deployOptions()
	if err != nil {
		return err
	}
	if c.is("skip_drain") {
		options.SkipDrain = []string{"*"}
	}
	if change.State != "" {
		options.Change = &change
	}
	options.Pinned = text == ""
	return c.task(typeDeploy, "create deployment", d.Name, deployPayload{Name: d.Name, Manifest: text, Options: options})
}

func (c *call) ignore() error {
	d, err := c.named(c.changeDeployment)
	if err != nil {
		return err
	}
	i, err := c.namedInstance(d)
	if err != nil {
		return err
	}
	var wish struct {
		Ignore bool `json:"ignore"`
	}
	if err := c.decode(&wish); err != nil {
		return err
	}
	if err := c.d.state.SetIgnored(c.r.Context(), i.ID, wish.Ignore); err != nil {
		return err
	}
	c.text(http.StatusOK, "")
	return nil
}

func (c *call) gone() error {
	if _, err := c.named(c.changeDeployment); err != nil {
		return err
	}
	return &plainError{status: http.StatusGone, text: "This endpoint has been removed. Please use PUT /resurrection instead."}
}
