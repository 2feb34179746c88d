package manifests_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pks-community/pks-release/src/local/director/catalog"
	"github.com/pks-community/pks-release/src/local/erb"
	"github.com/pks-community/pks-release/src/local/foreign"
)

// ownJobs are the jobs of this repository's release.
func ownJobs(t *testing.T) map[string]erb.Job {
	t.Helper()
	paths, err := filepath.Glob("../jobs/*/spec")
	if err != nil || len(paths) == 0 {
		t.Fatal("no jobs", err)
	}
	jobs := map[string]erb.Job{}
	for _, path := range paths {
		job, err := erb.ReadJob(filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		jobs[job.Name] = job
	}
	return jobs
}

// declared are the properties of each job, by release and name.
func declared(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for name, job := range ownJobs(t) {
		out["pks/"+name] = slices.Collect(maps.Keys(job.Properties))
	}
	for _, release := range foreign.Releases() {
		for _, job := range release.Jobs {
			out[release.Name+"/"+job.Name] = job.Properties
		}
	}
	return out
}

// undeclared lists what a Director would drop without a word: properties that the job does not declare,
// and texts in the place of declared ones, such as ((tls)) where the job declares tls.ca.
func undeclared(properties map[string]any, declared []string) []string {
	var out []string
	var walk func(path string, value any)
	walk = func(path string, value any) {
		if slices.Contains(declared, path) {
			return
		}
		below := slices.ContainsFunc(declared, func(d string) bool { return strings.HasPrefix(d, path+".") })
		object, nested := value.(map[string]any)
		if !below || !nested {
			out = append(out, path)
			return
		}
		for _, key := range slices.Sorted(maps.Keys(object)) {
			walk(path+"."+key, object[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		walk(key, properties[key])
	}
	return out
}

// eachJob visits the jobs of a manifest.
func eachJob(manifest map[string]any, visit func(group string, job map[string]any)) {
	groups, _ := manifest["instance_groups"].([]any)
	for _, g := range groups {
		group, _ := g.(map[string]any)
		jobs, _ := group["jobs"].([]any)
		for _, j := range jobs {
			job, _ := j.(map[string]any)
			visit(fmt.Sprint(group["name"]), job)
		}
	}
}

// raw is a site's manifest before its variables are filled in, as the Director gets it. Tests share it and
// do not change it.
func raw(t *testing.T, s site) map[string]any {
	t.Helper()
	once, _ := raws.LoadOrStore(s.name, sync.OnceValue(func() map[string]any {
		return parseYAML(t, []byte(mustBOSH(t, nil, append([]string{"int", "pks.yml"}, s.operations()...)...)))
	}))
	return once.(func() map[string]any)()
}

var raws sync.Map // by name of the site

func TestEveryPropertyIsDeclaredByItsJob(t *testing.T) {
	t.Parallel()
	known := declared(t)
	for _, s := range slices.Concat(alone(t), combinations(t)) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			eachJob(raw(t, s), func(_ string, job map[string]any) {
				name := fmt.Sprintf("%v/%v", job["release"], job["name"])
				names, ok := known[name]
				if !ok {
					t.Errorf("there is no job %s", name)
				}
				properties, _ := job["properties"].(map[string]any)
				for _, path := range undeclared(properties, names) {
					t.Errorf("job %s declares no property %s", name, path)
				}
			})
		})
	}
}

func TestUndeclaredPropertiesAreFound(t *testing.T) {
	t.Parallel()
	names := []string{"tls.ca", "tls.key", "users"}
	for path, properties := range map[string]map[string]any{
		"":            {"tls": map[string]any{"ca": "((x.ca))"}, "users": map[string]any{"any": "thing"}},
		"tls":         {"tls": "((x))"},
		"tls.caa":     {"tls": map[string]any{"caa": "x"}},
		"tls.ca.more": {"tls": map[string]any{"ca": "x", "ca.more": "x"}},
		"user":        {"user": "x"},
	} {
		if got := strings.Join(undeclared(properties, names), " "); got != path {
			t.Errorf("%v: %q, want %q", properties, got, path)
		}
	}
}

// Versions stand in the manifest once, and the metadata that is deployed against is that of them.
func TestVersionsOfForeignReleasesAreThoseTested(t *testing.T) {
	t.Parallel()
	tested := map[string]catalog.Release{}
	for _, r := range foreign.Releases() {
		tested[r.Name] = r
	}
	for _, s := range alone(t) {
		releases, _ := raw(t, s)["releases"].([]any)
		for _, r := range releases {
			release, _ := r.(map[string]any)
			name, version := fmt.Sprint(release["name"]), fmt.Sprint(release["version"])
			if name != "pks" && tested[name].Version != version {
				t.Errorf("%s: %s/%s, tested is %s", s.name, name, version, tested[name].Version)
			}
		}
	}
}

// No password and no key stands in a manifest: each is a variable, or empty where UAA wants none.
func TestSecretsAreVariables(t *testing.T) {
	t.Parallel()
	secret := regexp.MustCompile(`(?i)(password|passphrase|secret|private_?key|signingkey)$`)
	variable := regexp.MustCompile(`^\(\([\w.-]+\)\)$`)
	empty := []string{"passphrase", "secret"} // of the SAML key, and of pks_cli and pks_cluster_client
	checked := 0
	var walk func(t *testing.T, path, key string, value any)
	walk = func(t *testing.T, path, key string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for k, v := range value {
				walk(t, path+"/"+k, k, v)
			}
		case []any:
			for i, v := range value {
				walk(t, fmt.Sprintf("%s/%d", path, i), key, v)
			}
		case string:
			if !secret.MatchString(key) {
				return
			}
			checked++
			if !variable.MatchString(value) && (value != "" || !slices.Contains(empty, key)) {
				t.Errorf("%s is %q", path, value)
			}
		}
	}
	for _, s := range alone(t) {
		walk(t, s.name, "", raw(t, s)["instance_groups"])
	}
	if checked < 100 {
		t.Errorf("only %d secrets were looked at", checked)
	}
}
