package cli

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

const defaultTasks = 10

func newTasks(f *factory) *cobra.Command {
	var limit int32
	c := &cobra.Command{
		Use:   "tasks",
		Short: "Show all upgrade tasks",
		Args:  exactly(f),
	}
	o := f.outputFlags(c)
	c.Flags().Int32VarP(&limit, "limit", "l", defaultTasks, "How many tasks are shown, the newest first")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if limit < 1 {
			return usagef(c, "--limit %d is not a number of tasks from 1 on.", limit)
		}
		api, err := f.api()
		if err != nil {
			return err
		}
		tasks, err := api.Tasks(c.Context(), int(limit))
		if err != nil {
			return err
		}
		rows := make([][]string, 0, len(tasks.Value))
		for _, task := range tasks.Value {
			names := make([]string, 0, len(task.Clusters))
			for _, turn := range task.Clusters {
				names = append(names, turn.ClusterName)
			}
			rows = append(rows, []string{
				task.UUID, task.Type, task.Status, epoch(task.StartTime), epoch(task.EndTime), strings.Join(names, ","),
				task.RequestedBy, strconv.Itoa(task.MaxInFlight), task.PKSVersion,
			})
		}
		header := []string{"ID", "Type", "Status", "StartTime", "EndTime", "Clusters", "Requested By", "Max In Flight", "PKS Version"}
		return f.showTable(c.Context(), o, tasks.Raw, 3, header, rows)
	}
	return c
}
