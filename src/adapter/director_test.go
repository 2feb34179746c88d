package adapter_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/local/credhub"
	"github.com/pks-community/pks-release/src/local/machine"
)

func TestGoldenManifestsDeploy(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, credhub.Options{NewKey: sharedKey})
	p.keep()
	all := golden()
	for i, name := range slices.Sorted(maps.Keys(all)) {
		c := all[name]
		c.deployment = fmt.Sprintf("service-instance_00000000-0000-4000-8000-%012d", i)
		_, events := p.deploy(c.deployment, c.run(t))
		if !strings.Contains(events, "Creating missing vms") {
			t.Errorf("%s: nothing was made: %s", name, events)
		}
		response, _ := p.request("POST", "/deployments/"+c.deployment+"/errands/apply-addons/runs", "application/json", "{}")
		if response.StatusCode == http.StatusFound {
			p.finish(response)
		} else {
			t.Errorf("%s: errand apply-addons: %d", name, response.StatusCode)
		}
		again := c.run(t)
		if _, events := p.deploy(c.deployment, again); strings.Contains(events, "Updating instance") {
			t.Errorf("%s: deployed again, something changed: %s", name, events)
		}
	}
}

// TestUpdateOrder: masters one by one and first, then the worker canary, then the
// other workers, each emptied before it stops.
func TestUpdateOrder(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, credhub.Options{NewKey: sharedKey})
	c := smallest().threeAZs().with(object{"workers": object{"max_in_flight": 2}}, object{"kubernetes_worker_instances": 6})
	_, first := p.deploy(c.deployment, c.run(t))
	p.told()
	manifest, second := p.deploy(c.deployment, c.with(object{"docker": object{"shared_mounts": true}, "anonymous_auth": true}, nil).run(t))
	checkDrains(t, p.told())
	for what, events := range map[string]string{"create": first, "update": second} {
		steps := instanceSteps(t, events)
		if len(steps) != 9 {
			t.Fatalf("%s: %d instances were updated: %v", what, len(steps), steps)
		}
		for i, group := range []string{"master", "master", "master", "worker", "worker", "worker", "worker", "worker", "worker"} {
			if steps[i].group != group {
				t.Errorf("%s: step %d is %s, want %s", what, i, steps[i].group, group)
			}
		}
		for _, i := range []int{1, 2, 3, 4} {
			if steps[i].started < steps[i-1].finished {
				t.Errorf("%s: step %d began before the one before it ended", what, i)
			}
		}
	}
	_, resize := p.deploy(c.deployment, c.with(object{"docker": object{"shared_mounts": true}, "anonymous_auth": true}, object{"kubernetes_worker_instances": 7}).after(manifest).run(t))
	if steps := instanceSteps(t, resize); len(steps) != 1 || steps[0].group != "worker" {
		t.Errorf("a resize by one touched %v", steps)
	}
}

// checkDrains: whichever machine stopped was drained before.
func checkDrains(t *testing.T, steps []string) {
	t.Helper()
	drained, stopped := map[string]bool{}, 0
	for _, s := range steps {
		name, what, _ := strings.Cut(s, " ")
		switch machine.Step(what) {
		case machine.Step(machine.Drain):
			drained[name] = true
		case machine.StepStop:
			stopped++
			if !drained[name] {
				t.Errorf("%s stopped without a drain", name)
			}
		}
	}
	if stopped != 9 {
		t.Errorf("%d machines were stopped", stopped)
	}
}

type step struct {
	group             string
	started, finished int // lines of the event output
}

func instanceSteps(t *testing.T, events string) []step {
	t.Helper()
	byTask := map[string]*step{}
	var order []*step
	number := 0
	for line := range strings.Lines(events) {
		number++
		var e struct{ Stage, Task, State string }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Stage != "Updating instance" {
			continue
		}
		s := byTask[e.Task]
		if s == nil {
			group, _, _ := strings.Cut(e.Task, "/")
			s = &step{group: group, started: number}
			byTask[e.Task] = s
			order = append(order, s)
		}
		if e.State == "finished" {
			s.finished = number
		}
	}
	var out []step
	for _, s := range order {
		out = append(out, *s)
	}
	return out
}
