package privatefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// replace writes content beside path and renames it into place. renameio does
// not serve Windows, which has no mode bits either; os.Rename replaces an existing file there too.
func replace(path string, content []byte, _ fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if _, err := f.Write(content); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
