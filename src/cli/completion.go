package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/apiclient"
)

// completionWait bounds the wait of somebody who has pressed the tab key.
const completionWait = 3 * time.Second

// mostTasks are as many as the API gives at once.
const mostTasks = 100

// names finds the names of something; what goes wrong gives none.
type names func(context.Context, *apiclient.Client) []string

// complete gives every argument and flag that names something its completion.
func (f *factory) complete(root *cobra.Command) {
	for _, c := range root.Commands() {
		switch use := c.Use; {
		case c.ValidArgsFunction != nil:
		case strings.Contains(use, clusterName):
			c.ValidArgsFunction = f.offer(clusterNames, 1)
		case strings.Contains(use, taskID):
			c.ValidArgsFunction = f.offer(taskIDs, 1)
		case strings.Contains(use, profileName):
			for _, kind := range []profileKind{networkProfiles(), computeProfiles(), kubernetesProfiles()} {
				if strings.Contains(use, kind.verb+" ") {
					c.ValidArgsFunction = f.offer(profileNames(kind), 1)
				}
			}
		case !strings.Contains(use, " PATH"):
			c.ValidArgsFunction = cobra.NoFileCompletions
		}
		for flag, find := range map[string]names{
			"plan":               planNames,
			"network-profile":    profileNames(networkProfiles()),
			"compute-profile":    profileNames(computeProfiles()),
			"kubernetes-profile": profileNames(kubernetesProfiles()),
			"clusters":           clusterNames,
			"canaries":           clusterNames,
		} {
			if c.Flags().Lookup(flag) != nil && c.Name() != "set-quota" {
				_ = c.RegisterFlagCompletionFunc(flag, f.offer(find, 0)) // the flag is there
			}
		}
	}
}

// offer completes up to so many arguments; most 0 is a flag's value.
func (f *factory) offer(find names, most int) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		api, err := f.api()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(c.Context(), completionWait)
		defer cancel()
		// Of a list with commas the last is completed.
		before := typed[:strings.LastIndex(typed, ",")+1]
		var found []cobra.Completion
		for _, name := range find(ctx, api) {
			if strings.HasPrefix(before+name, typed) && !slices.Contains(strings.Split(before, ","), name) {
				found = append(found, before+name)
			}
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

func clusterNames(ctx context.Context, api *apiclient.Client) []string {
	clusters, err := api.Clusters(ctx)
	if err != nil {
		return nil
	}
	var all []string
	for _, c := range clusters.Value {
		all = append(all, c.Name)
	}
	return all
}

func planNames(ctx context.Context, api *apiclient.Client) []string {
	plans, err := api.Plans(ctx)
	if err != nil {
		return nil
	}
	var all []string
	for _, p := range plans.Value {
		all = append(all, p.Name)
	}
	return all
}

func profileNames(kind profileKind) names {
	return func(ctx context.Context, api *apiclient.Client) []string {
		profiles, err := api.Profiles(ctx, kind.path)
		if err != nil {
			return nil
		}
		var all []string
		for _, p := range profiles.Value {
			all = append(all, p.Name)
		}
		return all
	}
}

func taskIDs(ctx context.Context, api *apiclient.Client) []string {
	tasks, err := api.Tasks(ctx, mostTasks)
	if err != nil {
		return nil
	}
	var all []string
	for _, t := range tasks.Value {
		all = append(all, t.UUID)
	}
	return all
}
