package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/cli/console"
)

const targetName = "TARGET"

func newTargets(f *factory) *cobra.Command {
	c := &cobra.Command{
		Use:   "targets",
		Short: "Show the APIs that you have logged in to",
		Long: "Show the APIs that you have logged in to; a star marks the current one. Another is used\n" +
			"with '" + f.name + " target NAME', or for one command with PKS_TARGET in the environment.",
		Args: exactly(f),
	}
	o := f.outputFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		store, err := f.store()
		if err != nil {
			return err
		}
		targets, err := store.Targets()
		if err != nil {
			return err
		}
		type shown struct {
			Name     string `json:"name"`
			API      string `json:"api"`
			Username string `json:"username"`
			Current  bool   `json:"current"`
			LoggedIn bool   `json:"logged_in"`
		}
		documents, rows := []shown{}, [][]string{}
		for _, t := range targets {
			used, err := store.Uses(t.Target)
			if err != nil {
				return err
			}
			mark := ""
			if used {
				mark = "*"
			}
			documents = append(documents, shown{t.Target, t.API, t.Username, used, t.LoggedIn()})
			rows = append(rows, []string{mark, t.Target, t.API, t.Username})
		}
		raw, err := json.Marshal(documents)
		if err != nil {
			return fmt.Errorf("write the targets: %w", err)
		}
		return f.showTable(c.Context(), o, raw, 0, []string{" ", "Name", "API", "User"}, rows)
	}
	return c
}

func newTarget(f *factory) *cobra.Command {
	c := &cobra.Command{
		Use:   "target [" + targetName + "]",
		Short: "Uses another API that you have logged in to, or shows which is used",
		Args:  atMost(f, targetName),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		store, err := f.store()
		if err != nil {
			return err
		}
		credentials, err := store.Load()
		if err != nil {
			return err
		}
		if len(args) > 0 {
			if credentials, err = store.Switch(c.Context(), args[0]); err != nil {
				return err
			}
		} else if credentials.API == "" {
			f.console.Printf("You have not logged in yet.\n")
			return nil
		}
		f.console.Printf("Target: %s\nAPI Endpoint: %s\nUser: %s\n", console.Clean(credentials.TargetName()), console.Clean(credentials.API), console.Clean(credentials.Username))
		return nil
	}
	c.ValidArgsFunction = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		store, err := f.store()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		targets, err := store.Targets()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var all []cobra.Completion
		for _, t := range targets {
			all = append(all, t.Target)
		}
		return all, cobra.ShellCompDirectiveNoFileComp
	}
	return c
}
