package isolation_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/pks-community/pks-release/src/local/machine/isolation"
)

// leftovers is what there is of a stack on the host: control groups and processes.
func leftovers(t *testing.T, stack string) []string {
	t.Helper()
	found := []string{}
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && e.Name() == "pks-"+stack {
			found = append(found, path)
			return filepath.SkipDir
		}
		return nil // groups of others come and go
	})
	must(t, err)
	for pid, mark := range marked(t) {
		if strings.HasPrefix(mark, stack+"/") {
			found = append(found, "process "+strconv.Itoa(pid)+" of "+mark)
		}
	}
	return sorted(found)
}

// marked are the processes that carry a mark.
func marked(t *testing.T) map[int]string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	must(t, err)
	found := make(map[int]string)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		data, err := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if err != nil {
			continue
		}
		for _, variable := range bytes.Split(data, []byte{0}) {
			if mark, ok := bytes.CutPrefix(variable, []byte("PKS_LOCAL_MACHINE=")); ok {
				found[pid] = string(mark)
			}
		}
	}
	return found
}

// descendants are the processes below pid.
func descendants(t *testing.T, pid int) []int {
	t.Helper()
	parents := make(map[int]int)
	entries, err := os.ReadDir("/proc")
	must(t, err)
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		data, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		if parent, err := strconv.Atoi(fields[1]); err == nil {
			parents[child] = parent
		}
	}
	found := []int{pid}
	for i := 0; i < len(found); i++ {
		for child, parent := range parents {
			if parent == found[i] {
				found = append(found, child)
			}
		}
	}
	return found[1:]
}

// hostView is what must be the same before and after: the host's mounts and network interfaces.
func hostView(t *testing.T) []string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	must(t, err)
	view := strings.Split(strings.TrimSpace(string(mounts)), "\n")
	interfaces, err := net.Interfaces()
	must(t, err)
	for _, i := range interfaces {
		view = append(view, "interface "+i.Name)
	}
	return view
}

// agentPID is the process id, as the host has it, of who listens on a machine's socket.
func agentPID(t *testing.T, socket string) int {
	t.Helper()
	dir, err := os.Open(filepath.Dir(socket)) // for a short path
	must(t, err)
	defer dir.Close()
	conn, err := net.Dial("unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(socket)))
	must(t, err)
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	must(t, err)
	var pid int
	must(t, raw.Control(func(fd uintptr) {
		credentials, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err == nil {
			pid = int(credentials.Pid)
		}
	}))
	return pid
}

func gone(pid int) bool {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err != nil || bytes.Contains(data, []byte(") Z "))
}

func TestKillLeavesNothing(t *testing.T) {
	t.Parallel()
	inModes(t, allModes(), func(t *testing.T, mode isolation.Mode) {
		before := hostView(t)
		options := segmentOptions(t, mode, "kill")
		s := startSegment(t, options)
		o := machineOptions(t, mode, "m", 2)
		m := startMachine(t, s, o)
		// One process that has left its parents behind, and one group in the machine's.
		shell(t, m, "setsid sh -c 'touch $0; exec sleep 4243' "+m.Vcap()+"/away & until [ -e "+m.Vcap()+"/away ]; do sleep 0.01; done")
		if mode == isolation.Root {
			shell(t, m, "cd /sys/fs/cgroup; for h in *; do [ -f $h/cgroup.procs ] && mkdir -p $h/pod/container && echo $$ >$h/pod/container/cgroup.procs; done; exec true")
		}
		pid := agentPID(t, filepath.Join(o.Dir, "agent.sock"))
		inside := append(descendants(t, pid), pid)
		if len(inside) < 2 {
			t.Errorf("processes of the machine: %v", inside)
		}
		must(t, m.Kill(testContext(t)))
		must(t, m.Kill(testContext(t))) // once more does no harm
		<-m.Done()
		for _, pid := range inside {
			if !gone(pid) {
				t.Errorf("process %d is still there", pid)
			}
		}
		must(t, s.Close(testContext(t)))
		<-s.Done()
		if left := leftovers(t, options.Stack); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		// Tests beside this one have machines too, but nothing of them shows on the host.
		if diff := cmp.Diff(before, hostView(t)); diff != "" {
			t.Errorf("the host has changed (-before +after):\n%s", diff)
		}
		if _, err := os.Stat(filepath.Join(o.Dir, "agent.sock")); err != nil {
			t.Errorf("the machine's folder: %v", err)
		}
		must(t, os.RemoveAll(o.Dir)) // and it can be removed
	})
}

func TestDeathOfAMachineIsSeen(t *testing.T) {
	t.Parallel()
	inModes(t, allModes(), func(t *testing.T, mode isolation.Mode) {
		options := segmentOptions(t, mode, "death")
		s := startSegment(t, options)
		o := machineOptions(t, mode, "m", 2)
		m := startMachine(t, s, o)
		other := startMachine(t, s, machineOptions(t, mode, "other", 3))
		must(t, syscall.Kill(agentPID(t, filepath.Join(o.Dir, "agent.sock")), syscall.SIGKILL))
		waitFor(t, "death of the machine", m.Done())
		if _, err := m.Agent().State(testContext(t)); err == nil {
			t.Error("a dead machine answers")
		}
		shell(t, other, "true")
		must(t, m.Kill(testContext(t)))
		m = startMachine(t, s, o) // the same once more
		shell(t, m, "true")
	})
}

func waitFor(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-testContext(t).Done():
		t.Fatalf("%s: not within %s", what, 2*patience)
	}
}

func TestDeathOfTheHolderEndsItsMachines(t *testing.T) {
	t.Parallel()
	inModes(t, namespaceModes(), func(t *testing.T, mode isolation.Mode) {
		options := segmentOptions(t, mode, "holder")
		s := startSegment(t, options)
		o := machineOptions(t, mode, "m", 2)
		m := startMachine(t, s, o)
		pid := agentPID(t, filepath.Join(o.Dir, "agent.sock"))
		for holder, mark := range marked(t) {
			if mark == options.Stack+"/"+options.Deployment {
				must(t, syscall.Kill(holder, syscall.SIGKILL))
			}
		}
		waitFor(t, "death of the machine", m.Done())
		waitFor(t, "death of the segment", s.Done())
		eventually(t, "end of the agent", func() bool { return gone(pid) })
		if _, err := s.StartMachine(testContext(t), machineOptions(t, mode, "late", 3)); err == nil {
			t.Error("a dead segment takes a machine")
		}
		must(t, m.Kill(testContext(t)))
		must(t, s.Close(testContext(t)))
		if left := leftovers(t, options.Stack); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

func TestClosedSegmentTakesNoMachine(t *testing.T) {
	t.Parallel()
	inModes(t, allModes(), func(t *testing.T, mode isolation.Mode) {
		options := segmentOptions(t, mode, "closed")
		s := startSegment(t, options)
		m := startMachine(t, s, machineOptions(t, mode, "m", 2))
		must(t, s.Close(testContext(t)))
		must(t, s.Close(testContext(t)))
		<-m.Done()
		if _, err := s.StartMachine(testContext(t), machineOptions(t, mode, "late", 3)); err == nil {
			t.Error("a closed segment takes a machine")
		}
		if left := leftovers(t, options.Stack); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// startStandIn starts a program that is killed at the latest when the test ends.
func startStandIn(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(testContext(t), program(t), append([]string{standInCommand}, args...)...)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	must(t, err)
	t.Cleanup(func() { _ = stdin.Close() })
	return cmd
}

func TestKilledProgramTakesItsMachinesAlongAndSweepDoesTheRest(t *testing.T) {
	t.Parallel()
	inModes(t, allModes(), func(t *testing.T, mode isolation.Mode) {
		dir, stack := t.TempDir(), newStack()
		cmd := startStandIn(t, "drive", string(mode), dir, stack)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		if line != "up\n" {
			t.Fatalf("%q, %v", line, err)
		}
		pid := agentPID(t, filepath.Join(dir, "machine/agent.sock"))
		inside := append(descendants(t, pid), pid)
		if len(inside) < 3 {
			t.Errorf("processes of the machine: %v", inside)
		}
		before := leftovers(t, stack)
		must(t, cmd.Process.Kill())
		_ = cmd.Wait()
		if mode != isolation.Kwok {
			for _, pid := range inside {
				eventually(t, "end of process "+strconv.Itoa(pid), func() bool { return gone(pid) })
			}
		}
		must(t, isolation.Sweep(testContext(t), stack, dir))
		for _, pid := range inside {
			if !gone(pid) {
				t.Errorf("process %d is still there", pid)
			}
		}
		if left := leftovers(t, stack); len(left) > 0 {
			t.Errorf("left: %v of %v", left, before)
		}
		must(t, isolation.Sweep(testContext(t), stack, dir)) // nothing to do
		must(t, isolation.Sweep(testContext(t), stack, filepath.Join(dir, "absent")))
	})
}

func TestSweepLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	inModes(t, allModes(), func(t *testing.T, mode isolation.Mode) {
		options := segmentOptions(t, mode, "mine")
		s := startSegment(t, options)
		m := startMachine(t, s, machineOptions(t, mode, "m", 2))
		must(t, isolation.Sweep(testContext(t), newStack(), options.Dir))
		must(t, isolation.Sweep(testContext(t), options.Stack[:5], options.Dir))
		shell(t, m, "true")
	})
}

func TestNothingIsKeptOfEndedMachines(t *testing.T) {
	t.Parallel()
	inModes(t, allModes(), func(t *testing.T, mode isolation.Mode) {
		output, err := startStandIn(t, "cycle", string(mode), t.TempDir(), newStack()).Output()
		if err != nil {
			t.Errorf("%v %s", err, output)
		}
	})
}

func TestSegmentIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*isolation.SegmentOptions)
		want   string
	}{
		"mode":       {func(o *isolation.SegmentOptions) { o.Mode = "docker" }, `mode "docker"`},
		"stack":      {func(o *isolation.SegmentOptions) { o.Stack = "a/b" }, `stack "a/b"`},
		"deployment": {func(o *isolation.SegmentOptions) { o.Deployment = "" }, `deployment ""`},
		"gateway":    {func(o *isolation.SegmentOptions) { o.Gateway = netip.MustParsePrefix("fd00::1/64") }, "IPv4"},
		"program":    {func(o *isolation.SegmentOptions) { o.Program = "/no/such/program" }, "/no/such/program"},
		"no holder":  {func(o *isolation.SegmentOptions) { o.Program = "/bin/true" }, "holder is gone"},
	} {
		o := segmentOptions(t, isolation.Rootless, "deployment")
		c.change(&o)
		s, err := isolation.StartSegment(testContext(t), o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if s != nil {
			must(t, s.Close(context.Background()))
		}
	}
}

func TestMainIsNotForPeople(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"what", "name"}, {"holder"}, {"holder", "name", "more"}} {
		if code := isolation.Main(args); code != 2 {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
	cmd := exec.Command(program(t), isolation.Command, "holder", "name")
	if output, err := cmd.CombinedOutput(); err == nil || !slices.Contains([]int{1, 2}, cmd.ProcessState.ExitCode()) {
		t.Errorf("holder without an owner: %v %s", err, output)
	}
}
