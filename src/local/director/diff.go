package director

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/manifest"
	"github.com/pks-community/pks-release/src/local/director/state"
)

// diffLine is a pair of a line and added, removed or nil.
type diffLine [2]any

// diffDocument compares two documents section by section (reference/director-api.md §8.3).
func diffDocument(before, after *manifest.Map) []diffLine {
	d := differ{}
	var keys []string
	for _, m := range []*manifest.Map{after, before} {
		if m == nil {
			continue
		}
		for _, key := range m.Keys {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	order := []string{"azs", "vm_types", "vm_extensions", "compilation", "networks", "disk_types"}
	slices.SortStableFunc(keys, func(a, b string) int {
		rank := func(key string) int {
			if i := slices.Index(order, key); i >= 0 {
				return i
			}
			return len(order)
		}
		return rank(a) - rank(b)
	})
	for _, key := range keys {
		old, had := entry(before, key)
		now, has := entry(after, key)
		if had && has && reflect.DeepEqual(manifest.Plain(old), manifest.Plain(now)) {
			continue
		}
		if len(d.lines) > 0 {
			d.lines = append(d.lines, diffLine{"", nil})
		}
		d.member("", key, old, had, now, has)
	}
	if d.lines == nil {
		return []diffLine{}
	}
	return d.lines
}

func entry(m *manifest.Map, key string) (any, bool) {
	if m == nil {
		return nil, false
	}
	value, ok := m.Values[key]
	return value, ok
}

type differ struct{ lines []diffLine }

// member compares one member of a map.
func (d *differ) member(indent, key string, old any, had bool, now any, has bool) {
	switch {
	case had && !has:
		d.print(indent, indent, key, old, "removed")
	case has && !had:
		d.print(indent, indent, key, now, "added")
	case reflect.DeepEqual(manifest.Plain(old), manifest.Plain(now)):
	default:
		d.changed(indent, key, old, now)
	}
}

func (d *differ) changed(indent, key string, old, now any) {
	switch old := old.(type) {
	case *manifest.Map:
		if now, ok := now.(*manifest.Map); ok {
			d.lines = append(d.lines, diffLine{indent + key + ":", nil})
			d.members(indent+"  ", old, now, "")
			return
		}
	case []any:
		if now, ok := now.([]any); ok {
			d.lines = append(d.lines, diffLine{indent + key + ":", nil})
			d.items(indent, old, now)
			return
		}
	}
	d.print(indent, indent, key, old, "removed")
	d.print(indent, indent, key, now, "added")
}

// members compares two maps, all but the member skip.
func (d *differ) members(indent string, old, now *manifest.Map, skip string) {
	for _, key := range old.Keys {
		if value, has := now.Values[key]; key != skip {
			d.member(indent, key, old.Values[key], true, value, has)
		}
	}
	for _, key := range now.Keys {
		if _, had := old.Values[key]; !had && key != skip {
			d.member(indent, key, nil, false, now.Values[key], true)
		}
	}
}

// items compares two lists; maps that have a name are the same when it is.
func (d *differ) items(indent string, old, now []any) {
	matched := make([]bool, len(now))
	for _, item := range old {
		same := slices.IndexFunc(now, func(other any) bool {
			return reflect.DeepEqual(manifest.Plain(item), manifest.Plain(other))
		})
		if same < 0 {
			same = slices.IndexFunc(now, func(other any) bool { return nameOf(item) != "" && nameOf(item) == nameOf(other) })
			if same >= 0 {
				d.lines = append(d.lines, diffLine{indent + "- name: " + nameOf(item), nil})
				before, _ := item.(*manifest.Map)
				after, _ := now[same].(*manifest.Map)
				d.members(indent+"  ", before, after, "name")
			}
		}
		if same < 0 {
			d.printItem(indent, item, "removed")
			continue
		}
		matched[same] = true
	}
	for i, item := range now {
		if !matched[i] {
			d.printItem(indent, item, "added")
		}
	}
}

func nameOf(item any) string {
	m, _ := item.(*manifest.Map)
	name, _ := m.Get("name").(string)
	return name
}

// print writes a whole member of a map; first is the indent of its first line.
func (d *differ) print(first, indent, key string, value any, status string) {
	switch value := value.(type) {
	case *manifest.Map:
		if len(value.Keys) > 0 {
			d.lines = append(d.lines, diffLine{first + key + ":", status})
			for _, k := range value.Keys {
				d.print(indent+"  ", indent+"  ", k, value.Values[k], status)
			}
			return
		}
	case []any:
		if len(value) > 0 {
			d.lines = append(d.lines, diffLine{first + key + ":", status})
			for _, item := range value {
				d.printItem(indent, item, status)
			}
			return
		}
	}
	d.lines = append(d.lines, diffLine{first + key + ": " + manifest.Scalar(value), status})
}

func (d *differ) printItem(indent string, item any, status string) {
	m, ok := item.(*manifest.Map)
	if !ok || len(m.Keys) == 0 {
		d.lines = append(d.lines, diffLine{indent + "- " + manifest.Scalar(item), status})
		return
	}
	for i, key := range m.Keys {
		first := indent + "  "
		if i == 0 {
			first = indent + "- "
		}
		d.print(first, indent+"  ", key, m.Values[key], status)
	}
}

// redact hides the values of properties, wherever they stand.
func redact(value any) any {
	switch value := value.(type) {
	case *manifest.Map:
		out := &manifest.Map{Keys: value.Keys, Values: map[string]any{}}
		for _, key := range value.Keys {
			if key == "properties" || key == "env" {
				out.Values[key] = redactAll(value.Values[key])
			} else {
				out.Values[key] = redact(value.Values[key])
			}
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, item := range value {
			out[i] = redact(item)
		}
		return out
	default:
		return value
	}
}

func redactAll(value any) any {
	switch value := value.(type) {
	case *manifest.Map:
		out := &manifest.Map{Keys: value.Keys, Values: map[string]any{}}
		for _, key := range value.Keys {
			out.Values[key] = redactAll(value.Values[key])
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, item := range value {
			out[i] = redactAll(item)
		}
		return out
	default:
		return "<redacted>"
	}
}

// diffDeployment is POST /deployments/NAME/diff. It always answers 200.
func (c *call) diffDeployment() error {
	row, err := c.d.state.Deployment(c.r.Context(), c.vars["name"])
	switch {
	case err == nil:
		if err := c.changeDeployment(row); err != nil {
			return err
		}
	case !errors.Is(err, state.ErrNotFound):
		return err
	default:
		if err := change(c); err != nil {
			return err
		}
	}
	text, err := c.body()
	if err != nil {
		return err
	}
	wanted, err := manifest.Document(text)
	if err != nil {
		return c.html(http.StatusOK, struct {
			Diff  []diffLine `json:"diff"`
			Error string     `json:"error"`
		}{[]diffLine{}, fmt.Sprintf("Unable to diff manifest: #<Bosh::Director::BadManifest: %s>\n", err)})
	}
	clouds, err := c.d.newestConfigs(c.r.Context(), "cloud", row.Teams)
	if err != nil {
		return err
	}
	runtimes, err := c.d.newestConfigs(c.r.Context(), "runtime", row.Teams)
	if err != nil {
		return err
	}
	after, err := joined(wanted, slices.Concat(clouds, runtimes))
	if err != nil {
		return err
	}
	var before *manifest.Map
	if row.Manifest != nil {
		last, err := manifest.Document(*row.Manifest)
		if err != nil {
			return err
		}
		used, err := c.d.state.ConfigsByID(c.r.Context(), slices.Concat(row.CloudConfigs, row.RuntimeConfigs))
		if err != nil {
			return err
		}
		if before, err = joined(last, used); err != nil {
			return err
		}
	}
	if c.query.Get("redact") != "false" {
		after, _ = redact(after).(*manifest.Map)
		if before != nil {
			before, _ = redact(before).(*manifest.Map)
		}
	}
	type pinned struct {
		Cloud   []int64 `json:"cloud_config_ids"`
		Runtime []int64 `json:"runtime_config_ids"`
	}
	return c.html(http.StatusOK, struct {
		Context pinned     `json:"context"`
		Diff    []diffLine `json:"diff"`
	}{pinned{ids(clouds), ids(runtimes)}, diffDocument(before, after)})
}

// joined puts a manifest and the configs it is deployed with into one document.
func joined(m *manifest.Map, configs []state.Config) (*manifest.Map, error) {
	documents, err := parseConfigs(configs)
	if err != nil {
		return nil, err
	}
	return manifest.Join(append(documents, m)), nil
}

// diffConfigs is POST /configs/diff in its two forms.
func (c *call) diffConfigs() error {
	wish, err := c.wishes()
	if err != nil {
		return err
	}
	_, hasFrom := wish["from"]
	_, hasTo := wish["to"]
	if hasFrom && hasTo {
		from, err := c.side(wish["from"])
		if err != nil {
			return err
		}
		to, err := c.side(wish["to"])
		if err != nil {
			return err
		}
		return c.html(http.StatusOK, map[string]any{"diff": diffDocument(from, to)})
	}
	kind, err1 := required(wish, "type")
	name, err2 := required(wish, "name")
	if err1 != nil || err2 != nil || wish["content"] == nil {
		return badConfigRequest("%s", diffForms)
	}
	text, err := content(wish["content"])
	if err != nil {
		return c.html(http.StatusBadRequest, map[string]any{"diff": []diffLine{}, "error": "Unable to diff config content: " + err.Error()})
	}
	to, err := manifest.Document(text)
	if err != nil {
		return err
	}
	newest, err := c.d.state.Configs(c.r.Context(), state.ConfigFilter{Type: kind, Name: name, PerName: 1})
	if err != nil {
		return err
	}
	var from *manifest.Map
	source := map[string]any{"id": "0"}
	if len(newest) > 0 {
		source["id"] = fmt.Sprint(newest[0].ID)
		if from, err = manifest.Document(newest[0].Content); err != nil {
			return err
		}
	}
	return c.html(http.StatusOK, struct {
		From map[string]any `json:"from"`
		Diff []diffLine     `json:"diff"`
	}{source, diffDocument(from, to)})
}

const diffForms = `The following request formats are allowed:
1. {"from":<config>,"to":<config>} where <config> is either {"id":"<id>"} or {"content":"<content>"}
2. {"type":"<type>","name":"<name>","content":"<content>"}`

// diffOldConfig is POST /cloud_configs/diff and its like.
func (c *call) diffOldConfig(kind string) error {
	text, err := c.body()
	if err != nil {
		return err
	}
	to, err := manifest.Document(text)
	if err != nil {
		return c.html(http.StatusBadRequest, map[string]any{"diff": []diffLine{}, "error": "Unable to diff cloud config: " + err.Error()})
	}
	name := "default"
	if c.query.Get("name") != "" {
		name = c.query.Get("name")
	}
	newest, err := c.d.state.Configs(c.r.Context(), state.ConfigFilter{Type: kind, Name: name, PerName: 1})
	if err != nil {
		return err
	}
	var from *manifest.Map
	if len(newest) > 0 {
		if from, err = manifest.Document(newest[0].Content); err != nil {
			return err
		}
	}
	return c.html(http.StatusOK, map[string]any{"diff": diffDocument(from, to)})
}

// side reads one side of a comparison.
func (c *call) side(raw []byte) (*manifest.Map, error) {
	wish, err := object(raw)
	if err != nil {
		return nil, badConfigRequest("%s", diffForms)
	}
	if wish["content"] != nil {
		text, err := content(wish["content"])
		if err != nil {
			return nil, err
		}
		return manifest.Document(text)
	}
	id, err := required(wish, "id")
	if err != nil {
		return nil, badConfigRequest("%s", diffForms)
	}
	config, err := c.configCalled(id)
	if err != nil {
		return nil, err
	}
	if !c.has(c.d.readScopes()) && (config.Team == nil || !slices.Contains(c.teams("admin", "read"), *config.Team)) {
		return nil, fault.NotFound(fault.ConfigNotFound, "Config %s not found", id)
	}
	return manifest.Document(config.Content)
}
