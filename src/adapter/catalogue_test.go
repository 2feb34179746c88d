package adapter_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pivotal-cf/on-demand-services-sdk/bosh"

	"github.com/pks-community/pks-release/src/local/director/catalog"
)

// TestEveryJobLinkAndPropertyIsKnown holds the manifests against what the
// releases declare: BOSH drops an undeclared property without a word.
func TestEveryJobLinkAndPropertyIsKnown(t *testing.T) {
	t.Parallel()
	for name, c := range golden() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := parse(t, c.run(t).Manifest)
			for _, fault := range unknowns(m, c.releases) {
				t.Error(fault)
			}
		})
	}
}

func TestMisspeltPropertyIsFound(t *testing.T) {
	t.Parallel()
	m := parse(t, smallest().run(t).Manifest)
	m.InstanceGroups[1].Jobs[2].Properties["admin-pasword"] = "x"
	if faults := unknowns(m, allReleases()); len(faults) != 1 || !strings.Contains(faults[0], "admin-pasword") {
		t.Errorf("faults: %v", faults)
	}
}

func unknowns(m bosh.BoshManifest, releases []catalog.Release) []string {
	var faults []string
	check := func(where string, j bosh.Job) {
		i := slices.IndexFunc(releases, func(r catalog.Release) bool { return r.Name == j.Release })
		if i < 0 {
			faults = append(faults, where+": no release "+j.Release)
			return
		}
		declared, ok := releases[i].Job(j.Name)
		if !ok {
			faults = append(faults, where+": release "+j.Release+" has no job "+j.Name)
			return
		}
		for _, leaf := range leaves("", j.Properties) {
			if !slices.ContainsFunc(declared.Properties, func(p string) bool { return leaf == p || strings.HasPrefix(leaf, p+".") }) {
				faults = append(faults, where+": "+j.Name+" does not declare "+leaf)
			}
		}
		named := func(links []catalog.Link, name string) bool {
			return slices.ContainsFunc(links, func(l catalog.Link) bool { return l.Name == name })
		}
		for name := range j.Provides {
			if !named(declared.Provides, name) {
				faults = append(faults, where+": "+j.Name+" does not provide "+name)
			}
		}
		for name := range j.Consumes {
			if !named(declared.Consumes, name) {
				faults = append(faults, where+": "+j.Name+" does not consume "+name)
			}
		}
	}
	for _, a := range m.Addons {
		for _, j := range a.Jobs {
			check("addon "+a.Name, j)
		}
	}
	for _, g := range m.InstanceGroups {
		for _, j := range g.Jobs {
			check(g.Name, j)
		}
	}
	return faults
}

// leaves are the dotted paths of a tree, empty objects included.
func leaves(at string, v any) []string {
	children := map[string]any{}
	switch v := v.(type) {
	case map[string]any:
		children = v
	case map[any]any:
		for k, child := range v {
			children[fmt.Sprint(k)] = child
		}
	default:
		return []string{at}
	}
	if len(children) == 0 && at != "" {
		return []string{at}
	}
	var out []string
	for k, child := range children {
		path := k
		if at != "" {
			path = at + "." + k
		}
		out = append(out, leaves(path, child)...)
	}
	slices.Sort(out)
	return out
}
