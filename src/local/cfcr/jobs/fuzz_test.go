package jobs_test

import (
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/local/cfcr/jobs"
	"github.com/pks-community/pks-release/src/local/machine"
)

// FuzzRender puts any value in place of any property: an error or a plan, never a panic.
func FuzzRender(f *testing.F) {
	for _, seed := range []string{`null`, `""`, `1e300`, `[]`, `[[null]]`, `{"a":{"b":[1]}}`, `"\u0000"`, `[{"name":1,"versions":[2]}]`, `{"":""}`, `"a,b=c:d"`} {
		f.Add(seed, uint16(0), byte(0))
		f.Add(seed, uint16(77), byte(1))
	}
	f.Fuzz(func(t *testing.T, text string, which uint16, kind byte) {
		var value any
		if json.Unmarshal([]byte(text), &value) != nil {
			t.Skip()
		}
		smallest(t)
		spec := clone(t, small.specs[int(which)%len(small.specs)])
		var paths []string
		for _, job := range spec.Jobs {
			paths = append(paths, leaves(job.Name, job.Properties)...)
		}
		if len(paths) == 0 {
			t.Skip()
		}
		path := paths[int(which)/len(small.specs)%len(paths)]
		job, property, _ := strings.Cut(path, ".")
		set(t, spec, job, property, value)
		e := []func(machine.Spec, string) jobs.Environment{root, rootless, simulated}[int(kind)%3](spec, "1.36.3")
		plan, _, err := jobs.Render(spec, e)
		if err == nil && len(plan.Jobs) != len(spec.Jobs) {
			t.Errorf("%s = %s: %d jobs became %d", path, text, len(spec.Jobs), len(plan.Jobs))
		}
		jobs.Hosts(spec, e, func(netip.Addr) bool { return false })
	})
}

// leaves are the paths of all properties below a path, of the inner ones too.
func leaves(path string, value any) []string {
	m, ok := value.(map[string]any)
	if !ok {
		return []string{path}
	}
	var out []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if !strings.Contains(key, ".") {
			out = append(out, path+"."+key)
			out = append(out, leaves(path+"."+key, m[key])...)
		}
	}
	return slices.Compact(out)
}
