package isolation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// group is a control group of a machine.
type group struct {
	Folder  string `json:"folder"`
	Version int    `json:"version"`
}

// limits are a machine's size; 0 is none.
type limits struct{ MemoryMB, CPUs int }

// makeGroups makes a machine's groups in all hierarchies. What was made before an error is removed.
func makeGroups(ctx context.Context, hierarchies []hierarchy, stack, deployment, name string, l limits) ([]group, error) {
	made := []group{}
	for _, h := range hierarchies {
		g := group{Folder: filepath.Join(h.stackGroup(stack), deployment, name), Version: h.Version}
		made = append(made, g)
		err := h.makeGroup(filepath.Dir(h.stackGroup(stack)), g.Folder)
		if err == nil {
			err = g.limit(l)
		}
		if err != nil {
			return nil, errors.Join(err, removeGroups(context.WithoutCancel(ctx), made))
		}
	}
	return made, nil
}

// makeGroup makes the folders from below top down to folder.
func (h hierarchy) makeGroup(top, folder string) error {
	below, err := filepath.Rel(top, folder)
	if err != nil {
		return fmt.Errorf("make control group %s: %w", folder, err)
	}
	// A neighbour that ends may remove a folder between two steps because it is empty.
	for range 3 {
		dir := top
		for _, name := range strings.Split(below, "/") {
			if h.Version == 2 {
				if err = passControllers(dir); err != nil {
					return err
				}
			}
			dir = filepath.Join(dir, name)
			if err = os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				break
			}
			if err = inheritProcessors(dir); err != nil {
				break
			}
		}
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("make control group %s: %w", folder, err)
	}
	return nil
}

// passError begins the error of a group that cannot be divided.
const passError = "pass on controller"

// passControllers lets a version 2 group pass all its controllers on to those in it.
func passControllers(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("read the controllers of %s: %w", dir, err)
	}
	path := filepath.Join(dir, "cgroup.subtree_control")
	passed, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the controllers that %s passes on: %w", dir, err)
	}
	for _, name := range strings.Fields(string(data)) {
		if slices.Contains(strings.Fields(string(passed)), name) {
			continue
		}
		if err := os.WriteFile(path, []byte("+"+name), 0); err != nil {
			return fmt.Errorf("%s %s of %s: %w", passError, name, dir, err)
		}
	}
	return nil
}

// inheritProcessors copies a version 1 cpuset from above, without which a group takes no process.
func inheritProcessors(dir string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		path := filepath.Join(dir, name)
		if strings.Contains(dir, "/cgroup/cpuset") || strings.Contains(dir, ",cpuset") {
			current, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if len(bytes.TrimSpace(current)) > 0 {
				continue
			}
			above, err := os.ReadFile(filepath.Join(filepath.Dir(dir), name))
			if err != nil {
				return err
			}
			if err := os.WriteFile(path, bytes.TrimSpace(above), 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// limit sets a machine's size where the group has the controller.
func (g group) limit(l limits) error {
	const period = 100_000 // µs
	values := map[string]string{}
	if l.MemoryMB > 0 {
		bytes := strconv.FormatInt(int64(l.MemoryMB)<<20, 10)
		values["memory.limit_in_bytes"] = bytes // version 1
		values["memory.max"] = bytes            // version 2
	}
	if l.CPUs > 0 {
		quota := strconv.Itoa(l.CPUs * period)
		values["cpu.cfs_quota_us"] = quota
		values["cpu.max"] = quota + " " + strconv.Itoa(period)
	}
	for name, value := range values {
		path := filepath.Join(g.Folder, name)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.WriteFile(path, []byte(value), 0); err != nil {
			return fmt.Errorf("limit control group %s: %w", g.Folder, err)
		}
	}
	return nil
}

// joinGroups puts the calling process into the machine's groups.
func (c bootConfig) joinGroups() error {
	for _, g := range c.Groups {
		if err := os.WriteFile(filepath.Join(g.Folder, "cgroup.procs"), []byte("0"), 0); err != nil {
			return fmt.Errorf("enter control group %s: %w", g.Folder, err)
		}
	}
	return nil
}

// removeTimeout is how long a group may be busy after its processes have been killed.
const removeTimeout = 10 * time.Second

// removeGroups removes groups with all in them, and what is empty above them up to the stack's.
func removeGroups(ctx context.Context, groups []group) error {
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	var errs []error
	for _, g := range groups {
		if err := removeGroup(ctx, g.Folder); err != nil {
			errs = append(errs, err)
			continue
		}
		for dir := filepath.Dir(g.Folder); ; dir = filepath.Dir(dir) {
			if os.Remove(dir) != nil || strings.HasPrefix(filepath.Base(dir), "pks-") {
				break // others use it, or that was the stack's
			}
		}
	}
	return errors.Join(errs...)
}

// removeGroup removes one group, depth first. The kernel needs a moment after the last process has
// ended; processes that are still there are killed.
func removeGroup(ctx context.Context, folder string) error {
	pause := time.Millisecond
	for {
		err := removeTree(folder)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("remove control group %s: %w", folder, err)
		case <-time.After(pause):
		}
		pause = min(2*pause, 100*time.Millisecond)
	}
}

func removeTree(folder string) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(folder, e.Name())); err != nil {
				return err
			}
		}
	}
	killGroup(folder)
	// Only rmdir(2) removes a group; its files cannot be removed.
	if err := syscall.Rmdir(folder); err != nil && !errors.Is(err, syscall.ENOENT) {
		return err
	}
	return nil
}

func killGroup(folder string) {
	data, err := os.ReadFile(filepath.Join(folder, "cgroup.procs"))
	if err != nil {
		return
	}
	for _, text := range strings.Fields(string(data)) {
		// 0 is a process of another PID namespace, which is not ours to kill.
		if pid, err := strconv.Atoi(text); err == nil && pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
