package director

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/manifest"
	"github.com/pks-community/pks-release/src/local/director/state"
)

func deploymentRoutes() []route {
	return []route{
		{method: "GET", path: "/deployments", allow: list, handle: (*call).deployments},
		{method: "POST", path: "/deployments", media: mediaYAML, allow: change, handle: (*call).postDeployment},
		{method: "GET", path: "/deployments/{name}", handle: (*call).deployment},
		{method: "DELETE", path: "/deployments/{name}", handle: (*call).deleteDeployment},
		{method: "POST", path: "/deployments/{name}/diff", media: mediaYAML, handle: (*call).diffDeployment},
		{method: "GET", path: "/deployments/{name}/variables", handle: (*call).variables},
		{method: "GET", path: "/deployments/{name}/certificate_expiry", handle: (*call).certificateExpiry},
		{method: "GET", path: "/deployments/{name}/errands", handle: (*call).errands},
		{method: "POST", path: "/deployments/{name}/errands/{errand}/runs", handle: (*call).postErrand},
		{method: "GET", path: "/deployed_variables/{name}", allow: list, handle: (*call).deployedVariable},
		{method: "GET", path: "/deployment_configs", allow: list, handle: (*call).deploymentConfigs},
	}
}

// deploymentDocument is a deployment in the list.
type deploymentDocument struct {
	Name        string           `json:"name"`
	Teams       []string         `json:"teams"`
	CloudConfig *string          `json:"cloud_config,omitempty"`
	Stemcells   *[]state.Version `json:"stemcells,omitempty"`
	Releases    *[]state.Version `json:"releases,omitempty"`
	Locked      *bool            `json:"locked,omitempty"`
}

func (c *call) deployments() error {
	all, err := c.d.state.Deployments(c.r.Context())
	if err != nil {
		return err
	}
	var newest []state.Config
	if !c.is("exclude_configs") {
		if newest, err = c.d.state.Configs(c.r.Context(), state.ConfigFilter{Type: "cloud", PerName: 1}); err != nil {
			return err
		}
	}
	documents := []deploymentDocument{}
	for _, d := range all {
		if !c.mayRead(d.Teams) {
			continue
		}
		document := deploymentDocument{Name: d.Name, Teams: d.Teams}
		if !c.is("exclude_configs") {
			age := configAge(d, newest)
			document.CloudConfig = &age
		}
		if !c.is("exclude_stemcells") {
			document.Stemcells = &d.Stemcells
		}
		if !c.is("exclude_releases") {
			document.Releases = &d.Releases
		}
		if !c.is("exclude_lock") {
			locked := c.d.locks.isHeld("deployment", d.Name)
			document.Locked = &locked
		}
		documents = append(documents, document)
	}
	return c.html(http.StatusOK, documents)
}

// configAge tells whether a deployment uses the newest cloud-configs.
func configAge(d state.Deployment, newest []state.Config) string {
	if len(d.CloudConfigs) == 0 {
		return "none"
	}
	current := ids(slices.DeleteFunc(slices.Clone(newest), func(config state.Config) bool {
		return config.Team != nil && !slices.Contains(d.Teams, *config.Team)
	}))
	if slices.Equal(current, d.CloudConfigs) {
		return "latest"
	}
	return "outdated"
}

// named returns the deployment in the path after checking that the caller may read or change it.
// Whether it exists is looked at first.
func (c *call) named(check func(state.Deployment) error) (state.Deployment, error) {
	return c.deploymentCalled(c.vars["name"], check)
}

func (c *call) deploymentCalled(name string, check func(state.Deployment) error) (state.Deployment, error) {
	d, err := c.d.state.Deployment(c.r.Context(), name)
	if errors.Is(err, state.ErrNotFound) {
		return state.Deployment{}, fault.NotFound(fault.DeploymentNotFound, "Deployment '%s' doesn't exist", name)
	}
	if err != nil {
		return state.Deployment{}, err
	}
	return d, check(d)
}

func (c *call) deployment() error {
	d, err := c.named(c.readDeployment)
	if err != nil {
		return err
	}
	return c.html(http.StatusOK, map[string]any{"manifest": d.Manifest})
}

// postDeployment accepts a manifest (reference/director-api.md §8.1).
func (c *call) postDeployment() error {
	text, err := c.body()
	if err != nil {
		return err
	}
	document, err := manifest.Document(text)
	if err != nil {
		return err
	}
	name, err := manifest.Name(document)
	if err != nil {
		return err
	}
	options, err := c.deployOptions()
	if err != nil {
		return err
	}
	row, err := c.d.state.Deployment(c.r.Context(), name)
	switch {
	case err == nil:
		if err := c.changeDeployment(row); err != nil {
			return err
		}
	case errors.Is(err, state.ErrNotFound):
		var teams []string
		if !c.has(c.d.adminScopes()) {
			teams = c.teams("admin")
		}
		if err := c.d.state.EnsureDeployment(c.r.Context(), name, teams); err != nil {
			return err
		}
	default:
		return err
	}
	description := "create deployment"
	if options.DryRun {
		description += " (dry run)"
	}
	return c.task(typeDeploy, description, name, deployPayload{Name: name, Manifest: text, Options: options})
}

// deployOptions reads the query of a deploy. Unknown parameters and values are ignored.
func (c *call) deployOptions() (deployOptions, error) {
	options := deployOptions{Recreate: c.is("recreate"), Fix: c.is("fix"), DryRun: c.is("dry_run")}
	if text := c.query.Get("skip_drain"); text != "" {
		options.SkipDrain = strings.Split(text, ",")
	}
	for key, field := range map[string]**manifest.Amount{"canaries": &options.Canaries, "max_in_flight": &options.MaxInFlight} {
		if amount, ok := manifest.ParseAmount(c.query.Get(key)); ok {
			*field = &amount
		}
	}
	if text := c.query.Get("recreate_vms_created_before"); text != "" {
		if !options.Recreate && c.query.Get("state") != "recreate" {
			return deployOptions{}, fault.New(fault.InvalidValue, "Must pass recreate=true when specifying recreate_vms_created_before")
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return deployOptions{}, fault.New(fault.InvalidValue, "recreate_vms_created_before '%s' is not a valid RFC 3339 time", text)
		}
		options.CreatedBefore = at.Unix()
	}
	return options, c.pinConfigs(&options)
}

// pinConfigs reads the parameter context, which names configs by id.
func (c *call) pinConfigs(options *deployOptions) error {
	text := c.query.Get("context")
	if text == "" {
		return nil
	}
	var pinned struct {
		Cloud   []int64 `json:"cloud_config_ids"`
		Runtime []int64 `json:"runtime_config_ids"`
	}
	if err := json.Unmarshal([]byte(text), &pinned); err != nil {
		return errEmpty
	}
	for _, wanted := range [][]int64{pinned.Cloud, pinned.Runtime} {
		found, err := c.d.state.ConfigsByID(c.r.Context(), wanted)
		if err != nil {
			return err
		}
		if len(found) != len(wanted) {
			return fault.New(fault.InvalidContext, "Context includes invalid config ID")
		}
	}
	options.CloudConfigs, options.RuntimeConfigs = pinned.Cloud, pinned.Runtime
	return nil
}

func (c *call) deleteDeployment() error {
	d, err := c.named(c.changeDeployment)
	if err != nil {
		return err
	}
	return c.task(typeDelete, "delete deployment "+d.Name, d.Name, deletePayload{Name: d.Name, Force: c.is("force")})
}

// variableDocument names one version of a variable.
type variableDocument struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (c *call) variables() error {
	d, err := c.named(c.changeDeployment)
	if err != nil {
		return err
	}
	return c.html(http.StatusOK, variableDocuments(d))
}

func variableDocuments(d state.Deployment) []variableDocument {
	documents := []variableDocument{}
	for _, name := range slices.Sorted(maps.Keys(d.Variables)) {
		documents = append(documents, variableDocument{ID: d.Variables[name], Name: name})
	}
	return documents
}

func (c *call) certificateExpiry() error {
	d, err := c.named(c.readDeployment)
	if err != nil {
		return err
	}
	type expiry struct {
		Name     string `json:"name"`
		ID       string `json:"id"`
		Date     string `json:"expiry_date"`
		DaysLeft int    `json:"days_left"`
	}
	found := []expiry{}
	for _, v := range variableDocuments(d) {
		at, ok := c.d.expiry(c.r.Context(), v.ID)
		if ok {
			found = append(found, expiry{Name: v.Name, ID: v.ID, Date: at.UTC().Format(time.RFC3339), DaysLeft: int(time.Until(at).Hours() / 24)})
		}
	}
	slices.SortStableFunc(found, func(a, b expiry) int { return a.DaysLeft - b.DaysLeft })
	return c.html(http.StatusOK, found)
}

// expiry returns when the certificate in a credential ends; false when it holds none.
func (d *Director) expiry(ctx context.Context, id string) (time.Time, bool) {
	credential, err := d.variables.ByID(ctx, id)
	if err != nil {
		return time.Time{}, false
	}
	fields, _ := credential.Value.(map[string]any)
	text, _ := fields["certificate"].(string)
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return time.Time{}, false
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, false
	}
	return certificate.NotAfter, true
}

func (c *call) errands() error {
	d, err := c.named(c.readDeployment)
	if err != nil {
		return err
	}
	if d.Manifest == nil {
		return fault.NotFound(fault.DeploymentNotFound, "- Deployment '' doesn't exist")
	}
	names, err := c.d.errands(c.r.Context(), *d.Manifest)
	if err != nil {
		return err
	}
	documents := []map[string]string{}
	for _, name := range names {
		documents = append(documents, map[string]string{"name": name})
	}
	return c.html(http.StatusOK, documents)
}

func (c *call) postErrand() error {
	d, err := c.named(c.changeDeployment)
	if err != nil {
		return err
	}
	var wish struct {
		KeepAlive   bool           `json:"keep-alive"`
		WhenChanged bool           `json:"when-changed"`
		Instances   []errandTarget `json:"instances"`
	}
	if err := c.decode(&wish); err != nil {
		return err
	}
	errand := c.vars["errand"]
	return c.task(typeErrand, "run errand "+errand+" from deployment "+d.Name, d.Name, errandPayload{
		Deployment: d.Name, Errand: errand, KeepAlive: wish.KeepAlive, WhenChanged: wish.WhenChanged, Instances: wish.Instances,
	})
}

func (c *call) deployedVariable() error {
	used, err := c.d.state.DeploymentVariables(c.r.Context(), c.vars["name"])
	if err != nil {
		return err
	}
	deployments := []map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		deployments = append(deployments, map[string]string{"name": name, "version": used[name]})
	}
	return c.html(http.StatusOK, map[string]any{"deployments": deployments})
}

func (c *call) deploymentConfigs() error {
	type config struct {
		ID   int64  `json:"id"`
		Type string `json:"type"`
		Name string `json:"name"`
	}
	type use struct {
		ID         int64  `json:"id"`
		Deployment string `json:"deployment"`
		Config     config `json:"config"`
	}
	uses := []use{}
	for _, name := range c.query["deployment[]"] {
		d, err := c.d.state.Deployment(c.r.Context(), name)
		if errors.Is(err, state.ErrNotFound) || err == nil && !c.mayRead(d.Teams) {
			continue
		}
		if err != nil {
			return err
		}
		configs, err := c.d.state.ConfigsByID(c.r.Context(), slices.Concat(d.CloudConfigs, d.RuntimeConfigs))
		if err != nil {
			return err
		}
		for _, found := range configs {
			uses = append(uses, use{ID: int64(len(uses) + 1), Deployment: name, Config: config{ID: found.ID, Type: found.Type, Name: found.Name}})
		}
	}
	return c.html(http.StatusOK, uses)
}
