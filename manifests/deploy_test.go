package manifests_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/local/erb"
	"github.com/pks-community/pks-release/src/local/machine"
)

func TestEveryOperationsFileAloneIsAcceptedByADirector(t *testing.T) {
	t.Parallel()
	byCloud := map[string][]site{}
	for _, s := range alone(t) {
		if s.name != "dev-release.yml" { // which would make a release
			byCloud[s.cloud] = append(byCloud[s.cloud], s)
		}
	}
	for cloud, sites := range byCloud {
		t.Run(cloud, func(t *testing.T) {
			t.Parallel()
			b := startDirector(t, allReleases(), allStemcells())
			b.prepare(t, sites[0])
			for _, s := range sites {
				if out, err := b.deploy(t, s, "--dry-run"); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			}
		})
	}
}

func TestEveryCombinationIsDeployed(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ruby"); err != nil {
		t.Skip("templates are rendered by ruby, which is not installed; tools/setup-tests installs it")
	}
	for _, s := range combinations(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			b := startDirector(t, allReleases(), allStemcells())
			b.prepare(t, s)
			if out, err := b.deploy(t, s); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			instances := 1
			if slices.Contains(s.files, "ha.yml") {
				instances = 4 // with the one that backs up UAA
			}
			if len(b.machines.specs) != instances {
				t.Fatalf("%d machines, want %d", len(b.machines.specs), instances)
			}
			for _, spec := range b.machines.specs {
				if spec.Bootstrap && spec.Group == "pivotal-container-service" {
					b.deployClusters(t, renderJobs(t, spec))
				}
			}
		})
	}
}

func TestSecondDeployChangesNothing(t *testing.T) {
	t.Parallel()
	s := combinations(t)[0]
	b := startDirector(t, allReleases(), allStemcells())
	b.prepare(t, s)
	for range 2 {
		if out, err := b.deploy(t, s); err != nil || len(b.machines.specs) != 1 {
			t.Fatalf("%d machines: %v\n%s", len(b.machines.specs), err, out)
		}
	}
}

// renderJobs renders the templates of the release's jobs on a machine as the Director would, and gives
// what comes out to the programs that read it. It returns the folder that stands for /var/vcap.
func renderJobs(t *testing.T, spec machine.Spec) (vcap string) {
	t.Helper()
	vcap = t.TempDir()
	for _, job := range spec.Jobs {
		if job.Release != "pks" {
			continue
		}
		files, err := erb.Render(t.Context(), filepath.Join("../jobs", job.Name), input(spec, job))
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		for target, content := range files {
			path := filepath.Join(vcap, "jobs", job.Name, target)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, bytes.ReplaceAll(content, []byte("/var/vcap/"), []byte(vcap+"/")), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	packages := filepath.Join(vcap, "packages/pks")
	if err := os.MkdirAll(packages, 0o700); err != nil {
		t.Fatal(err)
	}
	programs := os.Getenv("PKS_TEST_BIN")
	if programs == "" { // make test says where they are; without, a stand-in for the one that has to be there
		if err := os.Mkdir(filepath.Join(packages, "bin"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(packages, "bin/pks-service-adapter"), nil, 0o700); err != nil {
			t.Fatal(err)
		}
		return vcap
	}
	if err := os.Symlink(programs, filepath.Join(packages, "bin")); err != nil {
		t.Fatal(err)
	}
	for _, job := range spec.Jobs {
		checkConfiguration(t, vcap, job.Name)
	}
	return vcap
}

// checkConfiguration runs the program of a job on its rendered configuration, with the arguments that
// spec/cases says.
func checkConfiguration(t *testing.T, vcap, job string) {
	t.Helper()
	cases := filepath.Join("../spec/cases", job+".yml")
	if _, err := os.Stat(cases); err != nil {
		return
	}
	command, _ := readYAML(t, cases)["check"].([]any)
	if len(command) == 0 {
		return
	}
	var args []string
	for _, word := range command {
		args = append(args, strings.ReplaceAll(fmt.Sprint(word), "/var/vcap/", vcap+"/"))
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(vcap, "packages/pks/bin", args[0]), args[1:]...).CombinedOutput()
	if err != nil {
		t.Errorf("%s does not take its configuration: %v\n%s", job, err, out)
	}
}

// input is what the Director tells the templates of a job.
func input(spec machine.Spec, job machine.Job) erb.Input {
	in := erb.Input{
		Properties: job.Properties, Links: map[string]erb.Link{},
		Spec: map[string]any{
			"name": spec.Group, "id": spec.ID, "index": spec.Index, "bootstrap": spec.Bootstrap, "az": spec.AZ,
			"address": spec.Address, "ip": spec.IPs[0].String(), "deployment": spec.Deployment,
			"release": map[string]any{"name": job.Release, "version": job.Version},
		},
	}
	for name, link := range job.Links {
		address := link.Address
		given := erb.Link{Properties: link.Properties, Address: &address}
		for _, i := range link.Instances {
			given.Instances = append(given.Instances, map[string]any{
				"name": i.Name, "id": i.ID, "index": i.Index, "az": i.AZ, "address": i.Address, "bootstrap": i.Bootstrap,
			})
		}
		in.Links[name] = given
	}
	return in
}

// What the Director does not find is named, here as with a real one.
func TestDirectorRefusesWhatIsNotThere(t *testing.T) {
	t.Parallel()
	s := site{name: "pks.yml", cloud: "vsphere.yml"}
	b := startDirector(t, allReleases(), allStemcells())
	b.prepare(t, s)
	for name, c := range map[string]struct{ operation, want string }{
		"VM type":       {"{type: replace, path: /instance_groups/0/vm_type, value: huge}", "unknown vm type 'huge'"},
		"network":       {"{type: replace, path: /instance_groups/0/networks/0/name, value: nowhere}", "unknown network 'nowhere'"},
		"disk type":     {"{type: replace, path: /instance_groups/0/persistent_disk_type, value: 7GB}", "unknown disk type '7GB'"},
		"zone":          {"{type: replace, path: /instance_groups/0/azs, value: [z9]}", "availability zone that matches"},
		"VM extension":  {"{type: replace, path: '/instance_groups/0/vm_extensions?', value: [lb]}", "unknown vm extension 'lb'"},
		"job":           {"{type: replace, path: /instance_groups/0/jobs/name=pks-api/name, value: pks-ipa}", "Job 'pks-ipa' not found in release 'pks'"},
		"release":       {"{type: remove, path: /releases/name=uaa}", "unknown release 'uaa'"},
		"link":          {"{type: remove, path: /instance_groups/0/jobs/name=uaa}", "No link providers found"},
		"variable":      {"{type: remove, path: /variables/name=uaa_jwt_key}", "/bosh/pks/uaa_jwt_key"},
		"certificate's": {"{type: remove, path: /instance_groups/0/jobs/name=postgres/custom_provider_definitions}", "variable 'database_tls'"},
	} {
		t.Run(name, func(t *testing.T) {
			operation := write(t, "operation.yml", []byte("- "+c.operation+"\n"))
			out, err := b.deploy(t, s, "-o", operation, "--dry-run")
			if err == nil || !strings.Contains(regexp.MustCompile(`\s+`).ReplaceAllString(err.Error(), " "), c.want) {
				t.Errorf("want %q: %v\n%s", c.want, err, out)
			}
		})
	}
}
