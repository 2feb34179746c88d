package manifests_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/local/cfcr"
	"github.com/pks-community/pks-release/src/local/credhub"
	"github.com/pks-community/pks-release/src/local/director/catalog"
	"github.com/pks-community/pks-release/src/local/foreign"
)

// commands are the lines of a guide's shell blocks that call the program, in order.
func commands(t *testing.T, guide, program string) [][]string {
	t.Helper()
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	var found [][]string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(strings.ReplaceAll(block[1], "\\\n", "")) {
			words := strings.Fields(strings.ReplaceAll(line, `"`, ""))
			if len(words) > 0 && words[0] == program {
				found = append(found, words[1:])
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s never calls %s", guide, program)
	}
	return found
}

// TestInstallGuideLeadsToADeployment does, on an empty Director, what docs/install.md says with the bosh
// CLI, line by line. Archives that the lines name are stand-ins for those releases and stemcells, in the
// versions named.
func TestInstallGuideLeadsToADeployment(t *testing.T) {
	t.Parallel()
	const guide = "../docs/install.md"
	b := startDirector(t, nil, nil)
	operator := newOperator(t, guide, b)
	for _, words := range commands(t, guide, "bosh") {
		operator.bosh(words)
	}
	if left := mustBOSH(t, b.env, "deployments", "--column=name"); strings.Contains(left, "pks") {
		t.Errorf("the last step of the guide leaves\n%s", left)
	}
	var deployed []string
	for _, spec := range b.machines.specs {
		deployed = append(deployed, spec.Group)
	}
	if !slices.Equal(deployed, []string{"pivotal-container-service"}) {
		t.Errorf("machines of %v were made", deployed)
	}
}

// What docs/operate.md says with the bosh CLI works on what docs/install.md has made.
func TestCommandsOfTheOperatorsGuideWork(t *testing.T) {
	t.Parallel()
	b := startDirector(t, allReleases(), allStemcells())
	s := site{name: "vsphere", cloud: "vsphere.yml", files: []string{"vsphere.yml", "static-ip.yml"}}
	b.prepare(t, s)
	if out, err := b.deploy(t, s); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	operator := newOperator(t, "../docs/install.md", b)
	for _, words := range commands(t, "../docs/operate.md", "bosh") {
		if !slices.Contains(words, "ssh") { // the machines are simulated
			operator.bosh(words)
		}
	}
}

// operator follows the guide in a folder of his own.
type operator struct {
	*testing.T
	bench *bench
	dir   string
}

func newOperator(t *testing.T, guide string, b *bench) *operator {
	t.Helper()
	o := &operator{t, b, t.TempDir()}
	manifests, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(manifests, filepath.Join(o.dir, "manifests")); err != nil {
		t.Fatal(err)
	}
	given := values(t, variables(t)["vsphere.yml"]...)
	for name, value := range values(t, variables(t)["static-ip.yml"]...) {
		given[name] = value
	}
	for _, words := range commands(t, guide, "credhub") {
		if words[0] != "set" {
			continue
		}
		name := words[slices.Index(words, "-n")+1]
		if _, err := b.credentials.Set(t.Context(), name, credhub.TypePassword, "from CredHub"); err != nil {
			t.Fatal(err)
		}
		delete(given, filepath.Base(name))
	}
	o.file("vars.yml", given)
	o.file("cloud-vars.yml", readYAML(t, cloudVars(t, "cloud-config/vsphere.yml")))
	o.file("bosh-deployment/runtime-configs/dns.yml", map[string]any{"releases": []any{}})
	release, err := ownRelease()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := os.ReadFile(release)
	if err != nil {
		t.Fatal(err)
	}
	o.write("dist/pks-0.1.0.tgz", archive)
	return o
}

func (o *operator) file(name string, content any) {
	o.Helper()
	text, err := yaml.Marshal(content)
	if err != nil {
		o.Fatal(err)
	}
	o.write(name, text)
}

func (o *operator) write(name string, content []byte) {
	o.Helper()
	path := filepath.Join(o.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		o.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		o.Fatal(err)
	}
}

// bosh runs one line.
func (o *operator) bosh(words []string) {
	o.Helper()
	args := slices.Clone(words)
	for i, word := range args {
		if strings.HasPrefix(word, "https://") {
			args[i] = o.fetch(word)
		}
	}
	program, err := boshCLI()
	if err != nil {
		o.Fatal(err)
	}
	cmd := exec.CommandContext(o.Context(), program, args...)
	cmd.Dir = o.dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + o.dir, "BOSH_NON_INTERACTIVE=true"}, o.bench.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		o.Fatalf("bosh %s: %v\n%s", strings.Join(words, " "), err, out)
	}
}

// fetch makes the archive behind an address, and returns its name.
func (o *operator) fetch(address string) string {
	o.Helper()
	var archive []byte
	var err error
	if strings.Contains(address, "/stemcells/") {
		archive, err = archiveStemcell(address)
	} else {
		archive, err = archiveRelease(address)
	}
	if err != nil {
		o.Fatal(err)
	}
	name := regexp.MustCompile(`\W+`).ReplaceAllString(address, "-") + ".tgz"
	o.write(name, archive)
	return name
}

var named = regexp.MustCompile(`([\w-]+)-(?:release|boshrelease)[^/]*?(?:\?v=|-)([\d.]+\d)`)

func archiveRelease(address string) ([]byte, error) {
	m := named.FindStringSubmatch(filepath.Base(address))
	if m == nil {
		return nil, fmt.Errorf("what is behind %s?", address)
	}
	for _, r := range slices.Concat(foreign.Releases(), cfcr.Releases()) {
		if r.Name == m[1] && r.Version == m[2] {
			return packRelease(r)
		}
	}
	return nil, fmt.Errorf("release %s/%s is none of those that the manifest was tested with", m[1], m[2])
}

// packRelease makes an archive of a release without packages and templates.
func packRelease(r catalog.Release) ([]byte, error) {
	type link struct {
		Name, Type string
		Properties []string `yaml:",omitempty"`
		Optional   bool     `yaml:",omitempty"`
	}
	files := map[string][]byte{}
	var jobs []any
	for _, job := range r.Jobs {
		spec := map[string]any{"name": job.Name, "templates": map[string]string{}}
		properties := map[string]any{}
		for _, p := range job.Properties {
			properties[p] = map[string]any{"description": p}
		}
		var provides, consumes []link
		for _, l := range job.Provides {
			provides = append(provides, link{Name: l.Name, Type: l.Type, Properties: l.Properties})
		}
		for _, l := range job.Consumes {
			consumes = append(consumes, link{Name: l.Name, Type: l.Type, Optional: l.Optional})
		}
		spec["properties"], spec["provides"], spec["consumes"] = properties, provides, consumes
		text, err := yaml.Marshal(spec)
		if err != nil {
			return nil, err
		}
		if files["jobs/"+job.Name+".tgz"], err = tgz(map[string][]byte{"job.MF": text, "monit": nil}); err != nil {
			return nil, err
		}
		jobs = append(jobs, map[string]any{"name": job.Name, "version": "1", "fingerprint": "1", "sha1": "sha256:0"})
	}
	var err error
	if files["release.MF"], err = yaml.Marshal(map[string]any{"name": r.Name, "version": r.Version, "commit_hash": "test", "jobs": jobs}); err != nil {
		return nil, err
	}
	return tgz(files)
}

func archiveStemcell(address string) ([]byte, error) {
	name, version, exact := strings.Cut(filepath.Base(address), "?v=")
	for _, s := range append(cfcr.Stemcells(), foreign.Stemcell()) {
		if !strings.Contains(name, s.OS) || exact && s.Version != version {
			continue
		}
		manifest, err := yaml.Marshal(map[string]any{"name": name, "version": s.Version, "operating_system": s.OS, "sha1": "sha256:0"})
		if err != nil {
			return nil, err
		}
		return tgz(map[string][]byte{"stemcell.MF": manifest, "image": nil})
	}
	return nil, fmt.Errorf("the manifest was not tested with the stemcell behind %s", address)
}

// TestGuidesCallPKSWithFlagsThatExist holds the lines of the guides against the program's own help.
func TestGuidesCallPKSWithFlagsThatExist(t *testing.T) {
	t.Parallel()
	programs := os.Getenv("PKS_TEST_BIN")
	if programs == "" {
		t.Skip("PKS_TEST_BIN does not say where the programs are; make test does")
	}
	for _, guide := range []string{"../docs/install.md", "../docs/operate.md"} {
		for _, words := range commands(t, guide, "pks") {
			out, err := exec.CommandContext(t.Context(), filepath.Join(programs, "pks"), words[0], "--help").CombinedOutput()
			if err != nil || !strings.Contains(string(out), "pks "+words[0]) {
				t.Errorf("%s: pks %s: %v\n%s", guide, words[0], err, out)
			}
			for _, word := range words[1:] {
				if flag, _, _ := strings.Cut(word, "="); strings.HasPrefix(flag, "-") && !regexp.MustCompile(`(?m)^ .*`+regexp.QuoteMeta(flag)+`[, ]`).Match(out) {
					t.Errorf("%s: pks %s has no flag %s", guide, words[0], flag)
				}
			}
		}
	}
}
