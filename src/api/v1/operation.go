package v1

// Operation is one change of a cluster, from the request to its end. Cluster
// documents hold it while it runs and when it did not succeed; cancel answers
// with it.
type Operation struct {
	ID              string `json:"id"`
	Action          string `json:"action"`
	State           string `json:"state"` // accepted, submitted, running, succeeded, failed, cancelled
	Description     string `json:"description"`
	Percent         int    `json:"percent"`
	BOSHTask        int    `json:"bosh_task,omitempty"`
	CancelRequested bool   `json:"cancel_requested,omitempty"`
	// Landed says where a cancelled operation left the cluster: untouched, absent,
	// incomplete, inconsistent, unknown.
	Landed      string      `json:"landed,omitempty"`
	RequestedBy RequestedBy `json:"requested_by"`
	RequestedAt string      `json:"requested_at"`           // RFC 3339
	SettledAt   string      `json:"settled_at,omitempty"`   // RFC 3339
	ExpectedEnd string      `json:"expected_end,omitempty"` // RFC 3339; learnt from earlier runs
	Failure     *Failure    `json:"failure,omitempty"`
}

// RequestedBy is who asked for a change.
type RequestedBy struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`             // user or client
	Origin string `json:"origin,omitempty"` // identity provider of a user
}

// Failure is why an operation failed.
type Failure struct {
	Code   string `json:"code"`
	Body   string `json:"body"`
	Remedy string `json:"remedy,omitempty"`
}

// Revision is one entry of GET /v1/clusters/{name}/history: what a request made
// of a cluster's settings, whoever it was.
type Revision struct {
	Revision int `json:"revision"` // counts up per cluster, from 1
	Operation
	Changes []Change `json:"changes"`
}

// Change is one setting that differs from the revision before. A value is null
// where the setting is absent; what may be secret reads as [redacted].
type Change struct {
	Path   string `json:"path"`
	Before any    `json:"before"`
	After  any    `json:"after"`
}

// Preview is the answer to a request with ?dry_run=true: what it would do. Nothing
// was stored.
type Preview struct {
	Cluster Cluster  `json:"cluster"` // as it would become
	Changes []Change `json:"changes"` // of its settings
	// ManifestDiff has the lines in which the BOSH manifests differ.
	ManifestDiff []DiffLine      `json:"manifest_diff"`
	Instances    []InstanceGroup `json:"instances"`
}

// DiffLine is one line of the difference between two manifests. Change is added,
// removed, or empty for a line that stays.
type DiffLine struct {
	Text   string `json:"text"`
	Change string `json:"change"`
}

// InstanceGroup is what would become of the machines of one group. Action is
// create, delete, recreate, restart, scale or none.
type InstanceGroup struct {
	Name   string `json:"name"`
	Action string `json:"action"`
	Before int    `json:"instances_before"`
	After  int    `json:"instances_after"`
}
