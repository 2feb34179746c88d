package cli

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

const defaultRevisions = 20

func newHistory(f *factory) *cobra.Command {
	var limit int32
	c := &cobra.Command{
		Use:   "history " + clusterName,
		Short: "Show who changed what about the cluster",
		Args:  exactly(f, clusterName),
	}
	o := f.outputFlags(c)
	c.Flags().Int32VarP(&limit, "limit", "l", defaultRevisions, "How many revisions are shown, the newest first")
	c.RunE = func(c *cobra.Command, args []string) error {
		if limit < 1 {
			return usagef(c, "--limit %d is not a number of revisions from 1 on.", limit)
		}
		api, err := f.api()
		if err != nil {
			return err
		}
		revisions, err := api.History(c.Context(), args[0], int(limit))
		if err != nil {
			return err
		}
		rows := make([][]string, 0, len(revisions.Value))
		for _, r := range revisions.Value {
			rows = append(rows, []string{
				strconv.Itoa(r.Revision), r.Action, r.State, r.RequestedBy.Name, localTime(r.RequestedAt), settingChanges(r.Changes),
				r.ID, localTime(r.SettledAt), r.Description,
			})
		}
		header := []string{"Revision", "Action", "State", "Requested By", "Requested At", "Changes", "Operation", "Settled At", "Description"}
		return f.showTable(c.Context(), o, revisions.Raw, 3, header, rows)
	}
	return c
}

func settingChanges(changes []v1.Change) string {
	lines := make([]string, 0, len(changes))
	for _, change := range changes {
		lines = append(lines, settingChange(change))
	}
	return strings.Join(lines, "; ")
}

// localTime shows an RFC 3339 time in the zone of the reader.
func localTime(text string) string {
	if text == "" {
		return "---"
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return at.Local().Format(time.RFC1123)
}
