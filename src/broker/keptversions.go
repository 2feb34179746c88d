package broker

import (
	"fmt"

	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/broker/config"
)

// deployedSoftware is a manifest as far as it names releases and stemcells.
type deployedSoftware struct {
	Releases []struct {
		Name    string `yaml:"name"`
		Version string `yaml:"version"`
	} `yaml:"releases"`
	Stemcells []struct {
		OS      string `yaml:"os"`
		Version string `yaml:"version"`
	} `yaml:"stemcells"`
}

// keptVersions is the service deployment in the versions that an instance has:
// a user's update changes what the user asks for, and an upgrade brings what the
// operator has offered since. Releases that the instance does not have come as they
// are offered; a stemcell of another operating system than any that is offered stays.
func keptVersions(offered config.ServiceDeployment, manifest string) (config.ServiceDeployment, error) {
	var has deployedSoftware
	if err := yaml.Unmarshal([]byte(manifest), &has); err != nil {
		return offered, fmt.Errorf("parse the stored manifest: %w", err)
	}
	versions := map[string]string{}
	for _, r := range has.Releases {
		versions[r.Name] = r.Version
	}
	kept := config.ServiceDeployment{Stemcells: offered.Stemcells}
	for _, r := range offered.Releases {
		if version := versions[r.Name]; version != "" {
			r.Version = version
		}
		kept.Releases = append(kept.Releases, r)
	}
	var stemcells []config.Stemcell
	for _, s := range has.Stemcells {
		if s.OS != "" && s.Version != "" {
			stemcells = append(stemcells, config.Stemcell{OS: s.OS, Version: s.Version})
		}
	}
	if len(stemcells) > 0 {
		kept.Stemcells = stemcells
	}
	return kept, nil
}
