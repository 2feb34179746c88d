package cli

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/cli/console"
)

const taskID = "TASK-ID"

func newTask(f *factory) *cobra.Command {
	c := &cobra.Command{
		Use:   "task " + taskID,
		Short: "View the upgrade task details",
		Args:  exactly(f, taskID),
	}
	o := f.outputFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		api, err := f.api()
		if err != nil {
			return err
		}
		task, err := api.Task(c.Context(), args[0])
		if err != nil {
			return err
		}
		return f.show(c.Context(), o, task.Raw, func() { f.showTask(task.Value) })
	}
	return c
}

// showTask is the layout of reference/pks-cli.md §7.3.
func (f *factory) showTask(task v1.TaskInfo) {
	status := task.Status
	if task.Paused {
		status += " (paused)"
	}
	f.console.Printf("Your upgrade task is: %s\n\n", console.Clean(status))
	rows := make([][]string, 0, len(task.Clusters))
	for _, turn := range task.Clusters {
		state := turn.State
		if state == "" {
			state = turn.LastActionState
		}
		rows = append(rows, []string{turn.ClusterName, state, epoch(turn.StartTime), epoch(turn.EndTime), strconv.FormatBool(turn.IsCanary)})
	}
	f.console.Table([]string{"Name", "Status", "Start time", "End time", "isCanary"}, rows)
	for _, turn := range task.Clusters {
		if turn.Reason != "" {
			f.console.Notef("%s: %s\n", console.Clean(turn.ClusterName), console.Clean(turn.Reason))
		}
	}
}

// epoch shows seconds since 1970 in the zone of the reader; --- stands for a time
// that has not come.
func epoch(seconds int64) string {
	if seconds == 0 {
		return "---"
	}
	return time.Unix(seconds, 0).Local().Format(time.RFC1123)
}
