package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/local/stack"
)

func newStatus(layout layoutFunc) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Show what runs, where, and whether it answers",
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := layout()
			if err != nil {
				return err
			}
			i, err := running(l)
			if err != nil {
				return err
			}
			parts := stack.Probe(c.Context(), l, i)
			if asJSON {
				clusters, err := stack.Clusters(l)
				if err != nil {
					return err
				}
				encoder := json.NewEncoder(c.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(struct {
					stack.Instance
					DataDir  string          `json:"data_dir"`
					Clusters []stack.Cluster `json:"clusters,omitempty"`
					Parts    []stack.Part    `json:"parts"`
				}{i, l.Dir, clusters, parts})
			}
			return printStatus(c.OutOrStdout(), l, i, parts)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// running is the state of the stack, or an error that says what to do.
func running(l stack.Layout) (stack.Instance, error) {
	i, err := stack.Running(l)
	switch {
	case errors.Is(err, stack.ErrNotRunning):
		return i, fmt.Errorf("%w: start it with 'pks-local up'", err)
	case errors.Is(err, stack.ErrBusy):
		return i, fmt.Errorf("%w: try again in a moment", err)
	}
	return i, err
}

func printStatus(out io.Writer, l stack.Layout, i stack.Instance, parts []stack.Part) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "Program\tProcess\tAddress\tState")
	bad := 0
	for _, p := range parts {
		pid := "-"
		if p.PID != 0 {
			pid = fmt.Sprint(p.PID)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", p.Name, pid, p.URL, p.State)
		if !p.Healthy {
			bad++
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nData:       %s\nCA:         %s\nPasswords:  %s\nStarted:    %s\n",
		l.Dir, l.CACertificate(), l.Secrets(), i.StartedAt.Local().Format("2006-01-02 15:04:05"))
	printMachines(out, i)
	if err := printClusters(out, l); err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d programs do not answer: see 'pks-local logs'", bad, len(parts))
	}
	return nil
}

// printMachines says what the machines are, why they are not better, and what they run.
func printMachines(out io.Writer, i stack.Instance) {
	fmt.Fprintf(out, "Machines:   %s\n", i.Machines)
	if i.Isolation != "" {
		fmt.Fprintf(out, "Isolation:  %s\n", i.Isolation)
		for _, mode := range stack.Modes() {
			if reason, refused := i.Refused[mode]; refused {
				fmt.Fprintf(out, "            not %s: %s\n", mode, reason)
			}
		}
	}
	fmt.Fprintf(out, "Kubernetes: %s\n", chosen(i.Kubernetes, i.Offered.Kubernetes))
	fmt.Fprintf(out, "Stemcell:   %s\n", chosen(i.Stemcell, i.Offered.Stemcells))
}

// chosen shows which version new clusters get, and which others could be had.
func chosen(version string, offered []string) string {
	others := slices.DeleteFunc(slices.Clone(offered), func(v string) bool { return v == version })
	if len(others) == 0 {
		return version
	}
	return version + " (also there: " + strings.Join(others, ", ") + "; see 'pks-local bump --help')"
}

// printClusters says where the Kubernetes APIs of clusters on process machines answer.
func printClusters(out io.Writer, l stack.Layout) error {
	clusters, err := stack.Clusters(l)
	if err != nil || len(clusters) == 0 {
		return err
	}
	fmt.Fprintf(out, "\nKubernetes APIs; for kubectl from elsewhere, copy the names from %s into /etc/hosts\n", l.Hosts())
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "Name\tAddress")
	for _, c := range clusters {
		fmt.Fprintf(table, "%s\thttps://%s\n", c.Name, c.Address)
	}
	return table.Flush()
}
