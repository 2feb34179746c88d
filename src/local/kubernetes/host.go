package kubernetes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// resultMB is the room that a component takes in the cache, more or less.
const resultMB = 150

// checkHost refuses to begin what could not be finished: programs, headers and disk space come first, so that
// nobody learns after ten minutes that gcc is missing.
func (c *Cache) checkHost(tool goTool, missing []recipe) error {
	if !strings.HasPrefix(c.target, "linux/") {
		return fmt.Errorf("process machines need Linux, this is %s", c.target)
	}
	var absent []string
	includes := includeDirs()
	for _, r := range missing {
		for _, need := range r.Needs {
			if text := need.missing(includes); text != "" {
				absent = append(absent, fmt.Sprintf("%s needs %s", r.Title, text))
			}
		}
	}
	if len(absent) > 0 {
		return fmt.Errorf("not installed: %s", strings.Join(absent, "; "))
	}
	return c.checkDisk(tool, missing)
}

// checkDisk compares the free space of the file systems involved with what building takes.
func (c *Cache) checkDisk(tool goTool, missing []recipe) error {
	type system struct {
		folders []string
		free    uint64
		needed  int
	}
	systems := map[uint64]*system{}
	add := func(folder string, neededMB int) error {
		existing, err := nearest(folder)
		if err != nil {
			return err
		}
		free, device, err := freeSpace(existing)
		if err != nil {
			return err
		}
		if systems[device] == nil {
			systems[device] = &system{free: free}
		}
		systems[device].needed += neededMB
		if !slices.Contains(systems[device].folders, folder) {
			systems[device].folders = append(systems[device].folders, folder)
		}
		return nil
	}
	caches := 0
	for _, r := range missing {
		caches += r.DiskMB
	}
	if err := errors.Join(
		add(tool.buildCache, caches*2/3),
		add(tool.moduleCache, caches/3),
		add(c.dir, len(missing)*resultMB),
	); err != nil {
		return err
	}
	var short []string
	for _, s := range systems {
		if freeMB := int(s.free >> 20); freeMB < s.needed {
			short = append(short, fmt.Sprintf("%s: %.1f GB free, %.1f GB needed", strings.Join(s.folders, ", "), float64(freeMB)/1024, float64(s.needed)/1024))
		}
	}
	if len(short) > 0 {
		slices.Sort(short)
		return fmt.Errorf("not enough disk space to build Kubernetes: %s (GOCACHE and %s choose other folders)", strings.Join(short, "; "), DirVariable)
	}
	return nil
}

// nearest returns folder, or the nearest parent that exists.
func nearest(folder string) (string, error) {
	for {
		_, err := os.Stat(folder)
		if err == nil {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder || !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("look at %s: %w", folder, err)
		}
		folder = parent
	}
}
