package director

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pks-community/pks-release/src/local/credhub"
	"github.com/pks-community/pks-release/src/local/director/fault"
	"github.com/pks-community/pks-release/src/local/director/manifest"
	"github.com/pks-community/pks-release/src/local/machine"
)

var placeholder = regexp.MustCompile(`\(\((!?[-/.\w\pL]+)\)\)`)

// resolver fills variables into what a deployment's machines are to be.
type resolver struct {
	ctx    context.Context // lives for one planning
	store  *credhub.Store
	prefix string
	// versions maps absolute names to the ids of the versions in use. Names that are not in it are
	// looked up and added.
	versions map[string]string
	values   map[string]any
}

// resolver returns a resolver for a deployment that uses the given versions of variables.
func (d *Director) resolver(ctx context.Context, deployment string, versions map[string]string) *resolver {
	return &resolver{
		ctx: ctx, store: d.variables, prefix: "/" + d.config.Name + "/" + deployment + "/",
		versions: maps.Clone(versions), values: map[string]any{},
	}
}

// name makes a variable's name absolute.
func (r *resolver) name(name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return r.prefix + name
}

// generate makes the manifest's variables that do not exist. It calls created for each that is new.
func (r *resolver) generate(variables []manifest.Variable, converge bool, created func(credhub.Credential)) error {
	for _, v := range variables {
		options := maps.Clone(v.Options)
		if ca, _ := options["ca"].(string); ca != "" {
			options["ca"] = r.name(ca)
		}
		if options == nil {
			options = map[string]any{}
		}
		resolved, err := r.value(r.absolute(options))
		if err != nil {
			return err
		}
		mode := credhub.Mode(v.UpdateMode)
		if mode == "" && converge {
			mode = credhub.Converge
		}
		parameters, _ := resolved.(map[string]any)
		c, isNew, err := r.store.Generate(r.ctx, credhub.Request{Name: r.name(v.Name), Type: v.Type, Parameters: parameters, Mode: mode})
		if errors.Is(err, credhub.ErrBadRequest) {
			return fault.New(variableGeneration, "Config Server failed to generate value for '%s' with type '%s'. HTTP Code '400', Error: '%s'",
				r.name(v.Name), v.Type, strings.TrimPrefix(err.Error(), credhub.ErrBadRequest.Error()+": "))
		}
		if err != nil {
			return err
		}
		r.versions[c.Name], r.values[c.Name] = c.ID, c.Value
		if isNew {
			created(c)
		}
	}
	return nil
}

// Codes of the config server's errors.
const (
	variableGeneration = 540001
	variableMissing    = 540002
)

// absolute makes the names in all placeholders absolute, so that their meaning no longer depends on
// the deployment.
func (r *resolver) absolute(value any) any {
	switch value := value.(type) {
	case string:
		return placeholder.ReplaceAllStringFunc(value, func(match string) string {
			name := strings.TrimPrefix(match[2:len(match)-2], "!")
			return "((" + r.name(name) + "))"
		})
	case map[string]any:
		out := make(map[string]any, len(value))
		for k, v := range value {
			out[k] = r.absolute(v)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, v := range value {
			out[i] = r.absolute(v)
		}
		return out
	default:
		return value
	}
}

// value fills variables into a tree with absolute placeholders.
func (r *resolver) value(value any) (any, error) {
	switch value := value.(type) {
	case string:
		return r.text(value)
	case map[string]any:
		out := make(map[string]any, len(value))
		for _, k := range slices.Sorted(maps.Keys(value)) {
			resolved, err := r.value(value[k])
			if err != nil {
				return nil, err
			}
			out[k] = resolved
		}
		return out, nil
	case []any:
		out := make([]any, len(value))
		for i, v := range value {
			resolved, err := r.value(v)
			if err != nil {
				return nil, err
			}
			out[i] = resolved
		}
		return out, nil
	case json.Number:
		if n, err := value.Int64(); err == nil {
			return int(n), nil
		}
		return value.Float64()
	case float64:
		if n := int(value); float64(n) == value { // what has been through JSON looks like what has not
			return n, nil
		}
		return value, nil
	default:
		return value, nil
	}
}

// text fills variables into a text. A text that is nothing but one placeholder becomes the
// variable's value as it is.
func (r *resolver) text(text string) (any, error) {
	matches := placeholder.FindAllStringSubmatchIndex(text, -1)
	if len(matches) == 0 {
		return text, nil
	}
	if m := matches[0]; m[0] == 0 && m[1] == len(text) {
		return r.lookup(text[m[2]:m[3]])
	}
	var b strings.Builder
	end := 0
	for _, m := range matches {
		b.WriteString(text[end:m[0]])
		value, err := r.lookup(text[m[2]:m[3]])
		if err != nil {
			return nil, err
		}
		switch value := value.(type) {
		case string:
			b.WriteString(value)
		case float64, int, bool:
			fmt.Fprint(&b, value)
		default:
			return nil, fault.New(fault.General, "Failed to substitute variable: Can not replace '%s' in '%s'. The value should be a String or an Integer.", text[m[0]:m[1]], text)
		}
		end = m[1]
	}
	b.WriteString(text[end:])
	return b.String(), nil
}

// lookup returns the value of a variable, or of a part of it: /name or /name.part.
func (r *resolver) lookup(reference string) (any, error) {
	name, rest, nested := strings.Cut(reference, ".")
	value, err := r.credential(name)
	if err != nil || !nested {
		return value, err
	}
	path := name
	for key := range strings.SplitSeq(rest, ".") {
		fields, ok := value.(map[string]any)
		if !ok {
			return nil, fault.New(variableMissing, "Failed to fetch variable '%s' from config server: Expected parent '%s' to be a hash", name, path)
		}
		if value, ok = fields[key]; !ok {
			return nil, fault.New(variableMissing, "Failed to fetch variable '%s' from config server: Expected parent '%s' hash to have key '%s'", name, path, key)
		}
		path += "." + key
	}
	return value, nil
}

func (r *resolver) credential(name string) (any, error) {
	if value, known := r.values[name]; known {
		return value, nil
	}
	var c credhub.Credential
	var err error
	if id, pinned := r.versions[name]; pinned {
		c, err = r.store.ByID(r.ctx, id)
	} else {
		c, err = r.store.Get(r.ctx, name)
	}
	if errors.Is(err, credhub.ErrNotFound) {
		return nil, fault.New(variableMissing, "Failed to find variable '%s' from config server: HTTP Code '404', Error: 'Name '%s' not found'", name, name)
	}
	if err != nil {
		return nil, err
	}
	r.versions[name], r.values[name] = c.ID, c.Value
	return c.Value, nil
}

// renderError is the Director's long complaint about a job that cannot be rendered.
func renderError(group, job string, err error) error {
	return fault.New(fault.General, "Unable to render instance groups for deployment. Errors are:\n  - Unable to render jobs for instance group '%s'. Errors are:\n"+
		"    - Unable to render templates for job '%s'. Errors are:\n      - %s", group, job, err.Error())
}

// spec fills variables into a specification.
func (r *resolver) spec(s machine.Spec) (machine.Spec, error) {
	jobs := make([]machine.Job, len(s.Jobs))
	for i, job := range s.Jobs {
		var err error
		if job.Properties, err = r.tree(job.Properties); err != nil {
			return machine.Spec{}, renderError(s.Group, job.Name, err)
		}
		links := make(map[string]machine.Link, len(job.Links))
		for name, link := range job.Links {
			if link.Properties, err = r.tree(link.Properties); err != nil {
				return machine.Spec{}, renderError(s.Group, job.Name, err)
			}
			links[name] = link
		}
		job.Links = links
		jobs[i] = job
	}
	s.Jobs = jobs
	var err error
	if s.Env, err = r.tree(s.Env); err != nil {
		return machine.Spec{}, err
	}
	if s.CloudProperties, err = r.tree(s.CloudProperties); err != nil {
		return machine.Spec{}, err
	}
	return s, nil
}

func (r *resolver) tree(tree map[string]any) (map[string]any, error) {
	resolved, err := r.value(tree)
	if err != nil {
		return nil, err
	}
	out, _ := resolved.(map[string]any)
	return out, nil
}

// storedSpec is how an instance's specification is kept: with variables unresolved, and the versions
// that resolve them.
type storedSpec struct {
	Spec      machine.Spec      `json:"spec"`
	Variables map[string]string `json:"variables"`
}

// packSpec makes a specification small.
func packSpec(spec machine.Spec, versions map[string]string) ([]byte, error) {
	spec.Records = nil
	used := map[string]string{}
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("store the specification of %s/%s: %w", spec.Group, spec.ID, err)
	}
	for _, m := range placeholder.FindAllSubmatch(text, -1) {
		name, _, _ := strings.Cut(string(m[1]), ".")
		if id, ok := versions[name]; ok {
			used[name] = id
		}
	}
	if text, err = json.Marshal(storedSpec{Spec: spec, Variables: used}); err != nil {
		return nil, fmt.Errorf("store the specification of %s/%s: %w", spec.Group, spec.ID, err)
	}
	return compress(text)
}

// appliedSpec returns the specification last applied to an instance, complete; of one that nothing
// was applied to, only who it is.
func (d *Director) appliedSpec(ctx context.Context, id string) (machine.Spec, error) {
	i, err := d.state.Instance(ctx, id)
	if err != nil {
		return machine.Spec{}, err
	}
	if len(i.Spec) == 0 {
		return machine.Spec{
			Deployment: i.Deployment, Group: i.Group, ID: i.ID, Index: i.Index, AZ: i.AZ, Bootstrap: i.Bootstrap,
			Lifecycle: i.Lifecycle, AgentID: i.AgentID, DiskCID: i.DiskCID,
		}, nil
	}
	text, err := decompress(i.Spec)
	if err != nil {
		return machine.Spec{}, fmt.Errorf("read the specification of %s: %w", i.Slug(), err)
	}
	var stored storedSpec
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&stored); err != nil {
		return machine.Spec{}, fmt.Errorf("read the specification of %s: %w", i.Slug(), err)
	}
	spec, err := d.resolver(ctx, i.Deployment, stored.Variables).spec(stored.Spec)
	if err != nil {
		return machine.Spec{}, err
	}
	siblings, err := d.state.Instances(ctx, i.Deployment)
	if err != nil {
		return machine.Spec{}, err
	}
	spec.Records = recordsOf(siblings)
	return spec, nil
}
