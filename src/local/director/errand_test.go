package director_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/director/state"
	"github.com/pks-community/pks-release/src/local/machine"
)

// exits makes every errand end with a code.
func exits(code int) func(context.Context, machine.Spec, string) (machine.ErrandResult, error) {
	return func(context.Context, machine.Spec, string) (machine.ErrandResult, error) {
		return machine.ErrandResult{ExitCode: code, Stdout: "out line\n", Stderr: "err line\n"}, nil
	}
}

// errandLines returns group and exit code of each line of an errand's result.
func (b *bench) errandLines(id int) map[string]float64 {
	b.Helper()
	found := map[string]float64{}
	for line := range strings.Lines(b.output(id, "result")) {
		var out struct {
			Instance struct{ Group, ID string }
			Errand   string  `json:"errand_name"`
			ExitCode float64 `json:"exit_code"`
			Stdout   string
			Stderr   string
			Logs     struct {
				BlobID string `json:"blobstore_id"`
				SHA1   string
			}
		}
		if err := json.Unmarshal([]byte(line), &out); err != nil {
			b.Fatal(err)
		}
		if a := b.do("GET", "/resources/"+out.Logs.BlobID, ""); a.status != 200 || a.header.Get("Content-Type") != "application/x-gzip" {
			b.Errorf("logs: %d %v", a.status, a.header)
		}
		found[out.Instance.Group+" "+out.Errand+" "+out.Stdout] = out.ExitCode
	}
	return found
}

func TestAnErrandGroupGetsMachinesForTheRun(t *testing.T) {
	t.Parallel()
	b := start(t, setup{machines: machine.Options{Errand: exits(0)}})
	b.deploy(d1, "", "done")
	if got := b.get("/deployments/d1/errands"); got != `[{"name":"smoke"},{"name":"chk"}]` {
		t.Errorf("errands are %s", got)
	}
	done := b.run(b.do("POST", "/deployments/d1/errands/smoke/runs", `{"keep-alive":false,"when-changed":false,"instances":[]}`), "done")
	if *done.Result != "1 succeeded, 0 errored, 0 canceled" || done.Description != "run errand smoke from deployment d1" {
		t.Errorf("task is %+v", done)
	}
	script := b.script(done.ID)
	head := []string{
		"Preparing deployment [] 1/1 Preparing deployment: started",
		"Preparing package compilation [] 1/1 Finding packages to compile: started",
		"Preparing package compilation [] 1/1 Finding packages to compile: finished",
		"Preparing deployment [] 1/1 Preparing deployment: finished",
		"Creating missing vms [] 1/1 smoke (0): started",
		"Creating missing vms [] 1/1 smoke (0): finished",
		"Updating instance [smoke] 1/1 smoke (0) (canary): started",
	}
	tail := []string{
		"Updating instance [smoke] 1/1 smoke (0) (canary): finished",
		"Running errand [] 1/1 smoke (0): started",
		"Running errand [] 1/1 smoke (0): finished",
		"Fetching logs for smoke (0) [] 1/1 Finding and packing log files: started",
		"Fetching logs for smoke (0) [] 1/1 Finding and packing log files: finished",
	}
	if diff := cmp.Diff(head, script[:len(head)]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(tail, script[len(script)-len(tail):]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]float64{"smoke smoke out line\n": 0}, b.errandLines(done.ID)); diff != "" {
		t.Error(diff)
	}
	if vms := b.list("/deployments/d1/vms"); len(vms) != 5 {
		t.Errorf("%d machines after the errand, want 5", len(vms))
	}
}

func TestKeepAliveKeepsAnErrandsMachine(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(d1, "", "done")
	b.run(b.do("POST", "/deployments/d1/errands/smoke/runs", `{"keep-alive":true}`), "done")
	if vms := b.list("/deployments/d1/vms"); len(vms) != 6 {
		t.Errorf("%d machines, want 6", len(vms))
	}
	again := b.run(b.do("POST", "/deployments/d1/errands/smoke/runs", `{"keep-alive":true}`), "done")
	if got := b.updated(again.ID); strings.Contains(strings.Join(got, ","), "Creating missing vms") {
		t.Errorf("the kept machine was not used: %q", got)
	}
}

func TestAFailingErrandIsASuccessfulTask(t *testing.T) {
	t.Parallel()
	b := start(t, setup{machines: machine.Options{Errand: exits(3)}})
	b.deploy(d1, "", "done")
	done := b.run(b.do("POST", "/deployments/d1/errands/chk/runs", `{}`), "done")
	if *done.Result != "0 succeeded, 2 errored, 0 canceled" {
		t.Errorf("result is %s", *done.Result)
	}
	want := map[string]float64{"master chk out line\n": 3, "smoke chk out line\n": 3}
	if diff := cmp.Diff(want, b.errandLines(done.ID)); diff != "" {
		t.Error(diff)
	}
}

func TestAnErrandIsSkippedWhenNothingChangedSinceItsLastSuccess(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(d1, "", "done")
	run := func() string {
		return *b.run(b.do("POST", "/deployments/d1/errands/chk/runs", `{"when-changed":true,"instances":[{"group":"master"}]}`), "done").Result
	}
	if got := run(); got != "1 succeeded, 0 errored, 0 canceled" {
		t.Errorf("first run: %s", got)
	}
	if got := run(); got != "skipped - no changes detected" {
		t.Errorf("second run: %s", got)
	}
	b.deploy(strings.Replace(d1, "port: 9999", "port: 1", 1), "", "done")
	if got := run(); got != "1 succeeded, 0 errored, 0 canceled" {
		t.Errorf("run after a change: %s", got)
	}
}

func TestAnErrandRunsOnTheFirstOfAGroup(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(strings.Replace(d1, "provides: {web: nil}}", "provides: {web: nil}}\n  - {name: chk, release: rec}", 1), "", "done")
	for target, want := range map[string]string{
		`{"group":"worker"}`:              "4 succeeded, 0 errored, 0 canceled",
		`{"group":"worker","id":"first"}`: "1 succeeded, 0 errored, 0 canceled",
		`{"group":"worker","id":"first"},{"group":"master","id":"first"}`: "2 succeeded, 0 errored, 0 canceled",
	} {
		done := b.run(b.do("POST", "/deployments/d1/errands/chk/runs", `{"instances":[`+target+`]}`), "done")
		if *done.Result != want {
			t.Errorf("%s: %s, want %s", target, *done.Result, want)
		}
	}
}

func TestErrandsThatCannotRunAreTaskErrors(t *testing.T) {
	t.Parallel()
	b := start(t, setup{})
	b.deploy(d1, "", "done")
	for body, want := range map[string]string{
		"nope {}":                            "error 70009 Errand 'nope' doesn't exist",
		`chk {"instances":[{"group":"zz"}]}`: `error 100 No instances match selection criteria: [{"group"=>"zz"}]`,
	} {
		name, text, _ := strings.Cut(body, " ")
		failed := b.run(b.do("POST", "/deployments/d1/errands/"+name+"/runs", text), "error")
		script := b.script(failed.ID)
		if got := script[len(script)-1]; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if a := b.do("POST", "/deployments/d1/errands/chk/runs", ""); a.status != 500 || a.body != "" {
		t.Errorf("empty body: %d %q", a.status, a.body)
	}
}

func TestACancelledErrandStillDeliversItsOutput(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{})
	b := start(t, setup{machines: machine.Options{Errand: func(ctx context.Context, _ machine.Spec, _ string) (machine.ErrandResult, error) {
		close(reached)
		<-ctx.Done()
		return machine.ErrandResult{ExitCode: 143, Stdout: "out line\n"}, nil
	}}})
	b.deploy(d1, "", "done")
	id := b.accepted(b.do("POST", "/deployments/d1/errands/smoke/runs", `{}`))
	<-reached
	b.do("DELETE", fmt.Sprintf("/task/%d", id), "")
	if ended := b.finish(id); ended.State != "cancelled" {
		t.Errorf("task is %+v", ended)
	}
	if diff := cmp.Diff(map[string]float64{"smoke smoke out line\n": 143}, b.errandLines(id)); diff != "" {
		t.Error(diff)
	}
	script := b.script(id)
	want := []string{
		"Running errand [] 1/1 smoke (0): started",
		fmt.Sprintf("Running errand [] 1/1 smoke (0): failed Task %d cancelled", id),
		"Fetching logs for smoke (0) [] 1/1 Finding and packing log files: started",
		"Fetching logs for smoke (0) [] 1/1 Finding and packing log files: finished",
		fmt.Sprintf("error 10001 Task %d cancelled", id),
	}
	if diff := cmp.Diff(want, script[len(script)-len(want):]); diff != "" {
		t.Error(diff)
	}
	if vms := b.list("/deployments/d1/vms"); len(vms) != 5 {
		t.Errorf("%d machines after the cancel, want 5", len(vms))
	}
}

// A Director that is killed while it removes an errand's machine may have written only that the machine
// is gone.
func TestAnErrandMachineThatIsHalfForgottenIsConfiguredAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := func(b *bench, keep bool) {
		t.Helper()
		done := b.run(b.do("POST", "/deployments/d1/errands/smoke/runs", fmt.Sprintf(`{"keep-alive":%t}`, keep)), "done")
		if *done.Result != "1 succeeded, 0 errored, 0 canceled" {
			t.Errorf("result is %s", *done.Result)
		}
	}
	b := start(t, setup{dir: dir})
	b.deploy(d1, "", "done")
	run(b, true)
	b.close()
	store, err := state.Open(t.Context(), filepath.Join(dir, "director.db"))
	if err != nil {
		t.Fatal(err)
	}
	instances, err := store.Instances(t.Context(), "d1")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range instances {
		if i.Group == "smoke" {
			i.VMCID = ""
			if err := store.SaveInstance(t.Context(), i); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	run(start(t, setup{dir: dir}), false)
}
