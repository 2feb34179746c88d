package pks

// Plan is a size of cluster that the platform operator offers.
type Plan struct {
	ID                        string        `yaml:"id"`
	Name                      string        `yaml:"name"`
	Description               string        `yaml:"description"`
	MasterInstances           int           `yaml:"master_instances"`
	WorkerInstances           int           `yaml:"worker_instances"`
	MaxWorkerInstances        int           `yaml:"max_worker_instances"`
	AllowPrivilegedContainers bool          `yaml:"allow_privileged_containers"`
	Drain                     DrainSettings `yaml:"-"`
	// MasterVM and WorkerVM are how large the machines of the plan's VM types are,
	// which BOSH does not tell. Quotas and usages need them; zero: not known.
	MasterVM MachineSize `yaml:"master_vm,omitempty"`
	WorkerVM MachineSize `yaml:"worker_vm,omitempty"`
	// CNI is the network of the plan's clusters; empty: not known, and only the
	// service adapter can tell which network profiles fit.
	CNI CNI `yaml:"cni,omitempty"`
}

// CNI is what gives pods their network.
type CNI string

const (
	CNIFlannel CNI = "flannel"
	CNINSXT    CNI = "nsx-t"
	CNINone    CNI = "none" // brought by the plan's add-ons
)

// CNIs are all there are.
func CNIs() []CNI { return []CNI{CNIFlannel, CNINSXT, CNINone} }
