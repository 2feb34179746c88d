package adapter

import (
	"strings"

	"github.com/pks-community/pks-release/src/pks"
)

// dockerSettings is the plan's "docker" object.
type dockerSettings struct {
	InsecureRegistries []string `json:"insecure_registries"`
	RegistryMirrors    []string `json:"registry_mirrors"`
	SharedMounts       bool     `json:"shared_mounts"` // for CSI drivers
}

// dockerProperties is reference/cluster-manifest.md §5.8.
type dockerProperties struct {
	Flannel            bool              `yaml:"flannel"`
	Bridge             string            `yaml:"bridge"`
	IPMasq             bool              `yaml:"ip_masq"`
	IPTables           bool              `yaml:"iptables"`
	LiveRestore        bool              `yaml:"live_restore"`
	LogLevel           string            `yaml:"log_level"`
	LogOptions         []string          `yaml:"log_options"`
	StorageDriver      string            `yaml:"storage_driver"`
	StoreDir           string            `yaml:"store_dir"`
	DefaultUlimits     []string          `yaml:"default_ulimits"`
	Env                map[string]string `yaml:"env"`
	InsecureRegistries []string          `yaml:"insecure_registries,omitempty"`
	RegistryMirrors    []string          `yaml:"registry_mirrors,omitempty"`
	RegistryCACert     []registryCA      `yaml:"registry_ca_cert,omitempty"`
	SharedMounts       bool              `yaml:"shared_mounts_enable,omitempty"`
}

type registryCA struct {
	DomainName string `yaml:"domain_name"`
	CACert     string `yaml:"ca_cert"`
}

// docker is the container runtime. Images lie on the persistent disk when the
// workers have one, else they would fill the root disk.
func (c *cluster) docker(jobs *jobList, disk bool) {
	p := dockerProperties{
		Flannel:            c.network.cni == cniFlannel,
		Bridge:             "cni0",
		LiveRestore:        true,
		LogLevel:           "error",
		LogOptions:         []string{"max-size=128m", "max-file=2"},
		StorageDriver:      "overlay2",
		StoreDir:           "/var/vcap/data",
		DefaultUlimits:     []string{"nofile=1048576"},
		Env:                map[string]string{},
		InsecureRegistries: union(c.plan.Docker.InsecureRegistries, hosts(c.spec.InsecureRegistries)),
		RegistryMirrors:    c.plan.Docker.RegistryMirrors,
		RegistryCACert:     registryCAs(c.spec.CustomCACerts),
		SharedMounts:       c.plan.Docker.SharedMounts,
	}
	if disk {
		p.StoreDir = "/var/vcap/store"
	}
	if proxy, ok := c.proxyFor(proxyRuntime); ok {
		p.Env = proxy.environment()
	}
	jobs.add("docker", p)
}

// hosts takes the hosts out of entries, each of which is one or a comma-joined list
// of URLs (reference/pks-api.md §5.2).
func hosts(entries []string) []string {
	var out []string
	for _, entry := range entries {
		for part := range strings.SplitSeq(entry, ",") {
			if _, after, isURL := strings.Cut(part, "://"); isURL {
				part, _, _ = strings.Cut(after, "/")
			}
			if part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

func registryCAs(certs []pks.RegistryCA) []registryCA {
	var out []registryCA
	for _, cert := range certs {
		out = append(out, registryCA(cert))
	}
	return out
}

// union is a, then what b adds to it.
func union(a, b []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, words := range [][]string{a, b} {
		for _, w := range words {
			if !seen[w] {
				seen[w] = true
				out = append(out, w)
			}
		}
	}
	return out
}
