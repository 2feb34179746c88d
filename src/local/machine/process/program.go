package process

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// ownPackage is the package under which machines find this program.
const ownPackage = "pks-local"

// placeProgram puts this program into a folder of its own, laid out as a package, and returns the
// folder: a machine is to see the program and nothing beside it. The file is a link where the file
// system allows it.
func placeProgram(program, dir string) (string, error) {
	bin := filepath.Join(dir, "program", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", fmt.Errorf("make a place for the machines' program: %w", err)
	}
	to := filepath.Join(bin, ownPackage)
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("replace the machines' program: %w", err)
	}
	if os.Link(program, to) != nil {
		if err := copyFile(program, to); err != nil {
			return "", fmt.Errorf("place the machines' program: %w", err)
		}
	}
	return filepath.Dir(bin), nil
}

func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// found tells whether a program is where machines look for programs.
func found(name string) bool {
	return slices.ContainsFunc([]string{"/usr/sbin", "/usr/bin", "/sbin", "/bin"}, func(dir string) bool {
		return exists(filepath.Join(dir, name))
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
