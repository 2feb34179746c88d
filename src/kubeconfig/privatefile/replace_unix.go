//go:build !windows

package privatefile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/google/renameio/v2"
)

// replace writes content beside path, syncs it and renames it into place.
func replace(path string, content []byte, mode fs.FileMode) (err error) {
	f, err := renameio.NewPendingFile(path, renameio.WithStaticPermissions(mode))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Cleanup()) }()
	if _, err := f.Write(content); err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil {
		keepOwner(f, info)
	}
	return f.CloseAtomicallyReplace()
}

// keepOwner gives the new file to whom the old one belonged, so that a command
// run with sudo does not lock people out of their own file. Who may not give
// files away owns the new one, as with any editor that renames.
func keepOwner(f *renameio.PendingFile, old fs.FileInfo) {
	if stat, ok := old.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		_ = f.Chown(int(stat.Uid), int(stat.Gid))
	}
}
