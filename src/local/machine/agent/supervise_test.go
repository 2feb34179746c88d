package agent_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/agent"
)

func TestCrashedProcessIsStartedAgain(t *testing.T) {
	t.Parallel()
	a, events := startAgent(t), newPipe(t)
	ctx := testContext(t)
	must(t, a.Apply(ctx, plan(agent.Process{Name: "crash", Command: sh("echo up >>%s; exit 3", events.path)})))
	must(t, a.Start(ctx))
	events.expect(t, "up", "up", "up")
	a.waitJob(t, machine.JobFailing)
	must(t, a.Stop(ctx))
	log, err := os.ReadFile(a.path("vcap/bosh/log/current"))
	must(t, err)
	if !strings.Contains(string(log), `cause="exit code 3"`) {
		t.Errorf("the agent's log does not say why the process ended:\n%s", log)
	}
}

func TestKilledProcessIsStartedAgain(t *testing.T) {
	t.Parallel()
	a, events := startAgent(t), newPipe(t)
	ctx := testContext(t)
	must(t, a.Apply(ctx, plan(agent.Process{Name: "p", Command: sh("echo $$ >>%s; exec sleep 1000", events.path)})))
	must(t, a.Start(ctx))
	first, err := strconv.Atoi(events.next(t))
	must(t, err)
	a.waitJob(t, machine.JobRunning)
	kill(t, first)
	second, err := strconv.Atoi(events.next(t))
	must(t, err)
	if first == second {
		t.Errorf("process %d was not started anew", first)
	}
	a.waitJob(t, machine.JobRunning)
	must(t, a.Stop(ctx))
	if alive(second) {
		t.Error("the process runs after Stop")
	}
}

func kill(t *testing.T, pid int) {
	t.Helper()
	p, err := os.FindProcess(pid)
	must(t, err)
	must(t, p.Kill())
}

func TestMissingProgramIsAFailingProcess(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	ctx := testContext(t)
	must(t, a.Apply(ctx, plan(agent.Process{Name: "p", Command: agent.Command{Args: []string{"/no/such/program"}}})))
	must(t, a.Start(ctx))
	a.waitJob(t, machine.JobFailing)
	must(t, a.Stop(ctx))
	a.waitJob(t, machine.JobStopped)
}

func TestProcessesStartInOrderAndStopInReverse(t *testing.T) {
	t.Parallel()
	a, events := startAgent(t), newPipe(t)
	ctx := testContext(t)
	script := `trap 'echo stop %[1]s >>%[2]s; exit 0' TERM; echo start %[1]s >>%[2]s; touch %[1]s; while :; do sleep 1000 & wait $!; done`
	gate := a.path("gate")
	must(t, a.Apply(ctx, agent.Plan{Jobs: []agent.Job{
		{Name: "one", Processes: []agent.Process{
			{Name: "first", Command: sh(script, "first", events.path), Ready: &agent.Probe{File: gate}},
		}},
		{Name: "two", Processes: []agent.Process{
			{Name: "second", Command: sh(script, "second", events.path), Ready: &agent.Probe{File: a.path("second")}},
			{Name: "third", Command: sh(script, "third", events.path)},
		}},
	}}))
	must(t, a.Start(ctx))
	events.expect(t, "start first")
	a.waitJob(t, machine.JobStarting)
	s, err := a.State(ctx)
	must(t, err)
	want := []machine.Process{
		{Name: "first", State: "starting"}, {Name: "second", State: "initialized"}, {Name: "third", State: "initialized"},
	}
	if diff := cmp.Diff(want, s.Processes, cmpopts.IgnoreFields(machine.Process{}, "Uptime", "MemKB", "CPUPercent")); diff != "" {
		t.Errorf("before the first is ready (-want +got):\n%s", diff)
	}
	must(t, os.WriteFile(gate, nil, 0o600))
	events.expect(t, "start second", "start third")
	a.waitJob(t, machine.JobRunning)
	must(t, a.Start(ctx)) // changes nothing
	must(t, a.Stop(ctx))
	events.expect(t, "stop third", "stop second", "stop first")
	must(t, a.Stop(ctx)) // changes nothing
	must(t, os.Remove(gate))
	must(t, os.Remove(a.path("second")))
	must(t, a.Start(ctx))
	events.expect(t, "start first")
	must(t, os.WriteFile(gate, nil, 0o600))
	events.expect(t, "start second", "start third")
	must(t, a.Stop(ctx)) // while there is somebody who reads the events
}

func TestStopInTheMiddleOfAStart(t *testing.T) {
	t.Parallel()
	a, events := startAgent(t), newPipe(t)
	ctx := testContext(t)
	must(t, a.Apply(ctx, plan(
		agent.Process{Name: "first", Command: sh("echo first >>%s; exec sleep 1000", events.path), Ready: &agent.Probe{File: a.path("never")}},
		agent.Process{Name: "second", Command: sh("echo second >>%s; exec sleep 1000", events.path)},
	)))
	must(t, a.Start(ctx))
	events.expect(t, "first")
	must(t, a.Stop(ctx))
	s, err := a.State(ctx)
	must(t, err)
	want := machine.State{Job: machine.JobStopped, Processes: []machine.Process{
		{Name: "first", State: "unknown"}, {Name: "second", State: "unknown"},
	}}
	if diff := cmp.Diff(want, s, cmpopts.IgnoreFields(machine.State{}, "Vitals")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStopIsBoundedForAProcessThatIgnoresIt(t *testing.T) {
	t.Parallel()
	a, events := startAgent(t), newPipe(t)
	ctx := testContext(t)
	must(t, a.Apply(ctx, plan(agent.Process{
		Name: "deaf", StopTimeout: 100 * time.Millisecond,
		Command: sh("trap '' TERM; echo $$ >>%s; while :; do sleep 1000; done", events.path),
	})))
	must(t, a.Start(ctx))
	pid, err := strconv.Atoi(events.next(t))
	must(t, err)
	must(t, a.Stop(ctx))
	if alive(pid) {
		t.Error("the process still runs")
	}
}

func TestWhatAProcessStartedEndsWithIt(t *testing.T) {
	t.Parallel()
	a, events := startAgent(t), newPipe(t)
	ctx := testContext(t)
	must(t, a.Apply(ctx, plan(agent.Process{
		Name: "parent", Command: sh("sh -c 'echo $$ >>%s; exec sleep 1000' & wait", events.path),
	})))
	must(t, a.Start(ctx))
	pid, err := strconv.Atoi(events.next(t))
	must(t, err)
	must(t, a.Stop(ctx))
	eventually(t, "end of the grandchild", func() bool { return !alive(pid) })
}

func TestOrphansAreCollected(t *testing.T) {
	t.Parallel()
	a, events := startAgent(t), newPipe(t)
	ctx := testContext(t)
	// The middle shell leaves an orphan in a session of its own, which then ends.
	_, err := a.Run(ctx, sh("setsid sh -c '(echo $PPID >/dev/null; read line </dev/null; echo $$ >>%s) &'", events.path))
	must(t, err)
	pid := events.next(t)
	eventually(t, "collection of the orphan", func() bool {
		_, err := os.Stat("/proc/" + pid)
		return os.IsNotExist(err)
	})
}

func TestProcessesEndWithTheirAgent(t *testing.T) {
	t.Parallel()
	events := newPipe(t)
	var pid int
	t.Run("agent", func(t *testing.T) {
		a := startAgent(t)
		ctx := testContext(t)
		must(t, a.Apply(ctx, plan(agent.Process{Name: "p", Command: sh("echo $$ >>%s; exec sleep 1000", events.path)})))
		must(t, a.Start(ctx))
		var err error
		pid, err = strconv.Atoi(events.next(t))
		must(t, err)
	})
	if alive(pid) {
		t.Error("the process outlives the agent")
	}
}

func TestStateMeasuresProcesses(t *testing.T) {
	t.Parallel()
	a, events := startAgent(t, func(c *agent.Config) { c.PersistentDisk = true }), newPipe(t)
	ctx := testContext(t)
	must(t, os.MkdirAll(a.path("vcap/data"), 0o755))
	must(t, os.MkdirAll(a.path("vcap/store"), 0o755))
	must(t, a.Apply(ctx, plan(agent.Process{Name: "p", Command: sh("echo up >>%s; exec sleep 1000", events.path)})))
	must(t, a.Start(ctx))
	events.expect(t, "up")
	a.waitJob(t, machine.JobRunning)
	s, err := a.State(ctx)
	must(t, err)
	p := s.Processes[0]
	if p.Uptime <= 0 || p.MemKB <= 0 {
		t.Errorf("process %+v: neither uptime nor memory may be 0", p)
	}
	v := s.Vitals
	if v.MemKB < p.MemKB || v.Uptime <= p.Uptime || v.PersistentDisk < 0 || v.PersistentDisk > 100 || v.EphemeralDisk <= 0 {
		t.Errorf("vitals %+v do not fit process %+v", v, p)
	}
}

func TestMachineWithoutPersistentDiskSaysSo(t *testing.T) {
	t.Parallel()
	s, err := startAgent(t).State(testContext(t))
	must(t, err)
	if s.Vitals.PersistentDisk >= 0 {
		t.Errorf("persistent disk at %d%%", s.Vitals.PersistentDisk)
	}
	if diff := cmp.Diff(machine.State{Job: machine.JobStopped, Processes: []machine.Process{}}, s,
		cmpopts.IgnoreFields(machine.State{}, "Vitals")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
