package spec

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/local/erb"
)

const jobsDir = "../jobs"

// cases is the content of cases/JOB.yml.
type cases struct {
	// Check is a program of the release with its arguments, which reads what was
	// rendered and refuses what it cannot use. Paths are those on a VM.
	Check []string `yaml:"check"`
	// Told are properties that are for other jobs alone, by links.
	Told []string `yaml:"told"`
	// Restricted are texts that cannot be any text: versions, ranges, addresses.
	Restricted []string `yaml:"restricted"`
	// Cases are deployments: "least" has what the job cannot do without, "all" has
	// every property and every link.
	Cases map[string]deployed `yaml:"cases"`
}

// deployed is what a deployment gives to a job. In its texts CERTIFICATE, KEY and
// CA stand for PEM.
type deployed struct {
	Properties map[string]any      `yaml:"properties"`
	Links      map[string]erb.Link `yaml:"links"`
	// Bootstrap is whether it is the first instance; nil: tried both ways.
	Bootstrap *bool `yaml:"bootstrap"`
	// Refused is what the error must say, of the templates or of the program; empty:
	// nothing is wrong.
	Refused string `yaml:"refused"`
}

// jobNames are the folders below jobs/.
func jobNames(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(jobsDir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		t.Fatal("there are no jobs")
	}
	return names
}

func readCases(t *testing.T, job string) cases {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("cases", job+".yml"))
	if err != nil {
		t.Fatalf("the job has no cases: %v", err)
	}
	authority := newAuthority(t)
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var all cases
	if err := decoder.Decode(&all); err != nil {
		t.Fatalf("cases of %s: %v", job, err)
	}
	for name, c := range all.Cases {
		c.Properties, _ = authority.fill(c.Properties).(map[string]any)
		for _, link := range c.Links {
			authority.fill(link.Properties)
		}
		all.Cases[name] = c
	}
	for _, name := range []string{"least", "all"} {
		if _, ok := all.Cases[name]; !ok {
			t.Fatalf("cases of %s: there is no case %q", job, name)
		}
	}
	return all
}

// instance is what a VM of the group tells the templates.
func instance(bootstrap bool) map[string]any {
	index := 0
	if !bootstrap {
		index = 1
	}
	return map[string]any{
		"name": "pivotal-container-service", "deployment": "pks", "az": "z1", "index": index, "bootstrap": bootstrap,
		"id": "6c3c2b8c-9df1-4a1a-8b2e-0d1b6a3a6b44", "address": "10.0.0.10", "ip": "10.0.0.10",
		"networks": map[string]any{"default": map[string]any{"ip": "10.0.0.10", "type": "manual"}},
		"release":  map[string]any{"name": "pks", "version": "1.2.3"},
	}
}

func (d deployed) input(bootstrap bool) erb.Input {
	return erb.Input{Properties: d.Properties, Links: d.Links, Spec: instance(bootstrap)}
}

// leaves are the dotted names of the texts, numbers and lists in a tree.
func leaves(value any, prefix string) []string {
	object, ok := value.(map[string]any)
	if !ok || len(object) == 0 {
		return []string{prefix}
	}
	var names []string
	for _, key := range slices.Sorted(maps.Keys(object)) {
		names = append(names, leaves(object[key], strings.TrimPrefix(prefix+"."+key, "."))...)
	}
	return names
}

// set returns a copy of the tree with another value, or without one for nil, at
// the dotted name.
func set(tree map[string]any, name string, value any) map[string]any {
	copied := maps.Clone(tree)
	if copied == nil {
		copied = map[string]any{}
	}
	key, rest, deeper := strings.Cut(name, ".")
	switch {
	case deeper:
		inner, _ := copied[key].(map[string]any)
		copied[key] = set(inner, rest, value)
	case value == nil:
		delete(copied, key)
	default:
		copied[key] = value
	}
	return copied
}

func get(tree map[string]any, name string) any {
	var value any = tree
	for key := range strings.SplitSeq(name, ".") {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}
