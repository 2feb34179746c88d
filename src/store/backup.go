package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Backup writes a copy of the SQLite database at path to the file into, which must
// not exist. A program may be at work on the database: the copy is what had been
// committed at one moment. It is readable by its owner alone.
func Backup(ctx context.Context, path, into string) (err error) {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("find the database: %w", err)
	}
	db, err := sql.Open("sqlite", sqliteURI(path, ""))
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	// SQLite takes an empty file for one that is not there.
	file, err := os.OpenFile(into, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make the backup: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("make the backup: %w", err)
	}
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", into); err != nil {
		return errors.Join(fmt.Errorf("copy the database: %w", err), os.Remove(into))
	}
	return syncFile(into)
}

// Restore puts a backup in the place of the SQLite database at path. No program may
// be at work on that. The copy is brought up to what this program knows first, and
// nothing changes when that cannot be done: for a file that is no backup, or one of
// a newer version. The database belongs to whom its folder belongs to.
func Restore(ctx context.Context, from, path string) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make folder of database: %w", err)
	}
	unlock, err := lockFile(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()

	fresh := path + ".restored"
	leftovers := append(sideFiles(fresh), fresh, fresh+".lock")
	defer func() { err = errors.Join(err, removeFiles(leftovers...)) }()
	if err := errors.Join(removeFiles(leftovers...), copyFile(from, fresh)); err != nil {
		return fmt.Errorf("copy the backup: %w", err)
	}
	if err := tryOut(ctx, fresh); err != nil {
		return fmt.Errorf("the backup %s cannot be used: %w", from, err)
	}
	if err := errors.Join(giveToFolder(fresh), giveToFolder(path+".lock")); err != nil {
		return err
	}
	// A log of the old database must not be played into the new one.
	if err := removeFiles(sideFiles(path)...); err != nil {
		return fmt.Errorf("remove the old database: %w", err)
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("put the backup in place: %w", err)
	}
	return syncFile(filepath.Dir(path))
}

// tryOut opens and closes the database, after which all of it is in one file.
func tryOut(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", sqliteURI(path, ""))
	if err != nil {
		return err
	}
	var verdict string
	err = db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if verdict != "ok" {
		return errors.New(verdict)
	}
	opened, err := Open(ctx, Config{Driver: SQLite, Path: path})
	if err != nil {
		return err
	}
	if err := opened.Close(); err != nil {
		return err
	}
	return syncFile(path)
}

// sideFiles are what SQLite keeps beside a database.
func sideFiles(path string) []string {
	return []string{path + "-wal", path + "-shm", path + "-journal"}
}

func removeFiles(paths ...string) error {
	var problems []error
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// giveToFolder makes the file belong to whom its folder belongs to: who restores is
// root, who uses the database is not.
func giveToFolder(path string) error {
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	owner, ok := folder.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(path, int(owner.Uid), int(owner.Gid))
}

func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	_, err = io.Copy(target, source)
	return err
}

// syncFile brings a file, or what stands in a folder, to the disk.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
