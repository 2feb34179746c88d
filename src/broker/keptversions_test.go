package broker

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/director"
)

// offerNewer is what an operator does when a release and a stemcell arrive.
func offerNewer(c *config.Config) {
	c.ServiceDeployment = config.ServiceDeployment{
		Releases:  []config.Release{{Name: "kubo", Version: "2.0", Jobs: []string{"kubelet"}}},
		Stemcells: []config.Stemcell{{OS: "ubuntu-jammy", Version: "1.600"}},
	}
}

func keepVersions(c *config.Config) { c.Broker.KeepVersionsOnUpdate = true }

func TestAnUpdateKeepsTheVersionsThatTheInstanceHas(t *testing.T) {
	t.Parallel()
	before := newHarness(t)
	before.created("i1", `{"a":1}`)
	h := newHarnessOn(t, before.director, offerNewer, keepVersions)

	// The reference refuses this: the instance is out of date.
	op := h.accepted(h.update("i1", testPlan, `{"a":2}`))
	h.director.finish(2, director.Done)
	h.tick()
	h.want(h.lastOperation("i1", op), 200, `{"state":"succeeded","description":"Instance update completed"}`)
	h.wantDeployed("i1", `\"a\":2`, `"version":"1.0"`, `"version":"1.500"`)

	h.director.diff = `{"diff":[["releases:",null],["  version: 2.0","added"]]}`
	got := h.send("PATCH", "/mgmt/service_instances/i1?operation_type=upgrade", `{"plan_id":"`+testPlan+`","context":{},"parameters":{"a":2}}`)
	h.director.finish(3, director.Done)
	h.tick()
	h.want(h.lastOperation("i1", got.Body), 200, `{"state":"succeeded","description":"Instance upgrade completed"}`)
	h.wantDeployed("i1", `\"a\":2`, `"version":"2.0"`, `"version":"1.600"`)
}

func TestAPlanThatChangedIsStillPending(t *testing.T) {
	t.Parallel()
	h := newHarness(t, keepVersions)
	h.created("i1", `{"a":1}`)
	older := strings.Replace(h.director.deployed("service-instance_i1"), `"instances":3`, `"instances":4`, 1)
	h.director.mu.Lock()
	h.director.deployments["service-instance_i1"] = &older
	h.director.mu.Unlock()
	h.want(h.update("i1", testPlan, `{"a":2}`), 422,
		`{"description":"The service broker has been updated, and this service instance is out of date. Please contact your operator."}`)
}

func TestAPreviewTellsUpdatesFromUpgrades(t *testing.T) {
	t.Parallel()
	before := newHarness(t)
	before.created("i1", `{"a":1}`)
	h := newHarnessOn(t, before.director, offerNewer, keepVersions)
	const body = `{"service_id":"service-1","plan_id":"plan-1","parameters":{"a":1}}`
	h.director.diff = `{"diff":[]}`
	for query, action := range map[string]string{"": "none", "?operation_type=upgrade": "recreate"} {
		got := h.send("POST", "/mgmt/service_instances/i1/preview"+query, body)
		if got.Status != 200 || !strings.Contains(got.Body, `"action":"`+action+`"`) {
			t.Errorf("%q: %d %s, want %s", query, got.Status, got.Body, action)
		}
	}
}

func TestKeptVersions(t *testing.T) {
	t.Parallel()
	offered := config.ServiceDeployment{
		Releases:  []config.Release{{Name: "kubo", Version: "2.0", Jobs: []string{"kubelet"}}, {Name: "new", Version: "1"}},
		Stemcells: []config.Stemcell{{OS: "ubuntu-jammy", Version: "1.600"}},
	}
	with := func(kubo string, stemcells ...config.Stemcell) config.ServiceDeployment {
		return config.ServiceDeployment{
			Releases:  []config.Release{{Name: "kubo", Version: kubo, Jobs: []string{"kubelet"}}, {Name: "new", Version: "1"}},
			Stemcells: stemcells,
		}
	}
	for name, c := range map[string]struct {
		manifest string
		want     config.ServiceDeployment
	}{
		"an older one": {
			"releases: [{name: kubo, version: '1.0'}, {name: gone, version: '5'}]\nstemcells: [{alias: default, os: ubuntu-jammy, version: '1.500'}]",
			with("1.0", config.Stemcell{OS: "ubuntu-jammy", Version: "1.500"}),
		},
		"another operating system": {
			"releases: [{name: kubo, version: '1.0'}]\nstemcells: [{alias: default, os: ubuntu-xenial, version: '621.76'}]",
			with("1.0", config.Stemcell{OS: "ubuntu-xenial", Version: "621.76"}),
		},
		"a stemcell by its name": {"stemcells: [{alias: default, name: bosh-warden, version: '1'}]", with("2.0", config.Stemcell{OS: "ubuntu-jammy", Version: "1.600"})},
		"nothing":                {"{}", with("2.0", config.Stemcell{OS: "ubuntu-jammy", Version: "1.600"})},
	} {
		got, err := keptVersions(offered, c.manifest)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	if _, err := keptVersions(offered, "a: ["); err == nil {
		t.Error("a broken manifest is taken")
	}
}

func (h *harness) wantDeployed(id string, words ...string) {
	h.t.Helper()
	manifest := h.director.deployed("service-instance_" + id)
	for _, word := range words {
		if !strings.Contains(manifest, word) {
			h.t.Errorf("%q is not in %s", word, manifest)
		}
	}
}
