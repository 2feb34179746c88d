package osb

import (
	"net/netip"

	"code.cloudfoundry.org/brokerapi/v13/domain"

	"github.com/pks-community/pks-release/src/pks"
)

// Instance is a cluster as the broker sees it: one service instance.
type Instance struct {
	ID     string // the cluster's UUID
	Name   string // the cluster's name
	Owner  string // name of its owner
	PlanID string
	Spec   pks.ClusterSpec // whole, in updates too

	// New: it does not exist yet. Upgrade: it would be upgraded. Previews alone mind.
	New, Upgrade bool

	// OperationID and RequestID go along in headers, for the broker's log. A
	// repeated call carries the same.
	OperationID string
	RequestID   string
}

// Submission is the broker's answer to a change.
type Submission struct {
	// Operation is the opaque string that polls must carry.
	Operation string
	// Done: there is nothing to wait for.
	Done bool
}

// LastOperation is how far a change is.
type LastOperation struct {
	State       domain.LastOperationState
	Description string
}

// Progress is the news of an operation's BOSH tasks since an offset.
type Progress struct {
	TaskID  int             `json:"task_id"`
	State   string          `json:"state"`   // of the BOSH task: queued, processing, done, …
	Percent int             `json:"percent"` // of all steps seen
	Offset  int64           `json:"offset"`  // what to ask for next
	Events  []ProgressEvent `json:"events"`
}

// ProgressEvent is one line of a BOSH task's event output.
type ProgressEvent struct {
	Time     int64    `json:"time"`  // seconds since 1970
	Stage    string   `json:"stage"` // "Updating instance"
	Tags     []string `json:"tags"`
	Task     string   `json:"task"` // "worker/UUID (0)"
	Index    int      `json:"index"`
	Total    int      `json:"total"`
	State    string   `json:"state"`    // started, in_progress, finished, failed
	Progress int      `json:"progress"` // percent of this one step
	Error    string   `json:"error"`
	Message  string   `json:"message"`
}

// VMs are the addresses of a deployment's machines.
type VMs struct {
	Deployment     string                  `json:"deployment"`
	InstanceGroups map[string][]netip.Addr `json:"instance_groups"`
}

// Binding asks for credentials of a cluster, or for their end.
type Binding struct {
	InstanceID  string
	ID          string // UUID of the binding
	PlanID      string
	ClusterName string
	User        string // whom the credentials are for
	// WithoutRights makes credentials that no cluster role is bound to.
	WithoutRights bool
	// ServiceAccount asks for one also where people log in to the cluster.
	ServiceAccount bool
	// LoginOnly asks for nothing to be made in a cluster that people do not log in to.
	LoginOnly bool
	RequestID string
}

// Where a cancelled operation left the deployment, as the broker says it.
const (
	DeploymentAbsent       = "absent"
	DeploymentIncomplete   = "incomplete"
	DeploymentChanged      = "changed" // the operation ended before it could be stopped
	DeploymentInconsistent = "inconsistent"
)

// Cancelled is where a cancelled operation ended.
type Cancelled struct {
	TaskID     int    `json:"task_id"`
	State      string `json:"state"` // of the BOSH task
	Deployment string `json:"deployment"`
	Message    string `json:"message"`
}

// Preview is what an update would do.
type Preview struct {
	// Diff has the Director's lines of difference between the manifests: text, and
	// "added", "removed" or nothing.
	Diff   [][]any       `json:"diff"`
	Groups []GroupChange `json:"instance_groups"`
}

// GroupChange is what would become of one instance group.
type GroupChange struct {
	Name   string `json:"name"`
	Action string `json:"action"` // create, delete, recreate, restart, scale, none
	Before int    `json:"instances_before"`
	After  int    `json:"instances_after"`
}

const (
	platform = "pks"
	// place stands for the organization and space that this platform has not.
	place = "pks"
)

// brokerContext is the platform's "context" object (OSB 2.17, Context Object).
type brokerContext struct {
	Platform    string `json:"platform"`
	ClusterName string `json:"cluster_name"`
	Owner       string `json:"owner"`
}

type bindParameters struct {
	User        string `json:"user"`
	ClusterName string `json:"cluster_name"`
	Suppress    bool   `json:"suppress_cluster_role_binding,omitempty"`
	Account     bool   `json:"service_account,omitempty"`
	LoginOnly   bool   `json:"login_only,omitempty"`
}

// Machines are the machines of an instance and how they are.
type Machines struct {
	Machines []Machine `json:"machines"`
}

// Machine is one instance of a deployment. State is what its agent says, missing
// where there is no VM; Desired is started, stopped or detached.
type Machine struct {
	Group     string           `json:"group"`
	ID        string           `json:"id"`
	Index     int              `json:"index"`
	AZ        string           `json:"az"`
	IPs       []string         `json:"ips"`
	State     string           `json:"state"`
	Desired   string           `json:"desired"`
	Bootstrap bool             `json:"bootstrap"`
	Ignored   bool             `json:"ignored"` // BOSH is told to leave it alone
	Disks     []Disk           `json:"disks"`
	Processes []MachineProcess `json:"processes"`
}

// Disk is how full a disk of a machine is: system, ephemeral or persistent.
type Disk struct {
	Name    string `json:"name"`
	Percent int    `json:"percent"`
}

// MachineProcess is one process of a machine.
type MachineProcess struct {
	Name  string `json:"name"`
	State string `json:"state"`
}
