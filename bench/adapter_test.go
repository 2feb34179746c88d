// Package bench measures the product and holds it to its figures (README.md).
package bench

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"

	"github.com/pks-community/pks-release/src/adapter"
	"github.com/pks-community/pks-release/src/local/cfcr"
)

// oneManifest is how long the manifest of a cluster with one master and three
// workers may take as a library call.
const oneManifest = 10 * time.Millisecond

func TestThresholdAdapterManifest(t *testing.T) {
	if os.Getenv("PKS_BENCH") != "1" {
		t.Skip("set PKS_BENCH=1 to measure")
	}
	in := smallCluster()
	out, err := adapter.Generate(in)
	if err != nil {
		t.Fatal(err)
	}
	var machines []int
	for _, g := range out.Manifest.InstanceGroups {
		machines = append(machines, g.Instances)
	}
	if !slices.Equal(machines, []int{1, 1, 3}) {
		t.Fatalf("measured another cluster: instances %v", machines)
	}
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := adapter.Generate(in); err != nil {
				b.Fatal(err)
			}
		}
	})
	t.Logf("one manifest: %v, %d allocations of %d bytes; at most %v", time.Duration(result.NsPerOp()), result.AllocsPerOp(), result.AllocedBytesPerOp(), oneManifest)
	if took := time.Duration(result.NsPerOp()); took > oneManifest {
		t.Errorf("one manifest takes %v, more than %v", took, oneManifest)
	}
}

// smallCluster asks for one master, three workers and nothing special.
func smallCluster() serviceadapter.GenerateManifestParams {
	stemcell := cfcr.Stemcell()
	in := serviceadapter.GenerateManifestParams{
		ServiceDeployment: serviceadapter.ServiceDeployment{
			DeploymentName: "service-instance_88d3a538-0000-4c16-8e86-2d691c28dc75",
			Stemcells:      []serviceadapter.Stemcell{{OS: stemcell.OS, Version: stemcell.Version}},
		},
		Plan: serviceadapter.Plan{InstanceGroups: []serviceadapter.InstanceGroup{
			{Name: "master", VMType: "small", Instances: 1, Networks: []string{"default"}, AZs: []string{"z1"}, PersistentDiskType: "10GB"},
			{Name: "worker", VMType: "medium", Instances: 3, Networks: []string{"default"}, AZs: []string{"z1"}},
		}},
		RequestParams: serviceadapter.RequestParameters{"parameters": map[string]any{
			"cluster_name": "demo", "kubernetes_master_host": "demo.example.com", "kubernetes_worker_instances": 3,
		}},
	}
	for _, r := range cfcr.Releases() {
		in.ServiceDeployment.Releases = append(in.ServiceDeployment.Releases, serviceadapter.ServiceRelease{Name: r.Name, Version: r.Version, Jobs: r.JobNames()})
	}
	return in
}
