package machine_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/pks-community/pks-release/src/local/machine"
)

func TestRemoveTreeOpensClosedFolders(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "machine")
	closed := filepath.Join(dir, "work", "work")
	if err := os.MkdirAll(filepath.Join(closed, "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(closed, "deep"), closed, filepath.Dir(closed)} {
		if err := os.Chmod(path, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := machine.RemoveTree(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
	if err := machine.RemoveTree(dir); err != nil {
		t.Errorf("removing what is not there: %v", err)
	}
}
