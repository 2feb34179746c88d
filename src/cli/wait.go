package cli

import (
	"fmt"

	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/cli/watch"
	"github.com/pks-community/pks-release/src/pks"
)

// newFollower watches the operation that is asked for next.
func (f *factory) newFollower(api watch.API, name string, action pks.Action) *watch.Follower {
	verb := map[pks.Action]string{
		pks.ActionCreate:  "Creating",
		pks.ActionUpdate:  "Updating",
		pks.ActionUpgrade: "Upgrading",
		pks.ActionDelete:  "Deleting",
	}[action]
	title := fmt.Sprintf("%s cluster %s", verb, console.Clean(name))
	return &watch.Follower{
		API:      api,
		Name:     name,
		Action:   action,
		Progress: func() console.Progress { return f.console.Progress(title) },
	}
}

// monitorHint is what commands end with that do not wait.
func (f *factory) monitorHint(name string) {
	f.console.Printf("Use '%s cluster %s' to monitor the state of your cluster\n", f.name, console.Clean(name))
}
