package machine_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/local/machine"
)

func spec(id string, jobs ...machine.Job) machine.Spec {
	return machine.Spec{Deployment: "d", Group: "g", ID: id, Jobs: jobs}
}

func web() machine.Job { return machine.Job{Name: "web", Processes: []string{"web", "helper"}} }

func api() machine.Job {
	return machine.Job{Name: machine.KubernetesAPIJob, Processes: []string{"kube-apiserver"}}
}

// up makes and starts a machine.
func up(t *testing.T, s *machine.Simulated, spec machine.Spec) string {
	t.Helper()
	cid, err := s.Create(t.Context(), spec)
	for _, do := range []func() error{
		func() error { return err },
		func() error { return s.Prepare(t.Context(), cid, spec) },
		func() error { _, err := s.Apply(t.Context(), cid, spec); return err },
		func() error { return s.RunScript(t.Context(), cid, machine.PreStart, machine.Stay) },
		func() error { return s.Start(t.Context(), cid) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	return cid
}

func states(t *testing.T, s *machine.Simulated, cid string) map[string]string {
	t.Helper()
	state, err := s.State(t.Context(), cid)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{"": state.Job}
	for _, p := range state.Processes {
		out[p.Name] = p.State
	}
	return out
}

func TestAMachineTakesAboutASecondToRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := machine.NewSimulated(machine.Options{Delays: machine.DefaultDelays()})
		begun := time.Now()
		cid := up(t, s, spec("1", web()))
		if took := time.Since(begun); took < 500*time.Millisecond || took > 1500*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		if diff := cmp.Diff(map[string]string{"": "running", "web": "running", "helper": "running"}, states(t, s, cid)); diff != "" {
			t.Error(diff)
		}
		if err := s.Stop(t.Context(), cid); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"": "stopped", "web": "unknown", "helper": "unknown"}, states(t, s, cid)); diff != "" {
			t.Error(diff)
		}
		if err := s.Delete(t.Context(), cid); err != nil {
			t.Fatal(err)
		}
		if _, err := s.State(t.Context(), cid); !errors.Is(err, machine.ErrNotFound) {
			t.Errorf("state of a deleted machine: %v", err)
		}
		if err := s.Delete(t.Context(), cid); err != nil {
			t.Errorf("second delete: %v", err)
		}
	})
}

func TestEveryStepEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hour := time.Hour
		s := machine.NewSimulated(machine.Options{Delays: machine.Delays{
			Delete: hour, Prepare: hour, Apply: hour, Script: hour, Drain: hour, Start: hour, Stop: hour,
		}})
		job := web()
		job.Errand = true
		cid, err := s.Create(t.Context(), spec("1", job))
		if err != nil {
			t.Fatal(err)
		}
		for name, do := range map[string]func(context.Context) error{
			"prepare": func(ctx context.Context) error { return s.Prepare(ctx, cid, spec("1", job)) },
			"apply":   func(ctx context.Context) error { _, err := s.Apply(ctx, cid, spec("1", job)); return err },
			"drain":   func(ctx context.Context) error { return s.RunScript(ctx, cid, machine.Drain, machine.Stay) },
			"start":   func(ctx context.Context) error { return s.Start(ctx, cid) },
			"stop":    func(ctx context.Context) error { return s.Stop(ctx, cid) },
			"delete":  func(ctx context.Context) error { return s.Delete(ctx, cid) },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := do(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
			cancel()
		}
		s = machine.NewSimulated(machine.Options{Delays: machine.Delays{Errand: hour}})
		cid = up(t, s, spec("1", job))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if result, err := s.RunErrand(ctx, cid, "web"); err != nil || result.ExitCode != 143 {
			t.Errorf("errand: %+v %v", result, err)
		}
	})
}

// service records what it is asked to do.
type service struct {
	mu    sync.Mutex
	calls []string
	fail  error
}

func (s *service) note(format string, args ...any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, fmt.Sprintf(format, args...))
	return s.fail
}

func (s *service) Start(_ context.Context, spec machine.Spec) error {
	return s.note("start %s", spec.ID)
}
func (s *service) Stop(_ context.Context, deployment, id string) error {
	return s.note("stop %s/%s", deployment, id)
}
func (s *service) DeleteDeployment(name string) error { return s.note("delete %s", name) }

func TestTheKubernetesAPIRunsWhileItsJobIsStarted(t *testing.T) {
	t.Parallel()
	var kube service
	s := machine.NewSimulated(machine.Options{KubernetesAPI: &kube})
	master, worker := up(t, s, spec("m", api())), up(t, s, spec("w", web()))
	for _, cid := range []string{master, worker} {
		if err := s.Stop(t.Context(), cid); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Start(t.Context(), master); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), master); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteDeployment(t.Context(), "d"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"start m", "stop d/m", "start m", "stop d/m", "delete d"}, kube.calls); diff != "" {
		t.Error(diff)
	}
}

func TestAnAPIThatDoesNotStartIsAFailingProcess(t *testing.T) {
	t.Parallel()
	s := machine.NewSimulated(machine.Options{KubernetesAPI: &service{fail: errors.New("address in use")}})
	cid := up(t, s, spec("m", api(), web()))
	want := map[string]string{"": "failing", "kube-apiserver": "failing", "web": "running", "helper": "running"}
	if diff := cmp.Diff(want, states(t, s, cid)); diff != "" {
		t.Error(diff)
	}
}

func TestRecoverReadsOnlyWhatServes(t *testing.T) {
	t.Parallel()
	var kube service
	s := machine.NewSimulated(machine.Options{KubernetesAPI: &kube})
	read := map[string]int{}
	placement := func(id string, started bool, job machine.Job) machine.Placement {
		return machine.Placement{CID: "vm-" + id, Deployment: "d", Group: "g", ID: id, Jobs: []string{job.Name}, Started: started,
			Spec: func(context.Context) (machine.Spec, error) {
				read[id]++
				if id == "broken" {
					return machine.Spec{}, errors.New("damaged")
				}
				return spec(id, job), nil
			}}
	}
	err := s.Recover(t.Context(), []machine.Placement{
		placement("m", true, api()), placement("stopped", false, api()), placement("w", true, web()), placement("broken", true, api()),
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"m": 1, "broken": 1}, read); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"start m"}, kube.calls); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"": "running", "web": "running", "helper": "running"}, states(t, s, "vm-w")); diff != "" {
		t.Error(diff)
	}
	if _, err := s.State(t.Context(), "vm-broken"); !errors.Is(err, machine.ErrUnresponsive) {
		t.Errorf("state of a damaged machine: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"start m", "stop d/m"}, kube.calls); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownMachinesAndErrandsAreErrors(t *testing.T) {
	t.Parallel()
	s := machine.NewSimulated(machine.Options{})
	if err := s.Start(t.Context(), "nope"); !errors.Is(err, machine.ErrNotFound) {
		t.Errorf("start: %v", err)
	}
	cid := up(t, s, spec("1", web()))
	if _, err := s.RunErrand(t.Context(), cid, "web"); err == nil {
		t.Error("a job that is no errand ran")
	}
}

func TestThreeHundredMachinesDoNotNeedThreads(t *testing.T) {
	t.Parallel()
	s := machine.NewSimulated(machine.Options{Delays: machine.Delays{Create: 100 * time.Millisecond}})
	var work errgroup.Group
	begun := time.Now()
	for i := range 300 {
		work.Go(func() error {
			_, err := s.Create(t.Context(), spec(fmt.Sprint(i)))
			return err
		})
	}
	if n := runtime.GOMAXPROCS(0); n > 64 {
		t.Skipf("%d processors", n)
	}
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("300 machines took %s: they were made one after the other", took)
	}
}

func kubelet() machine.Job {
	return machine.Job{Name: machine.KubeletJob, Processes: []string{"kubelet"}}
}

func TestAWorkerIsANodeWhileItsKubeletIsStarted(t *testing.T) {
	t.Parallel()
	var kube service
	s := machine.NewSimulated(machine.Options{KubernetesAPI: &kube})
	worker := up(t, s, spec("w", kubelet()))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"start w"}, kube.calls); diff != "" {
		t.Errorf("closing the driver must leave the node stored:\n%s", diff)
	}
	placement := machine.Placement{CID: worker, Deployment: "d", Group: "g", ID: "w", Jobs: []string{machine.KubeletJob}, Started: true,
		Spec: func(context.Context) (machine.Spec, error) { return spec("w", kubelet()), nil }}
	if err := s.Recover(t.Context(), []machine.Placement{placement}); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context(), worker); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"start w", "stop d/w"}, kube.calls); diff != "" {
		t.Error(diff)
	}
}

func TestAKilledMachineAnswersNothingUntilItIsDeleted(t *testing.T) {
	t.Parallel()
	var kube service
	s := machine.NewSimulated(machine.Options{KubernetesAPI: &kube})
	var died []string
	s.Watch(func(cid string) { died = append(died, cid) })
	cid := up(t, s, spec("m", api()))
	if err := s.Kill(t.Context(), cid); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{cid}, died); diff != "" {
		t.Error(diff)
	}
	if _, err := s.State(t.Context(), cid); !errors.Is(err, machine.ErrUnresponsive) {
		t.Errorf("state: %v", err)
	}
	if err := s.RunScript(t.Context(), cid, machine.Drain, machine.Stay); !errors.Is(err, machine.ErrUnresponsive) {
		t.Errorf("drain: %v", err)
	}
	if err := s.Delete(t.Context(), cid); err != nil {
		t.Error(err)
	}
	if err := s.Kill(t.Context(), cid); !errors.Is(err, machine.ErrNotFound) {
		t.Errorf("kill of a deleted machine: %v", err)
	}
	if diff := cmp.Diff([]string{"start m", "stop d/m"}, kube.calls); diff != "" {
		t.Error(diff)
	}
}

func TestHooksAreToldWhatIsDeleted(t *testing.T) {
	t.Parallel()
	env := func(vm, instance, deployment string) map[string]string {
		return map[string]string{"BOSH_VM_NEXT_STATE": vm, "BOSH_INSTANCE_NEXT_STATE": instance, "BOSH_DEPLOYMENT_NEXT_STATE": deployment}
	}
	deleted := func(env map[string]string) map[string]string {
		env["BOSH_INSTANCE_DELETED"] = "1"
		return env
	}
	want := map[machine.Next]map[string]string{
		machine.Stay:             env("keep", "keep", "keep"),
		machine.DeleteMachine:    env("delete", "keep", "keep"),
		machine.DeleteInstance:   deleted(env("delete", "delete", "keep")),
		machine.DeleteDeployment: deleted(env("delete", "delete", "delete")),
	}
	got := map[machine.Next]map[string]string{}
	for next := range want {
		got[next] = next.Environment()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestANewMachineRunsNothingUntilJobsAreApplied(t *testing.T) {
	t.Parallel()
	s := machine.NewSimulated(machine.Options{})
	job := web()
	job.Errand = true
	cid, err := s.Create(t.Context(), spec("1", job))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"": "stopped"}, states(t, s, cid)); diff != "" {
		t.Error(diff)
	}
	if _, err := s.RunErrand(t.Context(), cid, "web"); err == nil {
		t.Error("an errand ran that was not applied")
	}
}
