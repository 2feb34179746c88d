package release

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxManifest bounds release.MF.
const maxManifest = 8 << 20

// manifest is release.MF (reference/bosh-release.md §2.1).
type manifest struct {
	Name     string    `yaml:"name"`
	Version  string    `yaml:"version"`
	Packages []Package `yaml:"packages"`
}

// Package is one package of a release as its manifest has it.
type Package struct {
	Name         string   `yaml:"name"`
	Fingerprint  string   `yaml:"fingerprint"`
	Dependencies []string `yaml:"dependencies"`
}

// unpack writes one job of a release to jobDir, and those of its packages that want
// asks for below packagesDir as NAME.tgz. It returns the release's manifest.
func unpack(archive io.Reader, jobName, jobDir string) (manifest, error) {
	var m manifest
	found := false
	err := members(archive, func(header *tar.Header, content io.Reader) error {
		switch name := path.Clean(header.Name); name {
		case "release.MF":
			text, err := io.ReadAll(io.LimitReader(content, maxManifest))
			if err == nil {
				err = yaml.Unmarshal(text, &m)
			}
			if err != nil {
				return fmt.Errorf("read release.MF: %w", err)
			}
		case "jobs/" + jobName + ".tgz":
			found = true
			return extract(content, jobDir)
		}
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("the archive has no job %s", jobName)
	}
	return m, err
}

// unpackPackage writes the sources of one package to a folder.
func unpackPackage(archive io.Reader, name, dir string) error {
	found := false
	err := members(archive, func(header *tar.Header, content io.Reader) error {
		switch path.Clean(header.Name) {
		case "packages/" + name + ".tgz":
			found = true
			return extract(content, dir)
		case "compiled_packages/" + name + ".tgz":
			return errors.New("compiled releases are not supported; upload the one with sources")
		}
		return nil
	})
	if err == nil && !found {
		err = errors.New("it is not in the archive")
	}
	return err
}

// members calls visit for what is in a .tgz.
func members(archive io.Reader, visit func(*tar.Header, io.Reader) error) error {
	zip, err := gzip.NewReader(archive)
	if err != nil {
		return fmt.Errorf("read archive: %w", err)
	}
	entries := tar.NewReader(zip)
	for {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read archive: %w", err)
		}
		if err := visit(header, entries); err != nil {
			return err
		}
	}
}

// extract writes a .tgz below a folder, and nothing beside it.
func extract(archive io.Reader, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	defer func() { _ = root.Close() }()
	return members(archive, func(header *tar.Header, content io.Reader) error {
		name := filepath.FromSlash(strings.TrimPrefix(path.Clean("/"+header.Name), "/"))
		if name == "" {
			return nil
		}
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("extract %s: %w", header.Name, err)
		}
		var err error
		switch header.Typeflag {
		case tar.TypeDir:
			err = root.MkdirAll(name, 0o755)
		case tar.TypeSymlink:
			err = root.Symlink(header.Linkname, name)
		case tar.TypeReg:
			err = write(root, name, header.FileInfo().Mode().Perm(), content)
		}
		if err != nil {
			return fmt.Errorf("extract %s: %w", header.Name, err)
		}
		return nil
	})
}

func write(root *os.Root, name string, mode os.FileMode, content io.Reader) error {
	file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode|0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}
