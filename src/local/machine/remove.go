package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// RemoveTree removes a folder or file with all that is in it, also where a machine's programs have left
// folders that their owner may not look into, as overlay file systems do. What is not there is no error.
func RemoveTree(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return os.Chmod(path, 0o700) // before the walk looks into it
	})
	if err != nil {
		return fmt.Errorf("open folders for removal: %w", err)
	}
	return os.RemoveAll(dir)
}
