package adapter

import (
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"
)

// cloudConfig is the part of the cloud config that belongs to one cluster: the
// sizes that its compute profile asks for and the zones it brings. BOSH merges
// it with the operator's. Sizes go here rather than into the manifest as
// vm_resources, because the broker's manifest type has no such member and would
// not see a change of it (reference/on-demand-broker.md §1.6).
type cloudConfig struct {
	AZs       []cloudAZ   `yaml:"azs,omitempty"`
	VMTypes   []vmType    `yaml:"vm_types,omitempty"`
	DiskTypes []diskType  `yaml:"disk_types,omitempty"`
	VMExts    []extension `yaml:"vm_extensions,omitempty"`
}

type cloudAZ struct {
	Name            string         `yaml:"name"`
	CPI             string         `yaml:"cpi"`
	CloudProperties map[string]any `yaml:"cloud_properties"`
}

type vmType struct {
	Name            string       `yaml:"name"`
	CloudProperties vmProperties `yaml:"cloud_properties"`
}

// vmProperties are vSphere's, the one IaaS that has compute profiles.
type vmProperties struct {
	CPU  int `yaml:"cpu"`
	RAM  int `yaml:"ram"`  // MB
	Disk int `yaml:"disk"` // MB
}

type diskType struct {
	Name string `yaml:"name"`
	Size int    `yaml:"disk_size"` // MB
}

type extension struct {
	Name            string         `yaml:"name"`
	CloudProperties map[string]any `yaml:"cloud_properties"`
}

// sized makes the VM and disk type of a group that has sizes of its own.
func (c *cluster) sized(group string, m machineSize, azs []string) sizing {
	s := sizing{azs: azs}
	own := c.deployment + "-" + group
	if m.CPU > 0 {
		s.vmType = own
		c.config.VMTypes = append(c.config.VMTypes, vmType{own, vmProperties{CPU: m.CPU, RAM: m.MemoryMB, Disk: m.EphemeralDiskMB}})
	}
	if m.PersistentDiskMB > 0 {
		s.diskType = own
		c.config.DiskTypes = append(c.config.DiskTypes, diskType{own, m.PersistentDiskMB})
	}
	return s
}

// extensionsOf are those that the cluster's request asks for. Its own comes last
// and so wins over the others.
func (c *cluster) extensionsOf(group string) []string {
	out := slices.Clone(c.spec.VMExtensions[group])
	own := c.ownExtension(group)
	if slices.ContainsFunc(c.config.VMExts, func(e extension) bool { return e.Name == own }) {
		out = append(out, own)
	}
	return out
}

func (c *cluster) ownExtension(group string) string { return c.deployment + "-" + group }

// configs gives the broker the cluster's cloud config, when it has one.
func (c *cluster) configs() (map[string]string, error) {
	for _, az := range c.profileAZs {
		c.config.AZs = append(c.config.AZs, cloudAZ{az.Name, az.CPI, az.CloudProperties})
	}
	if len(c.config.AZs)+len(c.config.VMTypes)+len(c.config.DiskTypes)+len(c.config.VMExts) == 0 {
		return nil, nil
	}
	text, err := yaml.Marshal(c.config)
	if err != nil {
		return nil, fmt.Errorf("write the cluster's cloud config: %w", err)
	}
	return map[string]string{"cloud": string(text)}, nil
}
