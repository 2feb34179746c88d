package spec

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// What a Director would refuse at upload, or nobody would notice
// (reference/bosh-release.md §4.1).
func TestSpecificationsOfJobsAreSound(t *testing.T) {
	t.Parallel()
	for _, name := range jobNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(jobsDir, name)
			text, err := os.ReadFile(filepath.Join(dir, "spec"))
			if err != nil {
				t.Fatal(err)
			}
			var keys map[string]any
			if err := yaml.Unmarshal(text, &keys); err != nil {
				t.Fatal(err)
			}
			known := []string{"name", "description", "templates", "packages", "provides", "consumes", "properties"}
			for key := range keys {
				if !slices.Contains(known, key) {
					t.Errorf("nobody reads the key %s", key)
				}
			}
			job := readJob(t, name)
			if job.Name != name {
				t.Errorf("the job is named %s", job.Name)
			}
			if job.Description == "" {
				t.Error("the job has no description")
			}
			for property, p := range job.Properties {
				if p.Description == "" {
					t.Errorf("%s has no description", property)
				}
				for other := range job.Properties {
					if strings.HasPrefix(other, property+".") {
						t.Errorf("%s is a property and has %s in it", property, other)
					}
				}
			}
			for _, link := range job.Provides {
				if link.Name == "" || link.Type == "" || link.Optional {
					t.Errorf("link %q of type %q, optional %v", link.Name, link.Type, link.Optional)
				}
				for _, property := range link.Properties {
					if _, ok := job.Properties[property]; !ok {
						t.Errorf("link %s tells of %s, which is no property", link.Name, property)
					}
				}
			}
			for _, link := range job.Consumes {
				if link.Name == "" || link.Type == "" || len(link.Properties) > 0 {
					t.Errorf("link %q of type %q with properties %v", link.Name, link.Type, link.Properties)
				}
			}
			for _, pkg := range job.Packages {
				if _, err := os.Stat(filepath.Join("../packages", pkg, "spec")); err != nil {
					t.Error(err)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "monit")); err != nil {
				t.Error(err)
			}
			if unused := filesBelow(t, filepath.Join(dir, "templates"), slices.Collect(maps.Keys(job.Templates))); len(unused) > 0 {
				t.Errorf("nobody uses the templates %v", unused)
			}
			targets := slices.Sorted(maps.Values(job.Templates))
			if len(slices.Compact(slices.Clone(targets))) != len(targets) {
				t.Errorf("two templates have one target: %v", targets)
			}
			for _, target := range targets {
				checkTarget(t, target)
			}
		})
	}
}

// checkTarget wants scripts where a Director, BOSH DNS or BBR looks for them: under
// another name they would never run.
func checkTarget(t *testing.T, target string) {
	t.Helper()
	scripts := []string{
		"bin/pre-start", "bin/post-start", "bin/post-deploy", "bin/pre-stop", "bin/drain", "bin/post-stop", "bin/run", "bin/dns/healthy",
		"bin/bbr/metadata", "bin/bbr/pre-backup-lock", "bin/bbr/backup", "bin/bbr/post-backup-unlock",
		"bin/bbr/pre-restore-lock", "bin/bbr/restore", "bin/bbr/post-restore-unlock",
	}
	if !strings.HasPrefix(target, "config/") && !slices.Contains(scripts, target) {
		t.Errorf("nobody looks for %s", target)
	}
}

func filesBelow(t *testing.T, dir string, except []string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err == nil && !slices.Contains(except, rel) {
			found = append(found, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
