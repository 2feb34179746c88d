package agent_test

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/agent"
)

func hookJob(name string, script machine.Script, c agent.Command) agent.Job {
	return agent.Job{Name: name, Hooks: map[machine.Script]agent.Command{script: c}}
}

func TestHooksOfAllJobsRunAtOnce(t *testing.T) {
	t.Parallel()
	a, events := startAgent(t), newPipe(t)
	ctx := testContext(t)
	// Each waits for the other: one after the other they would wait for ever.
	wait := "echo %[1]s >>%[3]s; touch %[1]s; until [ -e %[2]s ]; do sleep 0.01; done"
	must(t, a.Apply(ctx, agent.Plan{Jobs: []agent.Job{
		hookJob("a", machine.PreStart, sh(wait, "a", "b", events.path)), {Name: "none"},
		hookJob("b", machine.PreStart, sh(wait, "b", "a", events.path)),
	}}))
	must(t, a.RunScript(ctx, machine.PreStart))
	must(t, a.RunScript(ctx, machine.PostStart))
	got := []string{events.next(t), events.next(t)}
	if diff := cmp.Diff(map[string]bool{"a": true, "b": true}, map[string]bool{got[0]: true, got[1]: true}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFailedHookIsNamedAndQuoted(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	ctx := testContext(t)
	must(t, a.Apply(ctx, agent.Plan{Jobs: []agent.Job{
		hookJob("good", machine.PreStart, sh("echo fine")),
		hookJob("bad", machine.PreStart, sh("echo out; for i in $(seq 50); do echo line $i >&2; done; exit 7")),
		hookJob("mute", machine.PreStart, sh("exit 1")),
		hookJob("talks", machine.PreStart, sh("echo only said; exit 2")),
		hookJob("missing", machine.PreStart, agent.Command{Args: []string{"no-such-program"}}),
	}}))
	err := a.RunScript(ctx, machine.PreStart)
	if err == nil {
		t.Fatal("no error")
	}
	want := strings.Join([]string{
		"job bad: pre-start failed with exit code 7: line 41", "line 42", "line 43", "line 44", "line 45", "line 46", "line 47",
		"line 48", "line 49", "line 50",
		"job mute: pre-start failed with exit code 1",
		"job talks: pre-start failed with exit code 2: only said",
		"job missing: pre-start: program no-such-program: file does not exist",
	}, "\n")
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	log, err := os.ReadFile(a.path("vcap/sys/log/good/pre-start.stdout.log"))
	must(t, err)
	if string(log) != "fine\n" {
		t.Errorf("log of the hook: %q", log)
	}
}

func TestHookIsEndedAfterItsTimeout(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	ctx := testContext(t)
	c := sh("echo draining; exec sleep 1000")
	c.Timeout = 50 * time.Millisecond
	must(t, a.Apply(ctx, agent.Plan{Jobs: []agent.Job{hookJob("slow", machine.Drain, c)}}))
	err := a.RunScript(ctx, machine.Drain)
	if want := "job slow: drain was ended after 50ms"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestHookIsEndedWithItsCaller(t *testing.T) {
	t.Parallel()
	a, events := startAgent(t), newPipe(t)
	must(t, a.Apply(testContext(t), agent.Plan{Jobs: []agent.Job{
		hookJob("slow", machine.Drain, sh("echo $$ >>%s; exec sleep 1000", events.path)),
	}}))
	ctx, cancel := context.WithCancel(testContext(t))
	ended := make(chan error, 1)
	go func() { ended <- a.RunScript(ctx, machine.Drain) }()
	pid, err := strconv.Atoi(events.next(t))
	must(t, err)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	eventually(t, "end of the hook", func() bool { return !alive(pid) })
}

func errandJob(name string, c agent.Command) agent.Plan {
	return agent.Plan{Jobs: []agent.Job{{Name: name, Errand: &c}}}
}

func TestErrandReturnsItsOutputAndExitCode(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	ctx := testContext(t)
	c := sh("echo out $GREETING; pwd; echo err >&2; exit 9")
	c.Env = map[string]string{"GREETING": "hello"}
	must(t, a.Apply(ctx, errandJob("apply-addons", c)))
	got, err := a.RunErrand(ctx, "apply-addons")
	must(t, err)
	want := machine.ErrandResult{ExitCode: 9, Stdout: "out hello\n" + a.dir + "\n", Stderr: "err\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestErrandThatIsNone(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	ctx := testContext(t)
	must(t, a.Apply(ctx, agent.Plan{Jobs: []agent.Job{{Name: "kubelet"}}}))
	for _, name := range []string{"kubelet", "nothing"} {
		if _, err := a.RunErrand(ctx, name); err == nil || !strings.Contains(err.Error(), "job "+name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestCancelledErrandIsEndedBySignal(t *testing.T) {
	t.Parallel()
	a, events := startAgent(t), newPipe(t)
	must(t, a.Apply(testContext(t), errandJob("e", sh("echo begun; echo up >>%s; exec sleep 1000", events.path))))
	ctx, cancel := context.WithCancel(testContext(t))
	type result struct {
		machine.ErrandResult
		err error
	}
	ended := make(chan result, 1)
	go func() {
		r, err := a.RunErrand(ctx, "e")
		ended <- result{r, err}
	}()
	events.expect(t, "up")
	cancel()
	got := <-ended
	must(t, got.err)
	if diff := cmp.Diff(machine.ErrandResult{ExitCode: 143, Stdout: "begun\n"}, got.ErrandResult); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestErrandThatIgnoresItsCancellationIsKilled(t *testing.T) {
	t.Parallel()
	a, events := startAgent(t, func(c *agent.Config) { c.Patience = 50 * time.Millisecond }), newPipe(t)
	must(t, a.Apply(testContext(t), errandJob("e", sh("trap '' TERM; echo up >>%s; while :; do sleep 1000; done", events.path))))
	ctx, cancel := context.WithCancel(testContext(t))
	codes := make(chan int, 1)
	go func() {
		r, err := a.RunErrand(ctx, "e")
		if err != nil {
			t.Error(err)
		}
		codes <- r.ExitCode
	}()
	events.expect(t, "up")
	cancel()
	if code := <-codes; code != 137 {
		t.Errorf("exit code %d", code)
	}
}

func TestErrandTimeoutIsSaid(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	c := sh("exec sleep 1000")
	c.Timeout = 50 * time.Millisecond
	got, err := a.Run(testContext(t), c)
	must(t, err)
	want := machine.ErrandResult{ExitCode: 143, Stderr: "ended after 50ms, the time it may take\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOutputIsBounded(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	got, err := a.Run(testContext(t), sh("head -c 5000000 /dev/zero | tr '\\0' x; echo end"))
	must(t, err)
	if len(got.Stdout) > 1<<20+100 || !strings.HasSuffix(got.Stdout, "xxend\n") || !strings.HasPrefix(got.Stdout, "[") {
		t.Errorf("%d bytes from %.40q to %.10q", len(got.Stdout), got.Stdout, got.Stdout[max(0, len(got.Stdout)-10):])
	}
}

func TestCommandIsNotHeldUpByWhatKeepsItsOutputOpen(t *testing.T) {
	t.Parallel()
	a, events := startAgent(t), newPipe(t)
	got, err := a.Run(testContext(t), sh(
		"echo said; setsid sh -c 'touch away; echo $$ >>%s; exec sleep 1000' & until [ -e away ]; do sleep 0.01; done", events.path))
	must(t, err)
	if diff := cmp.Diff(machine.ErrandResult{Stdout: "said\n"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	pid, err := strconv.Atoi(events.next(t))
	must(t, err)
	kill(t, pid)
}

func TestEmptyCommandIsRefused(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	if _, err := a.Run(testContext(t), agent.Command{}); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("error %v", err)
	}
}
