package pks

// Action is the verb of an operation as clients see it in last_action.
// The values are fixed by existing clients (reference/pks-api.md §0).
type Action string

const (
	ActionCreate  Action = "CREATE"
	ActionUpdate  Action = "UPDATE"
	ActionUpgrade Action = "UPGRADE"
	ActionDelete  Action = "DELETE"
)

// ActionState is the outcome of the last action as clients see it in
// last_action_state. Generated clients refuse any other value.
type ActionState string

const (
	ActionInProgress ActionState = "in progress"
	ActionSucceeded  ActionState = "succeeded"
	ActionFailed     ActionState = "failed"
	ActionQueued     ActionState = "queued"
)

// Noun is the word that descriptions and broker messages use for the action:
// "Instance provisioning in progress".
func (a Action) Noun() string {
	switch a {
	case ActionCreate:
		return "provisioning"
	case ActionUpdate:
		return "update"
	case ActionUpgrade:
		return "upgrade"
	case ActionDelete:
		return "deletion"
	default:
		return "operation"
	}
}

// Accepted is the description of an action that was stored but not yet begun
// (reference/pks-api.md §5.8).
func (a Action) Accepted() string {
	switch a {
	case ActionCreate:
		return "Creating cluster"
	case ActionDelete:
		return "Deleting cluster"
	case ActionUpgrade:
		return "Upgrading cluster"
	default:
		return "Updating cluster"
	}
}

// Running, Completed, Cancelled and Failed are the descriptions of §5.8; cause says why.
func (a Action) Running() string   { return "Instance " + a.Noun() + " in progress" }
func (a Action) Completed() string { return "Instance " + a.Noun() + " completed" }
func (a Action) Cancelled(landed Landing) string {
	return "Instance " + a.Noun() + " cancelled: " + landed.Remedy()
}
func (a Action) Failed(cause string) string { return "Instance " + a.Noun() + " failed: " + cause }
