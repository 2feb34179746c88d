package isolation

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/procfs"
)

func TestMemoryIsShownInTheMachinesSize(t *testing.T) {
	t.Parallel()
	host := "MemTotal:       24684092 kB\nMemFree:        18000000 kB\nMemAvailable:     900000 kB\nBuffers:           10 kB\n" +
		"SwapTotal:       2097148 kB\nSwapFree:        2097148 kB\n"
	want := "MemTotal:        1048576 kB\nMemFree:         1048576 kB\nMemAvailable:     900000 kB\nBuffers:           10 kB\n" +
		"SwapTotal:             0 kB\nSwapFree:              0 kB\n"
	if diff := cmp.Diff(want, string(resizeMemory([]byte(host), 1<<20))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(strings.Split(host, "Swap")[0], strings.Split(string(resizeMemory([]byte(host), 1<<40)), "Swap")[0]); diff != "" {
		t.Errorf("larger than the host (-want +got):\n%s", diff)
	}
}

func FuzzResizeMemory(f *testing.F) {
	f.Add([]byte("MemTotal:       24684092 kB\nx"), int64(5))
	f.Add([]byte("MemFree: 99999999999999999999999 kB\n"), int64(0))
	f.Fuzz(func(t *testing.T, info []byte, kilobytes int64) {
		got := resizeMemory(info, max(0, kilobytes))
		if strings.Count(string(got), "\n") != strings.Count(string(info), "\n") {
			t.Errorf("%q has other lines than %q", got, info)
		}
	})
}

func TestControllersOfAMount(t *testing.T) {
	t.Parallel()
	groups := []procfs.Cgroup{
		{HierarchyID: 3, Controllers: []string{"cpu", "cpuacct"}}, {HierarchyID: 2, Controllers: []string{"memory"}},
		{HierarchyID: 1, Controllers: []string{"name=systemd"}}, {HierarchyID: 0},
	}
	for _, c := range []struct {
		super map[string]string
		want  string
	}{
		{map[string]string{"rw": "", "memory": "", "clone_children": ""}, "memory"},
		{map[string]string{"rw": "", "cpuacct": "", "cpu": "", "seclabel": "", "xattr": ""}, "cpu,cpuacct"},
		{map[string]string{"rw": "", "xattr": "", "name": "systemd"}, "none,name=systemd"},
	} {
		if got := controllerOptions(c.super, groups); got != c.want {
			t.Errorf("%v: %q, want %q", c.super, got, c.want)
		}
	}
}

func TestOwnGroupIsFound(t *testing.T) {
	t.Parallel()
	groups := []procfs.Cgroup{
		{HierarchyID: 4, Controllers: []string{"memory"}, Path: "/docker/abc/own"},
		{HierarchyID: 3, Controllers: []string{"cpuacct", "cpu"}, Path: "/user.slice"},
		{HierarchyID: 1, Controllers: []string{"name=systemd"}, Path: "/init.scope"},
		{HierarchyID: 0, Path: "/session.scope"},
	}
	for _, c := range []struct {
		h    hierarchy
		root string
		want string
	}{
		{hierarchy{Version: 1, Options: "memory"}, "/", "/docker/abc/own"},
		{hierarchy{Version: 1, Options: "memory"}, "/docker/abc", "/own"},
		{hierarchy{Version: 1, Options: "cpu,cpuacct"}, "/", "/user.slice"},
		{hierarchy{Version: 1, Options: "none,name=systemd"}, "/", "/init.scope"},
		{hierarchy{Version: 2}, "/", "/session.scope"},
		{hierarchy{Version: 1, Options: "pids"}, "/", "/"},
		{hierarchy{Version: 1, Options: "memory"}, "/elsewhere", "/"},
	} {
		if got := ownGroup(c.h, c.root, groups); got != c.want {
			t.Errorf("%+v at %s: %s, want %s", c.h, c.root, got, c.want)
		}
	}
}

// A version 2 hierarchy is a folder of files as far as making groups in it goes.
func TestVersion2GroupsPassTheirControllersOn(t *testing.T) {
	t.Parallel()
	mount := t.TempDir()
	for name, content := range map[string]string{"cgroup.controllers": "cpu memory pids\n", "cgroup.subtree_control": "memory\n"} {
		if err := os.WriteFile(filepath.Join(mount, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := passControllers(mount); err != nil {
		t.Fatal(err)
	}
	// A file keeps what was written last; the kernel adds each.
	got, err := os.ReadFile(filepath.Join(mount, "cgroup.subtree_control"))
	if err != nil || string(got) != "+pids" {
		t.Errorf("%q, %v", got, err)
	}
	if err := passControllers(filepath.Join(mount, "absent")); err == nil {
		t.Error("no error for a folder that is no group")
	}
}

func TestLimitsAreWrittenWhereTheControllerIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"memory.max", "cpu.max"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := (group{Folder: dir, Version: 2}).limit(limits{MemoryMB: 2, CPUs: 3}); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = string(data)
	}
	if diff := cmp.Diff(map[string]string{"memory.max": "2097152", "cpu.max": "300000 100000"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRefusalNamesTheSettingToBlame(t *testing.T) {
	t.Parallel()
	refused := fmt.Errorf("start the segment: %w", syscall.EPERM)
	for name, c := range map[string]struct {
		settings map[string]string
		want     string
	}{
		"switched off": {map[string]string{"user/max_user_namespaces": "0"}, "user.max_user_namespaces is 0"},
		"nothing":      {map[string]string{"user/max_user_namespaces": "100"}, ""},
	} {
		got := userNamespaceCause(func(setting string) string { return c.settings[setting] })
		if !strings.Contains(got, c.want) || (c.want == "" && got != "") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for _, c := range []struct {
		mode Mode
		err  error
		want string
	}{
		{Root, errNotRoot, "it needs the rights of root"},
		{Root, refused, "root has not all its rights here"},
		{Root, errors.New(passError + " memory of /sys/fs/cgroup: device or resource busy"), "the control groups cannot be divided here"},
		{Root, errors.New("program nft is missing: install nftables"), "program nft is missing: install nftables"},
		{Rootless, fmt.Errorf("start the segment of probe: %w", &os.PathError{Op: "fork/exec", Path: "/p", Err: syscall.EPERM}), "(fork/exec /p: operation not permitted)"},
		{Rootless, fmt.Errorf("start: %w", syscall.ENOSPC), "as many user namespaces as allowed"},
		{Kwok, errors.Join(errors.New("a"), errors.New("b")), "a; b"},
	} {
		if got := explain(c.mode, c.err); !strings.Contains(got, c.want) {
			t.Errorf("%s, %v: %q, want %q", c.mode, c.err, got, c.want)
		}
	}
}

func TestMissingControllersAreSaid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, step := range []struct{ add, want string }{
		{"cpu.weight", "no control groups for memory"},
		{"memory/memory.limit_in_bytes", ""},
	} {
		path := filepath.Join(dir, step.add)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(tryControllers(dir))
		if step.want == "" && got != "<nil>" || !strings.Contains(got, step.want) {
			t.Errorf("with %s: %s, want %q", step.add, got, step.want)
		}
	}
}

func TestMissingPacketFilterIsSaid(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if err := tryPacketFilter(); err == nil || err.Error() != "program nft is missing: install nftables" {
		t.Errorf("error %v", err)
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	nft := filepath.Join(os.Getenv("PATH"), "nft")
	must(os.WriteFile(nft, []byte("#!/bin/sh\necho 'Error: Could not process rule'\necho more\nexit 1\n"), 0o700))
	if err := tryPacketFilter(); err == nil || err.Error() != "program nft cannot set rules: Error: Could not process rule" {
		t.Errorf("error %v", err)
	}
}

func TestRecordIsBelievedOnlyWithinReason(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for content, want := range map[string][]string{
		`{"stack":"abc","groups":["/sys/fs/cgroup/memory/x/pks-abc"]}`:                                {"/sys/fs/cgroup/memory/x/pks-abc"},
		`{"stack":"abc","groups":["/home","/sys/fs/cgroup/memory","/sys/fs/cgroup/../../x/pks-abc"]}`: {},
		`{"stack":"other","groups":["/sys/fs/cgroup/memory/pks-other"]}`:                              {},
		`{"stack":"../abc","groups":["/sys/fs/cgroup/memory/pks-abc"]}`:                               {},
		`{`: {},
	} {
		if err := os.WriteFile(filepath.Join(dir, recordName), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		records, err := findRecords(dir)
		if diff := cmp.Diff(want, groupsOf(records, "abc")); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", content, err, diff)
		}
	}
}

func TestRecordsAreNotLookedForInMachines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := map[string]record{}
	for path, found := range map[string]bool{
		"": true, "segments/a": true, "a/b/c": true, "a/b/c/d": false, "machine/var": false, "machine/root": false, "machine/vcap": false,
	} {
		path = filepath.Join(dir, path, recordName)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(`{"stack":"abc"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if found {
			want[path] = record{Stack: "abc"}
		}
	}
	got, err := findRecords(dir)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestHolderEndsWhenItsOwnerLetsGo(t *testing.T) {
	t.Parallel()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	mode := Rootless
	if os.Geteuid() == 0 {
		mode = Root
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := try(ctx, mode, DetectOptions{Program: path, Dir: t.TempDir()}); err != nil {
		t.Skip(explain(mode, err))
	}
	s, err := StartSegment(ctx, SegmentOptions{
		Mode: mode, Program: path, Dir: t.TempDir(), Stack: "letgo", Deployment: "d", Gateway: netip.MustParsePrefix("10.0.0.1/24"),
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.StartMachine(ctx, MachineOptions{Name: "m", Dir: t.TempDir(), Address: netip.MustParseAddr("10.0.0.2")})
	if err != nil {
		t.Fatal(err)
	}
	_ = s.calls.Close()
	for _, done := range []<-chan struct{}{s.Done(), m.Done()} {
		select {
		case <-done:
		case <-ctx.Done():
			t.Fatal("the holder goes on without its owner")
		}
	}
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"a": true, "service-instance_1": true, "worker-0.x": true, strings.Repeat("a", 63): true,
		"": false, "-a": false, ".": false, "..": false, "a/b": false, "a b": false, strings.Repeat("a", 64): false, "ä": false,
	} {
		if got := checkName("machine", name) == nil; got != want {
			t.Errorf("%q: %t", name, got)
		}
	}
}
