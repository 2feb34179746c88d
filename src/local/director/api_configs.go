package director

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/manifest"
	"github.com/pks-community/pks-release/src/local/director/state"
)

func configRoutes() []route {
	routes := []route{
		{method: "GET", path: "/configs", allow: listConfigs, handle: (*call).configs},
		{method: "GET", path: "/configs/{id}", allow: read, handle: (*call).config},
		{method: "POST", path: "/configs", media: mediaJSON, allow: change, handle: (*call).postConfig},
		{method: "DELETE", path: "/configs", allow: change, handle: (*call).deleteConfigs},
		{method: "DELETE", path: "/configs/{id}", allow: change, handle: (*call).deleteConfig},
		{method: "POST", path: "/configs/diff", media: mediaJSON, allow: listConfigs, handle: (*call).diffConfigs},
	}
	for _, kind := range []string{"cloud", "runtime", "cpi"} {
		path := "/" + kind + "_configs"
		routes = append(routes,
			route{method: "GET", path: path, allow: read, handle: func(c *call) error { return c.oldConfigs(kind) }},
			route{method: "POST", path: path, media: mediaYAML, allow: admin, handle: func(c *call) error { return c.postOldConfig(kind) }},
			route{method: "POST", path: path + "/diff", media: mediaYAML, allow: admin, handle: func(c *call) error { return c.diffOldConfig(kind) }},
		)
	}
	return routes
}

// configDocument is a config on the wire (reference/director-api.md §13.1).
type configDocument struct {
	Content   string  `json:"content"`
	ID        string  `json:"id"`
	Type      string  `json:"type"`
	Name      string  `json:"name"`
	Team      *string `json:"team"`
	CreatedAt string  `json:"created_at"`
	Current   bool    `json:"current"`
}

func newConfigDocument(c state.Config) configDocument {
	return configDocument{
		Content: c.Content, ID: strconv.FormatInt(c.ID, 10), Type: c.Type, Name: c.Name, Team: c.Team,
		CreatedAt: longTime(c.CreatedAt), Current: c.Current,
	}
}

// longTime is the form of times in configs, links and disks.
func longTime(unix int64) string { return time.Unix(unix, 0).UTC().Format("2006-01-02 15:04:05 UTC") }

func badConfigRequest(format string, args ...any) error {
	return fault.New(fault.BadConfigRequest, format, args...)
}

func (c *call) configs() error {
	filter := state.ConfigFilter{Type: c.query.Get("type"), Name: c.query.Get("name"), PerName: 1}
	switch latest := c.query.Get("latest"); {
	case c.query.Has("limit"):
		n, err := strconv.Atoi(c.query.Get("limit"))
		if err != nil {
			return badConfigRequest("'limit' must be a number")
		}
		if n < 1 {
			return badConfigRequest("'limit' must be larger than zero")
		}
		filter.PerName = n
	case !c.query.Has("latest"), latest == "true":
	case latest == "false":
		filter.PerName = 0
	default:
		return badConfigRequest("'latest' must be 'true' or 'false'")
	}
	configs, err := c.d.state.Configs(c.r.Context(), filter)
	if err != nil {
		return err
	}
	documents := []configDocument{}
	all, teams := c.has(c.d.readScopes()), c.teams("admin", "read")
	for _, config := range configs {
		if all || config.Team != nil && slices.Contains(teams, *config.Team) {
			documents = append(documents, newConfigDocument(config))
		}
	}
	return c.html(http.StatusOK, documents)
}

// configCalled returns the config with the id.
func (c *call) configCalled(id string) (state.Config, error) {
	missing := fault.NotFound(fault.ConfigNotFound, "Config %s not found", id)
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return state.Config{}, missing
	}
	config, err := c.d.state.Config(c.r.Context(), n)
	if errors.Is(err, state.ErrNotFound) {
		return state.Config{}, missing
	}
	return config, err
}

func (c *call) config() error {
	config, err := c.configCalled(c.vars["id"])
	if err != nil {
		return err
	}
	return c.html(http.StatusOK, newConfigDocument(config))
}

// wishes reads a JSON object from the body.
func (c *call) wishes() (map[string]json.RawMessage, error) {
	text, err := c.body()
	if err != nil {
		return nil, err
	}
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return nil, fault.New(fault.BadJSON, "Invalid JSON request body: unexpected token at '%s'", text)
	}
	var wish map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &wish); err != nil || wish == nil {
		return nil, badConfigRequest("JSON object expected")
	}
	return wish, nil
}

func object(raw []byte) (map[string]json.RawMessage, error) {
	var wish map[string]json.RawMessage
	if err := json.Unmarshal(raw, &wish); err != nil {
		return nil, err
	}
	return wish, nil
}

func required(wish map[string]json.RawMessage, key string) (string, error) {
	var text string
	if err := json.Unmarshal(wish[key], &text); err != nil || text == "" {
		return "", badConfigRequest("'%s' is required", key)
	}
	return text, nil
}

// content reads the content of a config and checks that it is a YAML map.
func content(raw json.RawMessage) (string, error) {
	var text *string
	if raw != nil {
		if err := json.Unmarshal(raw, &text); err != nil {
			return "", fault.New(fault.BadConfigContent, "Config must be valid YAML: no implicit conversion into String")
		}
	}
	if text == nil {
		return "", fault.New(fault.BadConfigContent, "Config must be valid YAML: no implicit conversion of nil into String")
	}
	value, err := manifest.Parse(*text)
	if err != nil {
		return "", fault.New(fault.BadConfigContent, "Config must be valid YAML: %s", manifest.SyntaxText(err))
	}
	if _, ok := value.(*manifest.Map); !ok {
		return "", fault.New(fault.BadConfigContent, "YAML hash expected")
	}
	return *text, nil
}

func (c *call) postConfig() error {
	wish, err := c.wishes()
	if err != nil {
		return err
	}
	var config state.Config
	if config.Type, err = required(wish, "type"); err != nil {
		return err
	}
	if config.Name, err = required(wish, "name"); err != nil {
		return err
	}
	if config.Content, err = content(wish["content"]); err != nil {
		return err
	}
	if !c.has(c.d.adminScopes()) {
		config.Team = &c.teams("admin")[0]
	}
	expected := ""
	if raw, ok := wish["expected_latest_id"]; ok {
		expected = strings.Trim(string(raw), `"`)
	}
	stored, err := c.store(config, expected)
	if err != nil {
		return err
	}
	if stored == nil {
		return nil // answered
	}
	return c.html(http.StatusCreated, newConfigDocument(*stored))
}

// store adds a version of a config unless its content is that of the newest one. It answers by itself
// when another version is newest than the caller expects, and then returns nil.
func (c *call) store(config state.Config, expected string) (*state.Config, error) {
	ctx := c.r.Context()
	if config.Type == "runtime" {
		var err error
		if config.Content, err = rewriteRuntime(config.Content); err != nil {
			return nil, err
		}
	}
	c.d.configs.Lock()
	defer c.d.configs.Unlock()
	newest, err := c.d.state.Configs(ctx, state.ConfigFilter{Type: config.Type, Name: config.Name, PerName: 1})
	if err != nil {
		return nil, err
	}
	latest := "0"
	if len(newest) > 0 {
		latest = strconv.FormatInt(newest[0].ID, 10)
	}
	if expected != "" && expected != latest {
		return nil, c.html(http.StatusPreconditionFailed, struct {
			Latest      string `json:"latest_id"`
			Expected    string `json:"expected_latest_id"`
			Description string `json:"description"`
		}{latest, expected, fmt.Sprintf("Latest Id: '%s' does not match expected latest id", latest)})
	}
	if len(newest) > 0 {
		if !c.mayChange(newest[0]) {
			return nil, require(c.d.adminScopes())
		}
		if newest[0].Content == config.Content {
			return &newest[0], nil
		}
	}
	err = c.d.state.AddConfig(ctx, &config)
	c.d.audit(ctx, c.who.User, "create", "config/"+config.Type, config.Name, err)
	return &config, err
}

// mayChange tells whether the caller may change a config: their team's, or any for administrators.
func (c *call) mayChange(config state.Config) bool {
	return c.has(c.d.adminScopes()) || config.Team != nil && slices.Contains(c.teams("admin"), *config.Team)
}

// rewriteRuntime writes a runtime-config the way the Director keeps it, with versions as texts.
func rewriteRuntime(text string) (string, error) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return "", fault.New(fault.BadConfigContent, "Config must be valid YAML: %s", manifest.SyntaxText(err))
	}
	return manifest.Dump(&document)
}

func (c *call) deleteConfigs() error {
	kind, name := c.query.Get("type"), c.query.Get("name")
	for _, key := range []string{"type", "name"} {
		if c.query.Get(key) == "" {
			return badConfigRequest("'%s' is required", key)
		}
	}
	newest, err := c.d.state.Configs(c.r.Context(), state.ConfigFilter{Type: kind, Name: name, PerName: 1})
	if err != nil {
		return err
	}
	if len(newest) > 0 && !c.mayChange(newest[0]) {
		return require(c.d.adminScopes())
	}
	found, err := c.d.state.DeleteConfigs(c.r.Context(), kind, name)
	if err != nil {
		return err
	}
	if !found {
		return &plainError{status: http.StatusNotFound, text: "Endpoint '" + c.r.URL.Path + "' not found."}
	}
	c.d.audit(c.r.Context(), c.who.User, "delete", "config/"+kind, name, nil)
	return c.nothing()
}

func (c *call) deleteConfig() error {
	config, err := c.configCalled(c.vars["id"])
	if err != nil {
		return err
	}
	if !c.mayChange(config) {
		return require(c.d.adminScopes())
	}
	if _, err := c.d.state.DeleteConfig(c.r.Context(), config.ID); err != nil {
		return err
	}
	c.d.audit(c.r.Context(), c.who.User, "delete", "config/"+config.Type, config.Name, nil)
	return c.nothing()
}

// oldConfigs is GET /cloud_configs and its like (reference/director-api.md §13.4).
func (c *call) oldConfigs(kind string) error {
	limit, err := strconv.Atoi(c.query.Get("limit"))
	if err != nil {
		return plain("limit is required")
	}
	filter := state.ConfigFilter{Type: kind, Name: "default", PerName: max(limit, 1)}
	if name := c.query.Get("name"); name != "" {
		filter.Name = name
	}
	configs, err := c.d.state.Configs(c.r.Context(), filter)
	if err != nil {
		return err
	}
	type document struct {
		Properties string `json:"properties"`
		CreatedAt  string `json:"created_at"`
	}
	documents := []document{}
	for _, config := range configs {
		documents = append(documents, document{Properties: config.Content, CreatedAt: longTime(config.CreatedAt)})
	}
	return c.html(http.StatusOK, documents)
}

func (c *call) postOldConfig(kind string) error {
	text, err := c.body()
	if err != nil {
		return err
	}
	if _, err := manifest.Document(text); err != nil {
		return err
	}
	config := state.Config{Type: kind, Name: "default", Content: text}
	if name := c.query.Get("name"); name != "" {
		config.Name = name
	}
	if _, err := c.store(config, ""); err != nil {
		return err
	}
	c.text(http.StatusCreated, "")
	return nil
}
