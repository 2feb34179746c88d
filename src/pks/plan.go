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
}
