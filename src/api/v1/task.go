package v1

// UpgradeClustersRequest is the body of PATCH /v1/clusters
// (reference/pks-api.md §13).
type UpgradeClustersRequest struct {
	// Clusters are upgraded after the canaries, at most MaxInFlight at a time.
	Clusters []string `json:"clusters,omitempty"`
	// Canaries are upgraded first, one after another.
	Canaries []string `json:"canaries,omitempty"`
	// MaxInFlight: 0 for 1.
	MaxInFlight int `json:"max_in_flight,omitempty"`

	// NodesParallel is how many workers of a zone are replaced at the same time, 1 or
	// 2; 0 leaves it to the plan.
	NodesParallel int `json:"nodes_parallel,omitempty"`

	// All and Force are additions of this product. All stands for every cluster that
	// the caller may upgrade, and Clusters is left out; Force has clusters upgraded
	// that run the control plane's versions already.
	All   bool `json:"all,omitempty"`
	Force bool `json:"force,omitempty"`
}

// Values of TaskInfo's Type and Status, which generated clients know.
const (
	TaskUpgrade = "UPGRADE"

	TaskNotStarted = "not started"
	TaskInProgress = "in progress"
	TaskCanceled   = "canceled"
	TaskDone       = "done"
)

// TaskInfo is the upgrade of many clusters (reference/pks-api.md §13). The members
// after EndTime are additions of this product.
type TaskInfo struct {
	UUID      string               `json:"uuid"`
	Type      string               `json:"type"`
	Status    string               `json:"status"`
	Clusters  []ClusterUpgradeInfo `json:"clusters"`
	StartTime int64                `json:"start_time"` // seconds since 1970; 0 for not yet
	EndTime   int64                `json:"end_time"`

	// Paused: clusters that wait go on waiting until the task is resumed.
	Paused            bool        `json:"paused"`
	CreateTime        int64       `json:"create_time"`
	MaxInFlight       int         `json:"max_in_flight"`
	Force             bool        `json:"force"`
	RequestedBy       string      `json:"requested_by"`
	KubernetesVersion string      `json:"k8s_version"` // what the clusters are to run
	PKSVersion        string      `json:"pks_version"`
	Summary           TaskSummary `json:"summary"`
}

// TaskSummary counts a task's clusters by state.
type TaskSummary struct {
	Total      int `json:"total"`
	Queued     int `json:"queued"`
	InProgress int `json:"in_progress"`
	Succeeded  int `json:"succeeded"`
	UpToDate   int `json:"up_to_date"`
	Failed     int `json:"failed"`
	Deleted    int `json:"deleted"`
	NotStarted int `json:"not_started"`
}

// States of ClusterUpgradeInfo, beyond those of last_action_state.
const (
	UpgradeUpToDate   = "up to date"  // was at the target before its turn
	UpgradeDeleted    = "deleted"     // before its turn
	UpgradeNotStarted = "not started" // and never will be: the task was cancelled, or a canary failed
)

// ClusterUpgradeInfo is one cluster of a task, in the order of their turns. The
// members after IsCanary are additions of this product.
type ClusterUpgradeInfo struct {
	ClusterName     string `json:"cluster_name"`
	LastAction      string `json:"last_action"`
	LastActionState string `json:"last_action_state"`
	StartTime       int64  `json:"start_time"`
	EndTime         int64  `json:"end_time"`
	IsCanary        bool   `json:"is_canary"`

	ClusterUUID string `json:"cluster_uuid"`
	// State is last_action_state, or one that old clients do not know.
	State       string `json:"state"`
	Reason      string `json:"reason,omitempty"` // why it did not succeed
	OperationID string `json:"operation_id,omitempty"`
}
