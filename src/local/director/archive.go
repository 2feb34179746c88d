package director

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/local/director/catalog"
)

// maxMember is the largest manifest or job that is read from an archive.
const maxMember = 32 << 20

var errIncomplete = errors.New("archive holds no manifest")

// readRelease reads a release archive: its manifest and what its jobs say about properties, links and
// processes.
func readRelease(archive io.Reader) (catalog.Release, error) {
	var release catalog.Release
	found := false
	err := eachMember(archive, func(name string, open func() ([]byte, error)) error {
		switch {
		case name == "release.MF":
			text, err := open()
			if err != nil {
				return err
			}
			var manifest struct {
				Name    string `yaml:"name"`
				Version string `yaml:"version"`
			}
			if err := yaml.Unmarshal(text, &manifest); err != nil {
				return fmt.Errorf("read release.MF: %w", err)
			}
			release.Name, release.Version = manifest.Name, manifest.Version
			found = manifest.Name != "" && manifest.Version != ""
		case path.Dir(name) == "jobs" && strings.HasSuffix(name, ".tgz"):
			packed, err := open()
			if err != nil {
				return err
			}
			job, err := readJob(bytes.NewReader(packed))
			if err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
			release.Jobs = append(release.Jobs, job)
		}
		return nil
	})
	if err == nil && !found {
		err = errIncomplete
	}
	slices.SortFunc(release.Jobs, func(a, b catalog.Job) int { return strings.Compare(a.Name, b.Name) })
	return release, err
}

// monitProcess finds the processes in a job's monit file.
var monitProcess = regexp.MustCompile(`(?m)^\s*check\s+process\s+"?([^\s"]+)"?`)

func readJob(archive io.Reader) (catalog.Job, error) {
	type link struct {
		Name       string   `yaml:"name"`
		Type       string   `yaml:"type"`
		Properties []string `yaml:"properties"`
		Optional   bool     `yaml:"optional"`
		Shared     bool     `yaml:"shared"`
	}
	var spec struct {
		Name       string            `yaml:"name"`
		Templates  map[string]string `yaml:"templates"`
		Properties map[string]struct {
			Default any `yaml:"default"`
		} `yaml:"properties"`
		Provides []link `yaml:"provides"`
		Consumes []link `yaml:"consumes"`
	}
	job := catalog.Job{}
	found := false
	err := eachMember(archive, func(name string, open func() ([]byte, error)) error {
		if name != "job.MF" && name != "monit" {
			return nil
		}
		text, err := open()
		if err != nil {
			return err
		}
		if name == "monit" {
			for _, m := range monitProcess.FindAllSubmatch(text, -1) {
				job.Processes = append(job.Processes, string(m[1]))
			}
			return nil
		}
		if err := yaml.Unmarshal(text, &spec); err != nil {
			return fmt.Errorf("read job.MF: %w", err)
		}
		found = spec.Name != ""
		return nil
	})
	if err != nil {
		return catalog.Job{}, err
	}
	if !found {
		return catalog.Job{}, errIncomplete
	}
	job.Name = spec.Name
	for property, declared := range spec.Properties {
		job.Properties = append(job.Properties, property)
		if declared.Default != nil {
			if job.Defaults == nil {
				job.Defaults = map[string]any{}
			}
			job.Defaults[property] = declared.Default
		}
	}
	slices.Sort(job.Properties)
	for _, target := range spec.Templates {
		job.Errand = job.Errand || target == "bin/run"
	}
	for _, l := range spec.Provides {
		job.Provides = append(job.Provides, catalog.Link(l))
	}
	for _, l := range spec.Consumes {
		job.Consumes = append(job.Consumes, catalog.Link(l))
	}
	return job, nil
}

// readStemcell reads the manifest of a stemcell archive; the image is passed over.
func readStemcell(archive io.Reader) (catalog.Stemcell, error) {
	var stemcell catalog.Stemcell
	err := eachMember(archive, func(name string, open func() ([]byte, error)) error {
		if name != "stemcell.MF" {
			return nil
		}
		text, err := open()
		if err != nil {
			return err
		}
		var manifest struct {
			Name    string `yaml:"name"`
			Version string `yaml:"version"`
			OS      string `yaml:"operating_system"`
		}
		if err := yaml.Unmarshal(text, &manifest); err != nil {
			return fmt.Errorf("read stemcell.MF: %w", err)
		}
		stemcell = catalog.Stemcell{Name: manifest.Name, OS: manifest.OS, Version: manifest.Version}
		return nil
	})
	if err == nil && (stemcell.Name == "" || stemcell.Version == "") {
		err = errIncomplete
	}
	return stemcell, err
}

// eachMember calls visit for the files of a .tgz.
func eachMember(archive io.Reader, visit func(name string, open func() ([]byte, error)) error) error {
	zip, err := gzip.NewReader(archive)
	if err != nil {
		return fmt.Errorf("read archive: %w", err)
	}
	members := tar.NewReader(zip)
	for {
		header, err := members.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read archive: %w", err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		err = visit(strings.TrimPrefix(path.Clean(header.Name), "./"), func() ([]byte, error) {
			if header.Size > maxMember {
				return nil, fmt.Errorf("%s is too large", header.Name)
			}
			return io.ReadAll(members)
		})
		if err != nil {
			return err
		}
	}
}
