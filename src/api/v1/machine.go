package v1

// Machine is one machine of a cluster and how it is: an entry of
// GET /v1/clusters/{name}/machines, an addition of this product. State is what
// BOSH's agent says: running, failing, stopped, "unresponsive agent"; missing
// where there is no VM. Desired is what it is to be: started, stopped, detached.
type Machine struct {
	Group     string    `json:"group"` // master, worker, worker-POOL
	ID        string    `json:"id"`
	Index     int       `json:"index"`
	AZ        string    `json:"az"`
	IPs       []string  `json:"ips"`
	State     string    `json:"state"`
	Desired   string    `json:"desired"`
	Bootstrap bool      `json:"bootstrap"`
	Ignored   bool      `json:"ignored"` // BOSH leaves it as it is, upgrades included
	Disks     []Disk    `json:"disks"`
	Processes []Process `json:"processes"`
}

// Disk is how full a disk is: system, ephemeral or persistent.
type Disk struct {
	Name    string `json:"name"`
	Percent int    `json:"percent"` // of its space or of its files, whichever is more
}

// Process is one process of a machine's jobs.
type Process struct {
	Name  string `json:"name"`
	State string `json:"state"`
}
