package adapter

import (
	"slices"

	"github.com/cppforlife/go-semi-semantic/version"
	"github.com/pivotal-cf/on-demand-services-sdk/bosh"
	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"
)

// requirement is the oldest version of a release whose jobs have the properties
// that this adapter sets. Undeclared properties are dropped by BOSH without a
// word, so an older release must be refused instead of half configured
// (reference/cluster-manifest.md §18).
type requirement struct {
	release string
	oldest  string
	because string
}

func requirements() []requirement {
	return []requirement{
		{"kubo", "0.44.0", "which introduced the job properties that are set"},
		{"cfcr-etcd", "1.12.0", "whose etcd job takes users with permissions"},
		{"docker", "35.0.0", "whose docker job takes registry_ca_cert"},
		{"bpm", "1.1.0", "which supervises the control plane's processes"},
	}
}

// supportedStemcells lists the operating systems that the Linux jobs were made
// for: kubernetes-dependencies installs packages of that system.
func supportedStemcells() []string {
	return []string{"ubuntu-xenial", "ubuntu-bionic", "ubuntu-jammy", "ubuntu-noble"}
}

const stemcellAlias = "default"

// software is what the broker's service deployment offers: the releases, which
// of them has which job, and the stemcell.
type software struct {
	offered  serviceadapter.ServiceReleases
	stemcell bosh.Stemcell
	used     map[string]string // release → version
}

func newSoftware(deployment serviceadapter.ServiceDeployment) (*software, error) {
	for _, r := range deployment.Releases {
		if err := checkVersion(r); err != nil {
			return nil, err
		}
	}
	stemcell, err := chooseStemcell(deployment.Stemcells)
	if err != nil {
		return nil, err
	}
	return &software{offered: deployment.Releases, stemcell: stemcell, used: map[string]string{}}, nil
}

func checkVersion(r serviceadapter.ServiceRelease) error {
	if !exactVersion(r.Version) {
		return refuse("service_deployment.releases: the version %q of release %s is not exact.", r.Version, r.Name).
			WithRemedy("Name one version, such as 1.2.3, in the broker's configuration.")
	}
	for _, need := range requirements() {
		if need.release != r.Name {
			continue
		}
		have, err := version.NewVersionFromString(r.Version)
		if err != nil {
			return refuse("service_deployment.releases: the version %q of release %s cannot be read.", r.Version, r.Name).
				WithRemedy("Write it as BOSH shows it in 'bosh releases'.").WithCause(err)
		}
		if have.IsLt(version.MustNewVersionFromString(need.oldest)) {
			return refuse("service_deployment.releases: release %s is %s, but at least %s is needed, %s.", r.Name, r.Version, need.oldest, need.because).
				WithRemedy("Upload a newer %s release and name it in the broker's configuration.", r.Name)
		}
	}
	return nil
}

func chooseStemcell(stemcells []serviceadapter.Stemcell) (bosh.Stemcell, error) {
	if len(stemcells) == 0 {
		return bosh.Stemcell{}, refuse("service_deployment.stemcells is empty.").
			WithRemedy("Name a stemcell in the broker's configuration, for example os ubuntu-xenial, version 621.76.")
	}
	for _, s := range stemcells {
		if !slices.Contains(supportedStemcells(), s.OS) {
			continue
		}
		if !exactVersion(s.Version) {
			return bosh.Stemcell{}, refuse("service_deployment.stemcells: the version %q of stemcell %s is not exact.", s.Version, s.OS).
				WithRemedy("Name one version, such as 621.76, in the broker's configuration.")
		}
		return bosh.Stemcell{Alias: stemcellAlias, OS: s.OS, Version: s.Version}, nil
	}
	return bosh.Stemcell{}, refuse("service_deployment.stemcells: %q is not an operating system that the cluster's jobs run on.", stemcells[0].OS).
		WithRemedy("Use a stemcell of one of: %s.", list(supportedStemcells()))
}

// job makes a job of the release that the service deployment says has it.
func (s *software) job(name string, props any) (bosh.Job, error) {
	release, err := serviceadapter.FindReleaseForJob(name, s.offered)
	if err != nil {
		return bosh.Job{}, refuse("service_deployment.releases: %s.", err.Error()).
			WithRemedy("List the job under exactly one release in the broker's configuration.")
	}
	s.used[release.Name] = release.Version
	job := bosh.Job{Name: name, Release: release.Name}
	if props != nil {
		job.Properties = properties(props)
	}
	return job, nil
}

// releases lists those that a job was taken from, in the order offered.
func (s *software) releases() []bosh.Release {
	var out []bosh.Release
	for _, r := range s.offered {
		if _, used := s.used[r.Name]; used {
			out = append(out, bosh.Release{Name: r.Name, Version: r.Version})
		}
	}
	return out
}

// kubernetes is the version of Kubernetes that the offered releases carry.
func (s *software) kubernetes() string {
	for _, r := range s.offered {
		if slices.Contains(r.Jobs, jobAPIServer) {
			return kubernetesOf(r.Version)
		}
	}
	return ""
}
