package isolation_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/agent"
	"github.com/pks-community/pks-release/src/local/machine/isolation"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shell runs a script in a machine and returns what it prints.
func shell(t *testing.T, m *isolation.Machine, script string) string {
	t.Helper()
	result, err := m.Agent().Run(testContext(t), agent.Command{Args: []string{"sh", "-c", script}})
	must(t, err)
	if result.ExitCode != 0 {
		t.Fatalf("%s: exit code %d: %s%s", script, result.ExitCode, result.Stdout, result.Stderr)
	}
	return strings.TrimSpace(result.Stdout)
}

// testPackage is a package whose program is the test program.
func testPackage(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{"test": filepath.Dir(program(t))}
}

func testProgram(t *testing.T, m *isolation.Machine) string {
	t.Helper()
	return filepath.Join(m.Vcap(), "packages/test", filepath.Base(program(t)))
}

func TestMachineIsAWorldOfItsOwn(t *testing.T) {
	t.Parallel()
	inModes(t, namespaceModes(), func(t *testing.T, mode isolation.Mode) {
		s := startSegment(t, segmentOptions(t, mode, "world"))
		o := machineOptions(t, mode, "worker-0", 5)
		o.PersistentDisk = filepath.Join(t.TempDir(), "disk")
		o.Packages = testPackage(t)
		m := startMachine(t, s, o)
		secret := filepath.Join(t.TempDir(), "secret")
		must(t, os.WriteFile(secret, nil, 0o600))
		for script, want := range map[string]string{
			"hostname":                 "worker-0",
			"id -u":                    "0",
			"cat /etc/hosts | tail -1": "10.77.0.5 worker-0",
			"ls / | tr '\\n' ' '":      rootFolders(t),
			"test ! -e " + secret + " && echo hidden":                                            "hidden",
			"test ! -e /etc/shadow && echo hidden":                                               "hidden",
			"tr '\\0' ' ' </proc/1/cmdline":                                                      program(t) + " machine-part machine worker-0",
			"ls /sys/class/net | tr '\\n' ' '":                                                   "eth0 lo",
			"cat /sys/class/net/eth0/address":                                                    "02:00:0a:4d:00:05",
			"awk '/MemTotal/ {print $2, $3}' /proc/meminfo":                                      "524288 kB",
			"cat /proc/self/cgroup | cut -d: -f3 | sed s,^/init$,/, | sort -u":                   "/",
			"cat /proc/sys/net/ipv4/ip_forward":                                                  "1",
			"touch /usr/x 2>/dev/null || echo read-only":                                         "read-only",
			"touch /var/vcap/packages/test/x 2>&1 || echo read-only":                             "touch: cannot touch '/var/vcap/packages/test/x': Read-only file system\nread-only",
			"(echo 1 >/proc/sys/kernel/sysrq) 2>/dev/null || echo read-only":                     "read-only",
			"echo 0 >/proc/sys/vm/overcommit_memory && cat /proc/sys/vm/overcommit_memory":       "0",
			"findmnt -no PROPAGATION /var":                                                       "shared",
			"echo x >/var/vcap/store/data && cat /var/vcap/store/data":                           "x",
			"ls /var/lib /etc/cni | tr '\\n' ' '":                                                "/etc/cni: net.d  /var/lib: cni containerd kubelet",
			"test -c /dev/null && test -c /dev/kmsg && script -qc tty /dev/null </dev/null":      "/dev/pts/0",
			"readlink /var/run /dev/ptmx | tr '\\n' ' '":                                         "/run pts/ptmx",
			"tail -c 20 /etc/resolv.conf | wc -l":                                                "1",
			"mkdir /tmp/a /run/a && mount --bind /tmp/a /run/a && umount /run/a && echo mounted": "mounted",
		} {
			if diff := cmp.Diff(want, shell(t, m, script)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", script, diff)
			}
		}
		data, err := os.ReadFile(filepath.Join(o.PersistentDisk, "data"))
		if err != nil || string(data) != "x\n" {
			t.Errorf("on the persistent disk: %q, %v", data, err)
		}
	})
}

// rootFolders is what a machine's root holds: the host's folders of programs and its own.
func rootFolders(t *testing.T) string {
	t.Helper()
	names := []string{"dev", "etc", "mnt", "opt", "proc", "root", "run", "sys", "tmp", "usr", "var"}
	for _, name := range []string{"bin", "gnu", "lib", "lib32", "lib64", "libx32", "nix", "sbin"} {
		if _, err := os.Lstat("/" + name); err == nil {
			names = append(names, name)
		}
	}
	return strings.Join(sorted(names), " ")
}

func TestEphemeralDiskOutlivesTheMachine(t *testing.T) {
	t.Parallel()
	inModes(t, allModes(), func(t *testing.T, mode isolation.Mode) {
		s := startSegment(t, segmentOptions(t, mode, "disk"))
		o := machineOptions(t, mode, "m", 2)
		o.PersistentDisk = filepath.Join(t.TempDir(), "disk")
		write := "echo $1 >>$1/data/f; echo $1 >>$1/store/f"
		read := "cat $1/data/f $1/store/f | wc -l"
		if mode != isolation.Kwok {
			write += "; echo x >/etc/cni/net.d/f; echo x >/var/lib/kubelet/f; echo x >/run/f; echo x >/tmp/f"
			read += "; cat /etc/cni/net.d/f /var/lib/kubelet/f | wc -l; ls /tmp /run"
		}
		script := func(m *isolation.Machine, text string) string {
			return shell(t, m, "set -- "+m.Vcap()+"; "+text)
		}
		m := startMachine(t, s, o)
		script(m, write)
		must(t, m.Kill(testContext(t)))
		m = startMachine(t, s, o)
		want := "2"
		if mode != isolation.Kwok {
			want = "2\n2\n/run:\nlock\n\n/tmp:"
		}
		if diff := cmp.Diff(want, script(m, read)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// greet is what a machine's echo program says to another one.
func greet(t *testing.T, from *isolation.Machine, address string) (string, error) {
	t.Helper()
	conn, err := from.Agent().Dial(testContext(t), address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	data, err := io.ReadAll(conn)
	return string(data), err
}

// serveEcho has a machine answer on port 8080 of its address.
func serveEcho(t *testing.T, m *isolation.Machine, address, greeting string) {
	t.Helper()
	ctx := testContext(t)
	must(t, m.Agent().Apply(ctx, agent.Plan{Jobs: []agent.Job{{Name: "echo", Processes: []agent.Process{{
		Name:    "echo",
		Command: agent.Command{Args: []string{testProgram(t, m), standInCommand, "echo", address, greeting}},
		Ready:   &agent.Probe{TCP: address},
	}}}}}))
	must(t, m.Agent().Start(ctx))
	eventually(t, "echo program", func() bool {
		state, err := m.Agent().State(ctx)
		must(t, err)
		return state.Job == machine.JobRunning
	})
}

func TestMachinesOfASegmentReachEachOther(t *testing.T) {
	t.Parallel()
	inModes(t, allModes(), func(t *testing.T, mode isolation.Mode) {
		s := startSegment(t, segmentOptions(t, mode, "net"))
		one, two := machineOptions(t, mode, "one", 3), machineOptions(t, mode, "two", 4)
		two.Packages = testPackage(t)
		m1, m2 := startMachine(t, s, one), startMachine(t, s, two)
		address := two.Address.String() + ":8080"
		serveEcho(t, m2, address, "hello")
		got, err := greet(t, m1, address)
		if got != "hello" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		// A machine made anew is found at once.
		must(t, m2.Kill(testContext(t)))
		m2 = startMachine(t, s, two)
		serveEcho(t, m2, address, "again")
		if got, err := greet(t, m1, address); got != "again" || err != nil {
			t.Errorf("made anew: %q, %v", got, err)
		}
	})
}

func TestSegmentsDoNotReachEachOther(t *testing.T) {
	t.Parallel()
	inModes(t, namespaceModes(), func(t *testing.T, mode isolation.Mode) {
		one, two := startSegment(t, segmentOptions(t, mode, "one")), startSegment(t, segmentOptions(t, mode, "two"))
		o := machineOptions(t, mode, "same", 3)
		o.Packages = testPackage(t)
		m1, m2 := startMachine(t, one, o), startMachine(t, two, machineOptions(t, mode, "other", 4))
		serveEcho(t, m1, "10.77.0.3:8080", "hello")
		if got, err := greet(t, m2, "10.77.0.3:8080"); err == nil {
			t.Errorf("a machine of another segment answers %q", got)
		}
		o.Dir = filepath.Join(t.TempDir(), "m")
		m3 := startMachine(t, two, o) // the same name and address do not matter
		serveEcho(t, m3, "10.77.0.3:8080", "other")
		if got, err := greet(t, m2, "10.77.0.3:8080"); got != "other" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestMachineIsHeldToItsSize(t *testing.T) {
	t.Parallel()
	inModes(t, []isolation.Mode{isolation.Root}, func(t *testing.T, mode isolation.Mode) {
		s := startSegment(t, segmentOptions(t, mode, "size"))
		o := machineOptions(t, mode, "m", 2)
		o.MemoryMB, o.CPUs = 128, 1
		m := startMachine(t, s, o)
		got := shell(t, m, "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory.max 2>/dev/null; cat cpu/cpu.cfs_quota_us cpu.max 2>/dev/null; :")
		if got != "134217728\n100000" && got != "134217728\n100000 100000" {
			t.Errorf("limits: %q", got)
		}
		result, err := m.Agent().Run(testContext(t), agent.Command{Args: []string{"sh", "-c", "head -c 500M /dev/zero | tail >/dev/null"}})
		must(t, err)
		if result.ExitCode == 0 {
			t.Error("a machine of 128 MB takes 500 MB")
		}
		state, err := m.Agent().State(testContext(t))
		must(t, err)
		if state.Vitals.MemKB <= 0 || state.Vitals.MemPercent > 100 {
			t.Errorf("vitals %+v", state.Vitals)
		}
		// The kernel holds groups in groups to it as well, as containers have them.
		shell(t, m, "mkdir /sys/fs/cgroup/memory/pod 2>/dev/null || mkdir /sys/fs/cgroup/pod")
	})
}

func TestPlainMachineIsAFolder(t *testing.T) {
	t.Parallel()
	s := startSegment(t, segmentOptions(t, isolation.Kwok, "plain"))
	o := machineOptions(t, isolation.Kwok, "worker-0", 5)
	o.Packages = testPackage(t)
	m := startMachine(t, s, o)
	if want := filepath.Join(o.Dir, "vcap"); m.Vcap() != want {
		t.Errorf("%s stands for /var/vcap, want %s", m.Vcap(), want)
	}
	for script, want := range map[string]string{
		"cat $PKS_HOSTS_FILE | tail -1":        "127.77.0.5 worker-0",
		"pwd":                                  o.Dir,
		"ls " + m.Vcap() + " | tr '\\n' ' '":   "bosh data jobs packages store sys",
		"readlink " + m.Vcap() + "/packages/*": filepath.Dir(program(t)),
		"env | grep -c TMPDIR || :":            "0",
	} {
		if diff := cmp.Diff(want, shell(t, m, script)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", script, diff)
		}
	}
	// A plan writes nowhere else.
	err := m.Agent().Apply(testContext(t), agent.Plan{Jobs: []agent.Job{{Name: "j", Files: []agent.File{{Path: t.TempDir() + "/x"}}}}})
	if err == nil {
		t.Error("a file outside the machine's folder is accepted")
	}
	// Packages of an upgraded machine are others.
	must(t, m.Kill(testContext(t)))
	o.Packages["test"] = o.Dir
	if got := shell(t, startMachine(t, s, o), "readlink "+m.Vcap()+"/packages/*"); got != o.Dir {
		t.Errorf("package at %s, want %s", got, o.Dir)
	}
}

func TestMachineInADeepFolder(t *testing.T) {
	t.Parallel()
	inModes(t, allModes(), func(t *testing.T, mode isolation.Mode) {
		s := startSegment(t, segmentOptions(t, mode, "deep"))
		o := machineOptions(t, mode, "m", 2)
		o.Dir = filepath.Join(t.TempDir(), strings.Repeat("x", 100), strings.Repeat("y", 100))
		shell(t, startMachine(t, s, o), "true")
	})
}

func TestMachineIsRefused(t *testing.T) {
	t.Parallel()
	inModes(t, allModes(), func(t *testing.T, mode isolation.Mode) {
		s := startSegment(t, segmentOptions(t, mode, "refuse"))
		startMachine(t, s, machineOptions(t, mode, "there", 2))
		for name, c := range map[string]struct {
			change func(*isolation.MachineOptions)
			want   string
		}{
			"name taken":   {func(o *isolation.MachineOptions) { o.Name = "there" }, "runs already"},
			"no name":      {func(o *isolation.MachineOptions) { o.Name = "" }, `machine ""`},
			"name as path": {func(o *isolation.MachineOptions) { o.Name = "../x" }, `machine "../x"`},
			"package name": {func(o *isolation.MachineOptions) { o.Packages = map[string]string{"a/b": "/"} }, `package "a/b"`},
			"no address": {func(o *isolation.MachineOptions) {
				o.Address = o.Address.Prev()
				o.Address = [1]isolation.MachineOptions{}[0].Address
			}, "IPv4"},
			"folder a file": {func(o *isolation.MachineOptions) { must(t, os.WriteFile(o.Dir, nil, 0o600)) }, "make the machine's folder"},
			"disk a file": {func(o *isolation.MachineOptions) {
				o.PersistentDisk = filepath.Join(t.TempDir(), "f")
				must(t, os.WriteFile(o.PersistentDisk, nil, 0o600))
			}, "make the persistent disk"},
		} {
			o := machineOptions(t, mode, "new", 9)
			c.change(&o)
			if _, err := s.StartMachine(testContext(t), o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v, want %q", name, err, c.want)
			}
		}
		// What failed is in nobody's way.
		startMachine(t, s, machineOptions(t, mode, "new", 9))
	})
}

func TestMachineThatCannotBeMadeLeavesNothing(t *testing.T) {
	t.Parallel()
	inModes(t, namespaceModes(), func(t *testing.T, mode isolation.Mode) {
		options := segmentOptions(t, mode, "broken")
		s := startSegment(t, options)
		o := machineOptions(t, mode, "m", 2)
		o.Packages = map[string]string{"absent": "/no/such/folder"}
		_, err := s.StartMachine(testContext(t), o)
		if err == nil || !strings.Contains(err.Error(), "/var/vcap/packages/absent") {
			t.Errorf("error %v does not say what is missing", err)
		}
		if left := leftovers(t, options.Stack); len(left) > 1 { // the holder
			t.Errorf("left: %v", left)
		}
	})
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	t.Parallel()
	inModes(t, allModes(), func(t *testing.T, mode isolation.Mode) {
		options := segmentOptions(t, mode, "cancel")
		s := startSegment(t, options)
		before := leftovers(t, options.Stack)
		ctx, cancel := context.WithCancel(testContext(t))
		cancel()
		if _, err := s.StartMachine(ctx, machineOptions(t, mode, "m", 2)); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if diff := cmp.Diff(before, leftovers(t, options.Stack)); diff != "" {
			t.Errorf("left (-before +after):\n%s", diff)
		}
		startMachine(t, s, machineOptions(t, mode, "m", 2))
	})
}
