package jobs_test

import (
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/cfcr/jobs"
	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/agent"
)

var update = flag.Bool("update", false, "write the golden files anew")

// inside is the translation that the driver uses.
func inside(a netip.Addr) netip.Addr {
	b := a.As4()
	return netip.AddrFrom4([4]byte{172, 30, b[2], b[3]})
}

func root(spec machine.Spec, version string) jobs.Environment {
	return jobs.Environment{Vcap: "/var/vcap", Address: inside(spec.IPs[0]), Inside: inside, Kubernetes: version}
}

func rootless(spec machine.Spec, version string) jobs.Environment {
	e := root(spec, version)
	e.Rootless, e.Nftables = true, true
	return e
}

func simulated(spec machine.Spec, version string) jobs.Environment {
	return jobs.Environment{
		Simulated: true, Vcap: "/home/me/.pks/m/" + spec.Group + fmt.Sprint(spec.Index), Address: spec.IPs[0], Kubernetes: version,
		APIBalancer: "127.99.254.1:8443",
	}
}

// TestGoldenPlans renders what the service adapter writes, as the embedded Director resolves it.
func TestGoldenPlans(t *testing.T) {
	t.Parallel()
	all := manifests(t)
	r := newResolver(t, "127.99.0.0/16")
	for i, name := range slices.Sorted(maps.Keys(all)) {
		if strings.HasSuffix(name, ".cloud-config") {
			continue
		}
		deployment := fmt.Sprintf("service-instance_00000000-0000-4000-8000-%012d", i)
		own := func(text string) string {
			return strings.ReplaceAll(text, "service-instance_88d3a538-0000-4c16-8e86-2d691c28dc75", deployment)
		}
		if cloud, has := all[name+".cloud-config"]; has {
			r.addCloudConfig(name, own(cloud))
		}
		specs := r.resolve(own(all[name]))
		secrets := anonymous(specs)
		for _, kind := range []struct {
			name, version string
			environment   func(machine.Spec, string) jobs.Environment
			whole         []string // manifests whose plans are kept; of the others only the warnings
		}{
			{"root", "1.36.3", root, []string{"smallest"}},
			{"rootless", "1.35.4", rootless, nil},
			{"simulated", "1.36.3", simulated, []string{"ha-three-azs"}},
			{"same-version", "1.17.9", root, nil},
		} {
			var out strings.Builder
			seen := map[string]bool{}
			for _, spec := range specs {
				plan, warnings, err := jobs.Render(spec, kind.environment(spec, kind.version))
				if err != nil {
					t.Fatalf("%s as %s: %s/%d: %v", name, kind.name, spec.Group, spec.Index, err)
				}
				for _, w := range warnings {
					if !seen[w] {
						seen[w] = true
						fmt.Fprintln(&out, w)
					}
				}
				if slices.Contains(kind.whole, name) {
					golden(t, filepath.Join("testdata", "plans", fmt.Sprintf("%s.%s.%s-%d.txt", name, kind.name, spec.Group, spec.Index)), show(plan, secrets))
				}
			}
			golden(t, filepath.Join("testdata", "warnings", name+"."+kind.name+".txt"), secrets.Replace(out.String()))
		}
	}
}

// show writes a plan for people. Scripts are the same for all and shown by name.
func show(plan agent.Plan, secrets *strings.Replacer) string {
	var out strings.Builder
	command := func(c agent.Command) {
		for _, arg := range c.Args {
			fmt.Fprintf(&out, "    %s\n", arg)
		}
		for _, name := range slices.Sorted(maps.Keys(c.Env)) {
			fmt.Fprintf(&out, "    env %s=%s\n", name, c.Env[name])
		}
		if c.Timeout > 0 {
			fmt.Fprintf(&out, "    timeout %s\n", c.Timeout)
		}
	}
	for _, job := range plan.Jobs {
		fmt.Fprintf(&out, "job %s\n", job.Name)
		for _, file := range job.Files {
			fmt.Fprintf(&out, "  file %s %04o\n", file.Path, file.Mode)
			if strings.HasPrefix(string(file.Content), "#!/bin/bash") || strings.HasSuffix(file.Path, "/stages.yml") {
				continue
			}
			for line := range strings.Lines(secrets.Replace(string(file.Content))) {
				fmt.Fprintf(&out, "    | %s\n", strings.TrimSuffix(line, "\n"))
			}
		}
		for _, p := range job.Processes {
			fmt.Fprintf(&out, "  process %s\n", p.Name)
			command(p.Command)
			if p.Ready != nil {
				fmt.Fprintf(&out, "    ready %+v\n", *p.Ready)
			}
			fmt.Fprintf(&out, "    log %s\n    stop within %s\n", p.Log, p.StopTimeout)
		}
		for _, name := range slices.Sorted(maps.Keys(job.Hooks)) {
			fmt.Fprintf(&out, "  hook %s\n", name)
			command(job.Hooks[name])
		}
		if job.Errand != nil {
			fmt.Fprintf(&out, "  errand\n")
			command(*job.Errand)
		}
	}
	return secrets.Replace(out.String())
}

// anonymous puts names in place of what is new with every run: ids, keys, certificates and passwords.
func anonymous(specs []machine.Spec) *strings.Replacer {
	names := map[string]string{}
	for _, spec := range specs {
		names[spec.ID] = fmt.Sprintf("[id of %s/%d]", spec.Group, spec.Index)
		names[spec.AgentID] = fmt.Sprintf("[agent of %s/%d]", spec.Group, spec.Index)
		for _, job := range spec.Jobs {
			generated(names, job.Name, job.Properties)
		}
	}
	delete(names, "")
	// The longest first, for one may be part of another.
	values := slices.SortedFunc(maps.Keys(names), func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, value := range values {
		pairs = append(pairs, value, names[value])
	}
	return strings.NewReplacer(pairs...)
}

func generated(names map[string]string, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			generated(names, path+"."+key, v[key])
		}
	case string:
		secret := strings.Contains(v, "-----BEGIN") || strings.HasSuffix(path, "password") || strings.HasSuffix(path, "token")
		if old, known := names[v]; secret && (!known || path < old[1:len(old)-1]) {
			names[v] = "[" + path + "]"
		}
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", file, diff)
	}
}
