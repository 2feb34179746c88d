package process_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/local/kubernetes"
	"github.com/pks-community/pks-release/src/local/machine"
	"github.com/pks-community/pks-release/src/local/machine/isolation"
	"github.com/pks-community/pks-release/src/local/machine/process"
)

// TestMain makes the test binary what pks-local is for machines.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == isolation.Command {
		os.Exit(isolation.Main(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// The tests need no Kubernetes: their machines have jobs that run nothing. Everything is possible in
// the weakest isolation, so it is tried everywhere; stronger ones where the kernel allows them.
func modes(t *testing.T) []isolation.Mode {
	t.Helper()
	finding, err := isolation.Detect(t.Context(), isolation.DetectOptions{Program: os.Args[0], Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	modes := []isolation.Mode{isolation.Kwok}
	for _, m := range []isolation.Mode{isolation.Root, isolation.Rootless} {
		if why, refused := finding.Refused[m]; refused {
			t.Logf("not tried in mode %s: %s", m, why)
		} else {
			modes = append(modes, m)
		}
	}
	return modes
}

// subnet takes a /16 that no other test uses, also of another run on this host: whoever listens at its
// first address has it.
func subnet(t *testing.T) netip.Prefix {
	t.Helper()
	for b := 1; b < 64; b++ {
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{127, byte(b), 0, 0}), 16)
		l, err := net.Listen("tcp", netip.AddrPortFrom(prefix.Addr().Next(), 8443).String())
		if err != nil {
			continue
		}
		t.Cleanup(func() { l.Close() })
		return prefix
	}
	t.Fatal("no subnet is free")
	return netip.Prefix{}
}

// options are for a driver of its own.
func options(t *testing.T, mode isolation.Mode) process.Options {
	t.Helper()
	dir, err := os.MkdirTemp("", "pks-machines-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	free := subnet(t)
	return process.Options{
		Dir: dir, Stack: fmt.Sprintf("t%02x%03x", free.Addr().As4()[1], os.Getpid()%0xfff), Program: os.Args[0], Mode: mode,
		Binaries: kubernetes.Binaries{Kubernetes: []kubernetes.Release{{Version: "1.36.3", Dir: t.TempDir()}}},
		Subnet:   free,
		Logger:   slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func start(t *testing.T, o process.Options) *process.Driver {
	t.Helper()
	d, err := process.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// worker is a machine that runs nothing.
func worker(o process.Options, n byte) machine.Spec {
	subnet := o.Subnet.Addr().As4()
	return machine.Spec{
		Deployment: "service-instance_1", Group: "worker", ID: fmt.Sprintf("00000000-0000-0000-0000-%012d", n), Index: int(n),
		IPs:    []netip.Addr{netip.AddrFrom4([4]byte{subnet[0], subnet[1], 0, 10 + n})},
		VMType: "small", CloudProperties: map[string]any{"cpu": 1, "ram": 256},
		DiskCID: fmt.Sprintf("disk-%d", n), PersistentDiskMB: 100,
		Releases: map[string]string{"kubo": "1.36.3", "bpm": "1"},
		Jobs:     []machine.Job{{Name: "bpm", Release: "bpm"}},
	}
}

func eachMode(t *testing.T, test func(t *testing.T, o process.Options)) {
	t.Helper()
	for _, mode := range modes(t) {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			test(t, options(t, mode))
		})
	}
}

func create(t *testing.T, d *process.Driver, spec machine.Spec) string {
	t.Helper()
	cid, err := d.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if warnings, err := d.Apply(t.Context(), cid, spec); err != nil {
		t.Fatal(warnings, err)
	}
	if err := d.Start(t.Context(), cid); err != nil {
		t.Fatal(err)
	}
	return cid
}

func TestAMachineLives(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, o process.Options) {
		d := start(t, o)
		cid := create(t, d, worker(o, 1))
		s, err := d.State(t.Context(), cid)
		if err != nil || s.Job != machine.JobRunning {
			t.Errorf("after the start: %+v %v", s, err)
		}
		for _, script := range []machine.Script{machine.PreStart, machine.PostStart, machine.Drain} {
			if err := d.RunScript(t.Context(), cid, script, machine.Stay); err != nil {
				t.Error(err)
			}
		}
		if err := d.Stop(t.Context(), cid); err != nil {
			t.Error(err)
		}
		if s, err := d.State(t.Context(), cid); err != nil || s.Job != machine.JobStopped {
			t.Errorf("after the stop: %+v %v", s, err)
		}
		if err := d.Delete(t.Context(), cid); err != nil {
			t.Error(err)
		}
		if _, err := d.State(t.Context(), cid); !errors.Is(err, machine.ErrNotFound) {
			t.Errorf("a deleted machine has a state: %v", err)
		}
		if err := d.Delete(t.Context(), cid); err != nil {
			t.Errorf("a second delete: %v", err)
		}
		// The disk outlives the machine.
		disk := filepath.Join(o.Dir, "disks", "disk-1")
		if _, err := os.Stat(disk); err != nil {
			t.Error(err)
		}
		if err := d.DeleteDisk(t.Context(), "disk-1"); err != nil {
			t.Error(err)
		}
		if err := d.DeleteDeployment(t.Context(), "service-instance_1"); err != nil {
			t.Error(err)
		}
		for _, dir := range []string{"machines", "segments", "disks"} {
			left, err := os.ReadDir(filepath.Join(o.Dir, dir))
			if err != nil || len(left) > 0 {
				t.Errorf("%s: %v %v", dir, left, err)
			}
		}
	})
}

func TestMachinesComeBackAfterARestart(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, o process.Options) {
		first := start(t, o)
		spec := worker(o, 1)
		cid := create(t, first, spec)
		if err := os.WriteFile(filepath.Join(o.Dir, "disks", "disk-1", "kept"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(o.Dir, "machines", "vm-stranger"), 0o700); err != nil {
			t.Fatal(err)
		}

		second := start(t, o)
		died := make(chan string, 2)
		second.Watch(func(cid string) { died <- cid })
		place := func(cid string, spec machine.Spec) machine.Placement {
			return machine.Placement{
				CID: cid, Deployment: spec.Deployment, Group: spec.Group, ID: spec.ID, Started: true,
				Spec: func(context.Context) (machine.Spec, error) { return spec, nil },
			}
		}
		if err := second.Recover(t.Context(), []machine.Placement{place(cid, spec), place("vm-lost", worker(o, 2))}); err != nil {
			t.Fatal(err)
		}
		if got := <-died; got != "vm-lost" {
			t.Errorf("%s is reported dead", got)
		}
		// An operation waits until the machine is up.
		if err := second.RunScript(t.Context(), cid, machine.PostStart, machine.Stay); err != nil {
			t.Fatal(err)
		}
		if s, err := second.State(t.Context(), cid); err != nil || s.Job != machine.JobRunning {
			t.Errorf("%+v %v", s, err)
		}
		if _, err := second.State(t.Context(), "vm-lost"); !errors.Is(err, machine.ErrUnresponsive) {
			t.Errorf("a lost machine: %v", err)
		}
		if _, err := os.Stat(filepath.Join(o.Dir, "machines", "vm-stranger")); err == nil {
			t.Error("the files of a machine that nobody knows are still there")
		}
		if _, err := os.Stat(filepath.Join(o.Dir, "disks", "disk-1", "kept")); err != nil {
			t.Error(err)
		}
	})
}

func TestAMachineThatCannotBeIsRefusedAndLeavesNothing(t *testing.T) {
	t.Parallel()
	o := options(t, isolation.Kwok)
	d := start(t, o)
	for name, c := range map[string]struct {
		change func(*machine.Spec)
		want   string
	}{
		"too large":          {func(s *machine.Spec) { s.CloudProperties["cpu"] = 4096 }, "vm_type small has 4096 CPUs"},
		"version not built":  {func(s *machine.Spec) { s.Releases["kubo"] = "1.17.9" }, `release kubo/1.17.9 has not been built for process machines, only ["1.36.3"]`},
		"without an address": {func(s *machine.Spec) { s.IPs = nil }, "has no address"},
		"disk with a path":   {func(s *machine.Spec) { s.DiskCID = "../x" }, `"../x" is not the id of a disk`},
	} {
		spec := worker(o, 3)
		c.change(&spec)
		if cid, err := d.Create(t.Context(), spec); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s %v", name, cid, err)
		}
	}
	if left, err := os.ReadDir(filepath.Join(o.Dir, "machines")); err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
	if err := d.DeleteDisk(t.Context(), "../machines"); err == nil {
		t.Error("a path is the id of a disk")
	}
	for _, cid := range []string{"..", ".", "../disks", ""} {
		if err := d.Delete(t.Context(), cid); err != nil {
			t.Errorf("delete %q: %v", cid, err)
		}
	}
	for _, dir := range []string{"machines", "disks", "segments"} {
		if _, err := os.Stat(filepath.Join(o.Dir, dir)); err != nil {
			t.Error(err)
		}
	}
	if _, err := d.Apply(t.Context(), "vm-none", worker(o, 1)); !errors.Is(err, machine.ErrNotFound) {
		t.Errorf("apply to no machine: %v", err)
	}
}

func TestACancelledCreateLeavesNothing(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, o process.Options) {
		d := start(t, o)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if cid, err := d.Create(ctx, worker(o, 1)); err == nil {
			t.Errorf("machine %s was made", cid)
		}
		if left, err := os.ReadDir(filepath.Join(o.Dir, "machines")); err != nil || len(left) > 0 {
			t.Errorf("left: %v %v", left, err)
		}
	})
}
