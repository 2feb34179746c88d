package kubernetes

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Clean removes what no recipe of today uses: older versions, other recipes, half-built folders and logs of
// failed builds. It returns the folders and files that it removed. It waits for a build that is under way.
func (c *Cache) Clean(ctx context.Context, progress io.Writer) ([]string, error) {
	if _, err := os.Stat(c.dir); os.IsNotExist(err) {
		return nil, nil
	}
	unlock, err := c.lock(ctx, progress)
	if err != nil {
		return nil, err
	}
	defer unlock()
	components, err := c.Components()
	if err != nil {
		return nil, err
	}
	var used []string
	for _, component := range components {
		if component.Built {
			used = append(used, component.Dir)
		}
	}
	var candidates []string
	for _, pattern := range []string{filepath.Join("*", "*-*"), "*.log"} {
		found, err := filepath.Glob(filepath.Join(globQuote(c.dir), pattern))
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", c.dir, err)
		}
		candidates = append(candidates, found...)
	}
	var removed []string
	for _, path := range candidates {
		if slices.Contains(used, path) {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return removed, fmt.Errorf("remove what is no longer used: %w", err)
		}
		removed = append(removed, path)
	}
	return removed, nil
}
