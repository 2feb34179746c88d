package director

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/state"
)

func linkRoutes() []route {
	return []route{
		{method: "GET", path: "/link_providers", handle: (*call).linkProviders},
		{method: "GET", path: "/link_consumers", handle: (*call).linkConsumers},
		{method: "GET", path: "/links", handle: (*call).links},
		{method: "POST", path: "/links", media: mediaJSON, allow: change, handle: (*call).postLink},
		{method: "DELETE", path: "/links/{id}", allow: change, handle: (*call).deleteLink},
		{method: "GET", path: "/link_address", handle: (*call).linkAddress},
	}
}

type linkOwner struct {
	Type string         `json:"type"`
	Name string         `json:"name"`
	Info *linkOwnerInfo `json:"info,omitempty"`
}

type linkOwnerInfo struct {
	Group string `json:"instance_group"`
}

// linkDocument is a link on the wire (reference/director-api.md §15).
type linkDocument struct {
	ID         string  `json:"id"`
	Name       string  `json:"name"`
	ConsumerID string  `json:"link_consumer_id"`
	ProviderID *string `json:"link_provider_id"`
	CreatedAt  string  `json:"created_at"`
}

func newLinkDocument(l state.Link) linkDocument {
	document := linkDocument{ID: number(l.ID), Name: l.Name, ConsumerID: number(l.ConsumerID), CreatedAt: longTime(l.CreatedAt)}
	if l.ProviderID != nil {
		id := number(*l.ProviderID)
		document.ProviderID = &id
	}
	return document
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// ofDeployment returns the deployment that a query names.
func (c *call) ofDeployment() (state.Deployment, error) {
	name := c.query.Get("deployment")
	if name == "" {
		return state.Deployment{}, fault.New(fault.NameRequired, "Deployment name is required")
	}
	return c.deploymentCalled(name, c.readDeployment)
}

func (c *call) linkProviders() error {
	d, err := c.ofDeployment()
	if err != nil {
		return err
	}
	providers, err := c.d.state.LinkProviders(c.r.Context(), d.Name)
	if err != nil {
		return err
	}
	type document struct {
		ID         string            `json:"id"`
		Name       string            `json:"name"`
		Shared     bool              `json:"shared"`
		Deployment string            `json:"deployment"`
		Definition map[string]string `json:"link_provider_definition"`
		Owner      linkOwner         `json:"owner_object"`
	}
	documents := []document{}
	for _, p := range providers {
		documents = append(documents, document{
			ID: number(p.ID), Name: p.Name, Shared: p.Shared, Deployment: p.Deployment,
			Definition: map[string]string{"type": p.Type, "name": p.Link},
			Owner:      linkOwner{Type: "job", Name: p.Job, Info: &linkOwnerInfo{Group: p.Group}},
		})
	}
	return c.html(http.StatusOK, documents)
}

func (c *call) linkConsumers() error {
	d, err := c.ofDeployment()
	if err != nil {
		return err
	}
	consumers, err := c.d.state.LinkConsumers(c.r.Context(), d.Name)
	if err != nil {
		return err
	}
	type document struct {
		ID         string            `json:"id"`
		Name       string            `json:"name"`
		Optional   bool              `json:"optional"`
		Deployment string            `json:"deployment"`
		Owner      linkOwner         `json:"owner_object"`
		Definition map[string]string `json:"link_consumer_definition"`
	}
	documents := []document{}
	for _, consumer := range consumers {
		owner := linkOwner{Type: consumer.OwnerType, Name: consumer.Owner}
		if consumer.OwnerType == "job" {
			owner.Info = &linkOwnerInfo{Group: consumer.Group}
		}
		documents = append(documents, document{
			ID: number(consumer.ID), Name: consumer.Name, Optional: consumer.Optional, Deployment: consumer.Deployment, Owner: owner,
			Definition: map[string]string{"name": consumer.Link, "type": consumer.Type},
		})
	}
	return c.html(http.StatusOK, documents)
}

func (c *call) links() error {
	d, err := c.ofDeployment()
	if err != nil {
		return err
	}
	links, err := c.d.state.Links(c.r.Context(), d.Name)
	if err != nil {
		return err
	}
	documents := []linkDocument{}
	for _, l := range links {
		documents = append(documents, newLinkDocument(l))
	}
	return c.html(http.StatusOK, documents)
}

func (c *call) postLink() error {
	var wish struct {
		Provider json.RawMessage `json:"link_provider_id"`
		Consumer *struct {
			Owner struct {
				Name string `json:"name"`
				Type string `json:"type"`
			} `json:"owner_object"`
		} `json:"link_consumer"`
		Network string `json:"network"`
	}
	if err := c.decode(&wish); err != nil {
		return err
	}
	given := strings.Trim(string(wish.Provider), `"`)
	if given == "" || given == "null" {
		return fault.New(fault.LinkProviderMissing, "Invalid request: `link_provider_id` must be provided")
	}
	if wish.Consumer == nil || wish.Consumer.Owner.Name == "" || wish.Consumer.Owner.Type != "external" {
		return fault.New(fault.LinkConsumerInvalid, "Invalid request: `link_consumer.owner_object` must have a name and type external")
	}
	invalid := fault.New(fault.LinkProviderInvalid, "Invalid link_provider_id: %s", given)
	id, err := strconv.ParseInt(given, 10, 64)
	if err != nil {
		return invalid
	}
	provider, err := c.d.state.LinkProvider(c.r.Context(), id)
	if errors.Is(err, state.ErrNotFound) {
		return invalid
	}
	if err != nil {
		return err
	}
	if _, err := c.deploymentCalled(provider.Deployment, c.changeDeployment); err != nil {
		return err
	}
	if !provider.Shared {
		return fault.WithStatus(http.StatusForbidden, fault.LinkNotShared, "Provider not `shared`")
	}
	network := wish.Network
	if network == "" {
		network = provider.Networks[0]
	} else if !slices.Contains(provider.Networks, network) {
		return fault.New(fault.LinkProviderInvalid, "Can't resolve network: `%s` in provider id: %s for `%s`", network, given, wish.Consumer.Owner.Name)
	}
	link, err := c.d.state.AddExternalLink(c.r.Context(), provider, wish.Consumer.Owner.Name, network)
	if err != nil {
		return err
	}
	return c.html(http.StatusOK, newLinkDocument(link))
}

// linkWithOwner returns a link with its consumer, or missing when there is none.
func (c *call) linkWithOwner(id string, missing error) (state.Link, state.LinkConsumer, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return state.Link{}, state.LinkConsumer{}, missing
	}
	link, err := c.d.state.Link(c.r.Context(), n)
	if errors.Is(err, state.ErrNotFound) {
		return state.Link{}, state.LinkConsumer{}, missing
	}
	if err != nil {
		return state.Link{}, state.LinkConsumer{}, err
	}
	consumer, err := c.d.state.LinkConsumer(c.r.Context(), link.ConsumerID)
	return link, consumer, err
}

func (c *call) deleteLink() error {
	id := c.vars["id"]
	link, consumer, err := c.linkWithOwner(id, fault.NotFound(fault.LinkNotFound, "Invalid link id: %s", id))
	if err != nil {
		return err
	}
	if _, err := c.deploymentCalled(consumer.Deployment, c.changeDeployment); err != nil {
		return err
	}
	if consumer.OwnerType != "external" {
		return fault.New(fault.LinkNotExternal, "Error deleting link: not a external link")
	}
	if err := c.d.state.DeleteExternalLink(c.r.Context(), link); err != nil {
		return err
	}
	return c.nothing()
}

// linkAddress answers with the DNS name behind a link, for some zones and states of health.
func (c *call) linkAddress() error {
	id := c.query.Get("link_id")
	if id == "" {
		return fault.New(fault.LinkIDMissing, "Link id is required")
	}
	statuses := map[string]string{"": "s0", "default": "s0", "unhealthy": "s1", "healthy": "s3", "all": "s4"}
	status, ok := statuses[c.query.Get("status")]
	if !ok {
		return fault.New(fault.LinkStatusInvalid, `status must be a one of: ["healthy", "unhealthy", "all", "default"]`)
	}
	link, _, err := c.linkWithOwner(id, fault.NotFound(fault.LinkNotFound, "Could not find a link with id %s", id))
	if err != nil {
		return err
	}
	if link.ProviderID == nil {
		return fault.NotFound(fault.LinkNotFound, "Could not find a link with id %s", id)
	}
	provider, err := c.d.state.LinkProvider(c.r.Context(), *link.ProviderID)
	if err != nil {
		return err
	}
	if _, err := c.deploymentCalled(provider.Deployment, c.readDeployment); err != nil {
		return err
	}
	if c.query.Has("azs") {
		return fault.New(fault.LinkAZInvalid, "`azs` param must be array type: `azs[]=`")
	}
	zones, err := c.zoneCodes(provider.Deployment, c.query["azs[]"])
	if err != nil {
		return err
	}
	return c.html(http.StatusOK, map[string]string{
		"address": "q-" + zones + status + "." + dnsSuffix(provider.Group, link.Network, provider.Deployment),
	})
}

// zoneCodes are the numbers under which BOSH DNS knows zones: their places in the cloud-config.
func (c *call) zoneCodes(deployment string, wanted []string) (string, error) {
	if len(wanted) == 0 {
		return "", nil
	}
	zones, err := c.d.zones(c.r.Context(), deployment)
	if err != nil {
		return "", err
	}
	codes := ""
	for _, az := range wanted {
		at := slices.Index(zones, az)
		if at < 0 {
			return "", fault.New(fault.LinkAZInvalid, "az %s is not valid", az)
		}
		codes += "a" + strconv.Itoa(at+1)
	}
	return codes, nil
}
