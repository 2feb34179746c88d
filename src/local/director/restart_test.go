package director_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/machine"
)

func TestARestartEndsRunningTasksWithoutResultAndRunsQueuedOnes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := newGate("drain")
	b := start(t, setup{dir: dir, machines: machine.Options{Fault: g.fault}, workers: 1})
	running := b.accepted(b.do("POST", "/deployments", d1, "Content-Type", "text/yaml"))
	<-g.reached
	queued := b.accepted(b.do("POST", "/deployments", conformanceManifest("d2", 1), "Content-Type", "text/yaml"))
	cancelled := b.accepted(b.do("POST", "/deployments", conformanceManifest("d3", 1), "Content-Type", "text/yaml"))
	b.do("DELETE", fmt.Sprintf("/task/%d", cancelled), "")
	events := b.events(running)
	vms := b.list("/deployments/d1/vms")
	b.patience = 0 // as good as kill -9
	b.close()

	b = start(t, setup{dir: dir, workers: 1})
	if ended := b.task(running); ended.State != "error" || ended.Result != nil || ended.Timestamp == nil {
		t.Errorf("the interrupted task is %+v", ended)
	}
	if got := b.events(running); !strings.HasPrefix(got, events) || strings.Contains(got, `"error"`) {
		t.Errorf("events of the interrupted task are %s", got)
	}
	if ended := b.finish(queued); ended.State != "done" {
		t.Errorf("the queued task ended %s", ended.State)
	}
	if ended := b.finish(cancelled); ended.State != "cancelled" {
		t.Errorf("the cancelled task ended %s", ended.State)
	}
	if locks := b.get("/locks"); locks != "[]" {
		t.Errorf("locks are left: %s", locks)
	}
	if diff := cmp.Diff(vms, b.list("/deployments/d1/vms")); diff != "" {
		t.Errorf("machines changed over the restart: %s", diff)
	}
	b.deploy(d1, "", "done")
	if diff := cmp.Diff(len(vms), len(b.list("/deployments/d1/vms"))); diff != "" {
		t.Errorf("the next deploy made other machines: %s", diff)
	}
}

// served records what the Kubernetes API stand-in is asked to do.
type served struct {
	mu    sync.Mutex
	specs map[string]machine.Spec
	gone  []string
}

func (s *served) Start(_ context.Context, spec machine.Spec) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.specs == nil {
		s.specs = map[string]machine.Spec{}
	}
	s.specs[spec.ID] = spec
	return nil
}

func (s *served) Stop(_ context.Context, _, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.specs, id)
	return nil
}

func (s *served) DeleteDeployment(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = append(s.gone, name)
	return nil
}

func (s *served) one(t *testing.T) machine.Spec {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.specs) != 1 {
		t.Fatalf("%d instances are served, want 1", len(s.specs))
	}
	for _, spec := range s.specs {
		return spec
	}
	return machine.Spec{}
}

func TestServicesComeBackAfterARestartWithTheSameSpecification(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	planted := seed()
	planted.Releases[0].Jobs[0].Name = machine.KubernetesAPIJob
	manifest := strings.ReplaceAll(d1, "name: web, release", "name: kube-apiserver, release")
	manifest = strings.Replace(manifest, "instances: 4", "instances: 0", 1)
	before := &served{}
	b := start(t, setup{dir: dir, seed: &planted, machines: machine.Options{KubernetesAPI: before}})
	b.deploy(manifest, "", "done")
	want := before.one(t)
	if password, _ := want.Jobs[0].Properties["pw"].(string); len(password) != 30 {
		t.Errorf("variables are not filled in: %v", want.Jobs[0].Properties)
	}
	b.close()

	after := &served{}
	b = start(t, setup{dir: dir, seed: &planted, machines: machine.Options{KubernetesAPI: after}})
	if diff := cmp.Diff(want, after.one(t), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	b.run(b.do("DELETE", "/deployments/d1", ""), "done")
	if diff := cmp.Diff([]string{"d1"}, after.gone); diff != "" {
		t.Error(diff)
	}
}

func TestAClosingDirectorLetsATaskFinishIfThereIsTime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := newGate("drain")
	b := start(t, setup{dir: dir, machines: machine.Options{Fault: g.fault}})
	id := b.accepted(b.do("POST", "/deployments", d1, "Content-Type", "text/yaml"))
	<-g.reached
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		b.close()
	}()
	close(g.open)
	<-closed
	b = start(t, setup{dir: dir})
	if ended := b.task(id); ended.State != "done" {
		t.Errorf("task is %+v", ended)
	}
}

func TestAnEmptyDirectorStartsQuickly(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	start(t, setup{})
	if took := time.Since(begun); took > 3*time.Second { // ten times what an idle machine may take
		t.Errorf("start took %s", took)
	}
}
