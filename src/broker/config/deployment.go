package config

import (
	"fmt"
	"strings"
)

// ServiceDeployment names what the Director holds for the service. Its JSON form
// is what the adapter is given (§3.3).
type ServiceDeployment struct {
	Releases  []Release  `yaml:"releases" json:"releases"`
	Stemcells []Stemcell `yaml:"stemcells" json:"stemcells"`
}

// Release is one release and the jobs that the adapter may use of it.
type Release struct {
	Name    string   `yaml:"name" json:"name"`
	Version string   `yaml:"version" json:"version"`
	Jobs    []string `yaml:"jobs" json:"jobs"`
}

// Stemcell has other keys in the file than for the adapter.
type Stemcell struct {
	Name    string `yaml:"name" json:"stemcell_name,omitempty"`
	OS      string `yaml:"os" json:"stemcell_os"`
	Version string `yaml:"version" json:"stemcell_version"`
}

func (d ServiceDeployment) validate() error {
	for _, r := range d.Releases {
		if err := exact("release", r.Name, r.Version); err != nil {
			return err
		}
	}
	for _, s := range d.Stemcells {
		if err := exact("stemcell", s.OS, s.Version); err != nil {
			return err
		}
	}
	return nil
}

// exact refuses "latest": what it means changes unasked, and the next update of
// any cluster would roll its VMs.
func exact(kind, name, version string) error {
	if !strings.HasSuffix(version, "latest") {
		return nil
	}
	return fmt.Errorf("service_deployment: %s %s has version %q: give an exact version, "+
		"such as 1.2.3; with 'latest' a broker would upgrade instances unasked", kind, name, version)
}
