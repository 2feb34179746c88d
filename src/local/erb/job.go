package erb

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Job is what a job's specification says, as far as templates are concerned.
type Job struct {
	Name        string `yaml:"name"`
	Description string `yaml:"description"`
	// Templates are the files below templates/, each with its target.
	Templates  map[string]string   `yaml:"templates"`
	Packages   []string            `yaml:"packages"`
	Properties map[string]Property `yaml:"properties"`
	Provides   []LinkDefinition    `yaml:"provides"`
	Consumes   []LinkDefinition    `yaml:"consumes"`
}

// Property is a declared property; a Default of nil is none.
type Property struct {
	Description string `yaml:"description"`
	Default     any    `yaml:"default"`
	Example     any    `yaml:"example"`
}

// LinkDefinition is a link that a job gives or takes.
type LinkDefinition struct {
	Name       string   `yaml:"name"`
	Type       string   `yaml:"type"`
	Optional   bool     `yaml:"optional"`
	Properties []string `yaml:"properties"`
}

// ReadJob reads the specification of the job in a folder: the file spec of a
// release folder, or job.MF of a job's archive.
func ReadJob(dir string) (Job, error) {
	text, err := os.ReadFile(filepath.Join(dir, "spec"))
	if errors.Is(err, fs.ErrNotExist) {
		text, err = os.ReadFile(filepath.Join(dir, "job.MF"))
	}
	if err != nil {
		return Job{}, fmt.Errorf("read the specification of a job: %w", err)
	}
	var job Job
	if err := yaml.Unmarshal(text, &job); err != nil {
		return Job{}, fmt.Errorf("specification of the job in %s: %w", dir, err)
	}
	return job, nil
}

// properties are the declared ones, nested, each from the deployment or by default.
func (j Job) properties(given map[string]any) map[string]any {
	all := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(j.Properties)) {
		path := strings.Split(name, ".")
		value := lookup(given, path)
		if value == nil {
			value = j.Properties[name].Default
		}
		at := all
		for _, key := range path[:len(path)-1] {
			next, ok := at[key].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[key] = next
			}
			at = next
		}
		at[path[len(path)-1]] = value
	}
	return all
}

func lookup(value any, path []string) any {
	for _, key := range path {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[key]
	}
	return value
}

// Link returns what consumers of the link learn of a deployment's properties of this
// job, nested; nil when the job has no such link.
func (j Job) Link(name string, given map[string]any) map[string]any {
	for _, offered := range j.Provides {
		if offered.Name != name {
			continue
		}
		shared := Job{Properties: map[string]Property{}}
		for _, property := range offered.Properties {
			shared.Properties[property] = j.Properties[property]
		}
		return shared.properties(given)
	}
	return nil
}

// links are those of the given ones that the job consumes.
func (j Job) links(given map[string]Link) map[string]Link {
	taken := map[string]Link{}
	for _, c := range j.Consumes {
		if link, ok := given[c.Name]; ok {
			taken[c.Name] = link
		}
	}
	return taken
}
