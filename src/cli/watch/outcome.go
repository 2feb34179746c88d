package watch

import (
	"errors"
	"fmt"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/pks"
)

// Outcome is how the operation ended well.
type Outcome struct {
	Cluster apiclient.Answer[v1.Cluster] // its last state
	Gone    bool                         // it was deleted; Cluster is what was last seen
}

// FailedError: the operation ended badly.
type FailedError struct {
	Cluster v1.Cluster
	Detail  string // the last error that the events tell of; may be empty
}

func (e *FailedError) Error() string {
	if e.Cluster.LastActionDescription != "" {
		return e.Cluster.LastActionDescription
	}
	return fmt.Sprintf("The last action on cluster %s, %s, has failed", e.Cluster.Name, e.Cluster.LastAction)
}

// DetachedError: watching ended before the operation did, which goes on.
type DetachedError struct {
	Name   string
	Action pks.Action
	Err    error // why: context.Canceled when the user wanted it
}

func (e *DetachedError) Error() string {
	return fmt.Sprintf("the %s of cluster %s goes on", noun(e.Action), e.Name)
}

func (e *DetachedError) Unwrap() error { return e.Err }

// noun is the action as people say it.
func noun(action pks.Action) string {
	if action == pks.ActionCreate {
		return "creation"
	}
	return action.Noun()
}

// ErrSuperseded: another operation has begun meanwhile.
var ErrSuperseded = errors.New("another operation has begun")
