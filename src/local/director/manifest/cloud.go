package manifest

import (
	"github.com/pks-community/pks-release/src/local/director/fault"
)

// Cloud is the cloud-config: all configs of type cloud taken together.
type Cloud struct {
	AZs          []string
	Networks     []Network
	VMTypes      map[string]map[string]any
	VMExtensions map[string]map[string]any
	// DiskTypes maps names to sizes in MB.
	DiskTypes map[string]int
}

// Network is a network of the cloud-config.
type Network struct {
	Name string
	// Manual networks have subnets with addresses; on others the cloud gives them out.
	Manual  bool
	Subnets []Subnet
}

// Network returns the network called name.
func (c *Cloud) Network(name string) (Network, bool) {
	for _, n := range c.Networks {
		if n.Name == name {
			return n, true
		}
	}
	return Network{}, false
}

// ReadCloud merges and reads cloud-configs. No config at all reads like an empty one: its first
// missing section is named (reference/director-api.md §13.3).
func ReadCloud(documents []*Map) (*Cloud, error) {
	merged, err := merge(documents)
	if err != nil {
		return nil, err
	}
	c := &Cloud{}
	azs, err := objects(merged, "azs")
	if err != nil {
		return nil, err
	}
	for _, az := range azs {
		name, err := requiredText(az, "name")
		if err != nil {
			return nil, err
		}
		c.AZs = append(c.AZs, name)
	}
	networks, err := requiredObjects(merged, "networks")
	if err != nil {
		return nil, err
	}
	for _, entry := range networks {
		network, err := c.readNetwork(entry)
		if err != nil {
			return nil, err
		}
		c.Networks = append(c.Networks, network)
	}
	if err := c.readCompilation(merged); err != nil {
		return nil, err
	}
	return c, c.readTypes(merged)
}

const (
	duplicateCloudName    = 160017
	compilationTwice      = 570001
	noSubnets             = 160014
	unknownSubnetAZ       = 160015
	unknownNetworkType    = 40000
	unknownCompilationNet = 120003
)

// merge joins the lists of several configs. Each name may appear once, the compilation section in
// one config only.
func merge(documents []*Map) (*Map, error) {
	merged := &Map{Values: map[string]any{}}
	for _, document := range documents {
		for _, key := range document.Keys {
			switch value := document.Values[key].(type) {
			case []any:
				existing, _ := merged.Get(key).([]any)
				merged.set(key, append(append([]any{}, existing...), value...))
			default:
				if merged.Get(key) != nil && key == "compilation" {
					return nil, fault.New(compilationTwice, "Cloud config 'compilation' key cannot be defined in multiple cloud configs.")
				}
				merged.set(key, value)
			}
		}
	}
	for _, key := range merged.Keys {
		entries, _ := merged.Values[key].([]any)
		seen := map[string]bool{}
		for _, entry := range entries {
			m, _ := entry.(*Map)
			name, _ := m.Get("name").(string)
			if name != "" && seen[name] {
				return nil, fault.New(duplicateCloudName, "Duplicate %s name '%s'", singular(key), name)
			}
			seen[name] = true
		}
	}
	return merged, nil
}

func singular(key string) string {
	words := map[string]string{
		"azs": "az", "networks": "network", "vm_types": "vm type", "vm_extensions": "vm extension", "disk_types": "disk type",
	}
	if word, ok := words[key]; ok {
		return word
	}
	return key
}

func (c *Cloud) readNetwork(m *Map) (Network, error) {
	name, err := requiredText(m, "name")
	if err != nil {
		return Network{}, err
	}
	kind, err := text(m, "type")
	if err != nil {
		return Network{}, err
	}
	switch kind {
	case "", "manual":
	case "dynamic", "vip":
		return Network{Name: name}, nil
	default:
		return Network{}, fault.New(unknownNetworkType, "Invalid network type '%s'", kind)
	}
	entries, err := objects(m, "subnets")
	if err != nil {
		return Network{}, err
	}
	if len(entries) == 0 {
		return Network{}, fault.New(noSubnets, "No subnets specified for network '%s'", name)
	}
	network := Network{Name: name, Manual: true}
	for _, entry := range entries {
		subnet, err := readSubnet(entry, name)
		if err != nil {
			return Network{}, err
		}
		for _, az := range subnet.AZs {
			if !contains(c.AZs, az) {
				return Network{}, fault.New(unknownSubnetAZ, "Network '%s' refers to an unknown availability zone '%s'", name, az)
			}
		}
		for _, other := range network.Subnets {
			if other.Range.Overlaps(subnet.Range) {
				return Network{}, fault.New(160001, "Network '%s' has overlapping subnets", name)
			}
		}
		network.Subnets = append(network.Subnets, subnet)
	}
	return network, nil
}

func (c *Cloud) readCompilation(m *Map) error {
	compilation, err := requiredObject(m, "compilation")
	if err != nil {
		return err
	}
	if _, err := requiredNumber(compilation, "workers"); err != nil {
		return err
	}
	network, err := requiredText(compilation, "network")
	if err != nil {
		return err
	}
	if _, ok := c.Network(network); !ok {
		return fault.New(unknownCompilationNet, "Compilation config references an unknown network: '%s'", network)
	}
	return nil
}

func (c *Cloud) readTypes(m *Map) error {
	for key, target := range map[string]*map[string]map[string]any{"vm_types": &c.VMTypes, "vm_extensions": &c.VMExtensions} {
		*target = map[string]map[string]any{}
		entries, err := objects(m, key)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			name, err := requiredText(entry, "name")
			if err != nil {
				return err
			}
			properties, err := object(entry, "cloud_properties")
			if err != nil {
				return err
			}
			(*target)[name] = PlainMap(properties)
		}
	}
	c.DiskTypes = map[string]int{}
	entries, err := objects(m, "disk_types")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name, err := requiredText(entry, "name")
		if err != nil {
			return err
		}
		size, err := requiredNumber(entry, "disk_size")
		if err != nil {
			return err
		}
		if size < 0 {
			return fault.New(fault.TooSmall, "'disk_size' value (%d) should be greater than 0", size)
		}
		c.DiskTypes[name] = size
	}
	return nil
}

func contains(list []string, text string) bool {
	for _, item := range list {
		if item == text {
			return true
		}
	}
	return false
}
