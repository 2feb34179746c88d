package director_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pks-community/pks-release/src/local/director/state"
)

// Limits are many times what an idle machine needs: these tests run beside others, under the race
// detector.
const slack = 10

func TestFiveThousandDeploymentsListQuickly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := state.Open(t.Context(), filepath.Join(dir, "director.db"))
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 5000)
	for i := range names {
		names[i] = fmt.Sprintf("service-instance_%05d", i)
	}
	if err := store.EnsureDeployments(t.Context(), names); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	b := start(t, setup{dir: dir})
	begun := time.Now()
	if list := b.get("/deployments"); strings.Count(list, `"name":"service-instance_`) != len(names) {
		t.Errorf("the list has %d bytes", len(list))
	}
	if took := time.Since(begun); took > slack*500*time.Millisecond {
		t.Errorf("the list took %s", took)
	}
}

func TestThreeHundredInstancesAtOnce(t *testing.T) {
	t.Parallel()
	wide := seed()
	wide.CloudConfig = strings.Replace(cloudConfig, "gateway: 10.0.1.1, range: 10.0.1.0/24", "gateway: 10.9.0.1, range: 10.9.0.0/16", 1)
	wide.CloudConfig = strings.Replace(wide.CloudConfig, ", reserved: [10.0.1.2-10.0.1.9], static: [10.0.1.200-10.0.1.250]", "", 1)
	b := start(t, setup{seed: &wide})
	begun := time.Now()
	manifest := strings.Replace(conformanceManifest("big", 300), "max_in_flight: 2", "max_in_flight: 100%", 1)
	b.deploy(manifest, "", "done")
	if took := time.Since(begun); took > slack*6*time.Second {
		t.Errorf("the deploy took %s", took)
	}
	if vms := b.list("/deployments/big/vms"); len(vms) != 300 {
		t.Errorf("%d machines", len(vms))
	}
}
