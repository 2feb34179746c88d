package spec

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/local/erb"
)

// programs is where the programs of the release are, as built by make build.
func programs(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("PKS_TEST_BIN")
	if dir == "" {
		t.Skip("PKS_TEST_BIN does not say where the programs are; make test does")
	}
	return dir
}

func needRuby(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("ruby"); err != nil {
		t.Skip("templates are rendered by ruby, which is not installed; tools/setup-tests installs it")
	}
}

// render renders and writes everything below a folder that stands for /var/vcap.
func render(ctx context.Context, job string, in erb.Input, vcap string) (map[string][]byte, error) {
	files, err := erb.Render(ctx, filepath.Join(jobsDir, job), in)
	if err != nil {
		return nil, err
	}
	for target, content := range files {
		path := filepath.Join(vcap, "jobs", job, target)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		content = bytes.ReplaceAll(content, []byte("/var/vcap/"), []byte(vcap+"/"))
		if err := os.WriteFile(path, content, 0o755); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// check has the program read what was rendered.
func check(ctx context.Context, job string, c cases, vcap string) error {
	if len(c.Check) == 0 {
		return nil
	}
	args := slices.Clone(c.Check[1:])
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "/var/vcap/", vcap+"/")
	}
	out, err := exec.CommandContext(ctx, filepath.Join(vcap, "packages/pks/bin", c.Check[0]), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", job, err, out)
	}
	return nil
}

// newVcap makes a folder with the programs where a VM has them.
func newVcap(t *testing.T) string {
	t.Helper()
	vcap := t.TempDir()
	if err := os.MkdirAll(filepath.Join(vcap, "packages/pks"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(programs(t), filepath.Join(vcap, "packages/pks/bin")); err != nil {
		t.Fatal(err)
	}
	return vcap
}

// tried renders the deployment and has the program check it.
func tried(t *testing.T, job string, c cases, d deployed, bootstrap bool) (map[string][]byte, error) {
	t.Helper()
	vcap := newVcap(t)
	files, err := render(t.Context(), job, d.input(bootstrap), vcap)
	if err != nil {
		return nil, err
	}
	return files, check(t.Context(), job, c, vcap)
}

func TestJobsRenderToWhatTheirProgramsTake(t *testing.T) {
	t.Parallel()
	needRuby(t)
	for _, job := range jobNames(t) {
		all := readCases(t, job)
		for name, d := range all.Cases {
			for _, bootstrap := range []bool{true, false} {
				if d.Bootstrap != nil && *d.Bootstrap != bootstrap {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/bootstrap=%v", job, name, bootstrap), func(t *testing.T) {
					t.Parallel()
					files, err := tried(t, job, all, d, bootstrap)
					if d.Refused != "" {
						if err == nil || !strings.Contains(err.Error(), d.Refused) {
							t.Fatalf("got %v, want an error with %q", err, d.Refused)
						}
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					checkBPM(t, job, files)
					checkScripts(t, files)
				})
			}
		}
	}
}

// Every property of the case "least" is required, and the refusal names it.
func TestMissingPropertiesAreNamed(t *testing.T) {
	t.Parallel()
	needRuby(t)
	for _, job := range jobNames(t) {
		all := readCases(t, job)
		least := all.Cases["least"]
		for _, property := range declared(t, job, least.Properties) {
			t.Run(job+"/"+property, func(t *testing.T) {
				t.Parallel()
				without := least
				without.Properties = set(least.Properties, property, nil)
				_, err := tried(t, job, all, without, true)
				if err == nil || !strings.Contains(err.Error(), property) {
					t.Errorf("without %s: %v", property, err)
				}
			})
		}
	}
}

// There is a case for every link and every property, each property makes a
// difference, and any text goes into what the program reads just as it is.
func TestEveryPropertyArrives(t *testing.T) {
	t.Parallel()
	needRuby(t)
	for _, name := range jobNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := readCases(t, name)
			job := readJob(t, name)
			for _, link := range job.Consumes {
				if _, ok := all.Cases["all"].Links[link.Name]; !ok {
					t.Errorf("the case \"all\" has no link %s", link.Name)
				}
			}
			arrived := map[string]bool{}
			for _, c := range slices.Sorted(maps.Keys(all.Cases)) {
				for _, property := range arrivals(t, name, all, all.Cases[c]) {
					arrived[property] = true
				}
			}
			for property := range job.Properties {
				if !arrived[property] && !slices.Contains(all.Told, property) {
					t.Errorf("%s makes no difference in any case", property)
				}
			}
		})
	}
}

// arrivals are the properties of the case that make a difference. It renders the
// case as it is, without each property, and with hostile texts.
func arrivals(t *testing.T, job string, all cases, d deployed) []string {
	t.Helper()
	inputs := []erb.Input{d.input(true)}
	properties := declared(t, job, d.Properties)
	for _, property := range properties {
		without, bad := d, d
		without.Properties = set(d.Properties, property, nil)
		bad.Properties = set(d.Properties, property, hostile)
		inputs = append(inputs, without.input(true), bad.input(true))
	}
	rendered, err := erb.RenderAll(t.Context(), filepath.Join(jobsDir, job), inputs...)
	if err != nil {
		t.Fatal(err)
	}
	if len(rendered[0].Faults) > 0 {
		return nil // a case of what is refused
	}
	var arrived []string
	for i, property := range properties {
		without, bad := rendered[2*i+1], rendered[2*i+2]
		if len(without.Faults) == 0 && maps.EqualFunc(rendered[0].Files, without.Files, bytes.Equal) {
			continue
		}
		arrived = append(arrived, property)
		if _, text := get(d.Properties, property).(string); !text || slices.Contains(all.Restricted, property) {
			continue
		}
		if err := bad.Err(); err != nil {
			t.Errorf("%s: %v", property, err)
		} else if !intact(t, bad.Files, hostile) {
			t.Errorf("%s: the text is nowhere as it was", property)
		}
	}
	return arrived
}

// hostile has what breaks quoting in YAML, JSON, ERB, shells and connection strings.
const hostile = "a'b\"c\\d\n#{1+1} $(id) `id` %s %<= <%= 1 %> {{x}} ((y)) : - # & * ! | > \t\u0085\u2028\u00e9\u65e5\U0001F600\ufeff end"

// intact tells whether a structured file has the text as one of its values, or a
// file is the text.
func intact(t *testing.T, files map[string][]byte, text string) bool {
	t.Helper()
	for target, content := range files {
		if strings.TrimSuffix(string(content), "\n") == text {
			return true
		}
		if ext := filepath.Ext(target); ext != ".yml" && ext != ".json" {
			continue
		}
		var tree any
		if err := yaml.Unmarshal(content, &tree); err != nil {
			t.Errorf("%s: %v", target, err)
		}
		if holds(tree, text) {
			return true
		}
	}
	return false
}

func holds(value any, text string) bool {
	switch v := value.(type) {
	case string:
		return v == text
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return holds(e, text) })
	case map[string]any:
		for _, e := range v {
			if holds(e, text) {
				return true
			}
		}
	}
	return false
}

func readJob(t *testing.T, name string) erb.Job {
	t.Helper()
	job, err := erb.ReadJob(filepath.Join(jobsDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// declared are the properties of the job that the tree sets. A property that is
// not declared fails the test: a Director would drop it.
func declared(t *testing.T, name string, properties map[string]any) []string {
	t.Helper()
	job := readJob(t, name)
	var found []string
	for _, leaf := range leaves(properties, "") {
		if leaf == "" {
			continue
		}
		property := leaf
		for {
			if _, ok := job.Properties[property]; ok {
				break
			}
			cut := strings.LastIndexByte(property, '.')
			if cut < 0 {
				t.Errorf("%s: the case sets %s, which the job does not declare", name, leaf)
				break
			}
			property = property[:cut]
		}
		if !slices.Contains(found, property) {
			found = append(found, property)
		}
	}
	return found
}
