package e2e

import (
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// kernel is what a stack could leave behind outside of its folder.
type kernel struct {
	mounts, links, cgroups map[string]bool
}

func lookAtKernel(t *testing.T) kernel {
	t.Helper()
	k := kernel{mounts: map[string]bool{}, links: map[string]bool{}, cgroups: map[string]bool{}}
	raw, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		k.mounts[strings.Fields(line)[4]] = true
	}
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		k.links[l.Name] = true
	}
	err = filepath.WalkDir("/sys/fs/cgroup", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && strings.Contains(entry.Name(), "pks") {
			k.cgroups[path] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// checkNothingLeft compares the kernel with what it was, and looks for processes whose files are the
// stack's.
func (before kernel) checkNothingLeft(t *testing.T, dir string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		problems := before.left(t, dir)
		if len(problems) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("left behind:\n%s", strings.Join(problems, "\n"))
			return
		}
		<-time.After(200 * time.Millisecond) // the kernel removes cgroups and links a moment later
	}
}

func (before kernel) left(t *testing.T, dir string) (problems []string) {
	t.Helper()
	now := lookAtKernel(t)
	for what, sets := range map[string][2]map[string]bool{
		"mount": {before.mounts, now.mounts}, "link": {before.links, now.links}, "cgroup": {before.cgroups, now.cgroups},
	} {
		for _, name := range slices.Sorted(maps.Keys(sets[1])) {
			if !sets[0][name] {
				problems = append(problems, what+" "+name)
			}
		}
	}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range processes {
		for _, file := range []string{"cmdline", "environ"} {
			raw, err := os.ReadFile(filepath.Join(p, file))
			if err == nil && strings.Contains(string(raw), dir) && p != fmt.Sprintf("/proc/%d", os.Getpid()) {
				problems = append(problems, "process "+strings.ReplaceAll(string(raw), "\x00", " "))
				break
			}
		}
	}
	return problems
}
