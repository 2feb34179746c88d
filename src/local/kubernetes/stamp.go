package kubernetes

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const stampFile = "stamp.json"

// stamp is written last into a finished folder: a folder without one is not used.
type stamp struct {
	Name    string           `json:"name"`
	Version string           `json:"version"`
	Recipe  string           `json:"recipe"` // hash
	Target  string           `json:"target"` // GOOS/GOARCH
	Go      string           `json:"go"`
	BuiltAt time.Time        `json:"built_at"`
	Took    string           `json:"took"`
	Files   map[string]int64 `json:"files"` // size by path in the folder
}

// writeStamp lists what is in dir and writes the stamp beside it.
func writeStamp(dir string, s stamp) error {
	s.Files = map[string]int64{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || path == buildLog {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		s.Files[path] = info.Size()
		return nil
	})
	if err != nil {
		return fmt.Errorf("list %s: %w", dir, err)
	}
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode stamp: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, stampFile), append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write stamp: %w", err)
	}
	return nil
}

// readStamp returns the stamp of dir, and an error when the folder does not hold what the stamp says.
func readStamp(dir string) (stamp, error) {
	data, err := os.ReadFile(filepath.Join(dir, stampFile))
	if err != nil {
		return stamp{}, errors.New("was never finished")
	}
	var s stamp
	if err := json.Unmarshal(data, &s); err != nil {
		return stamp{}, fmt.Errorf("%s: %w", stampFile, err)
	}
	for file, size := range s.Files {
		info, err := os.Stat(filepath.Join(dir, file))
		if err != nil {
			return s, fmt.Errorf("%s is missing", file)
		}
		if info.Size() != size {
			return s, fmt.Errorf("%s has %d bytes, not the %d that were built", file, info.Size(), size)
		}
	}
	return s, nil
}
