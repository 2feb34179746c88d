package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/kubeconfig/privatefile"
)

// profileKind is what the commands of one kind of profile differ in.
type profileKind struct {
	path  string // of the API
	verb  string // part of the command: network-profile
	alias string // the same, short; may be empty
	noun  string // inside a sentence
	title string // at its beginning
}

func networkProfiles() profileKind {
	return profileKind{apiclient.NetworkProfiles, "network-profile", "", "network profile", "Network profile"}
}

func computeProfiles() profileKind {
	return profileKind{apiclient.ComputeProfiles, "compute-profile", "", "compute profile", "Compute profile"}
}

func kubernetesProfiles() profileKind {
	return profileKind{apiclient.KubernetesProfiles, "kubernetes-profile", "k8s-profile", "Kubernetes profile", "Kubernetes profile"}
}

const (
	profileName = "PROFILE-NAME"
	profilePath = "PATH"
)

// profileCommands are the four commands of each kind.
func (f *factory) profileCommands() []*cobra.Command {
	var all []*cobra.Command
	for _, kind := range []profileKind{networkProfiles(), computeProfiles()} {
		all = append(all, f.listProfiles(kind), f.showProfile(kind), f.createProfile(kind), f.deleteProfile(kind))
	}
	kind := kubernetesProfiles()
	return append(all, f.listKubernetesProfiles(kind), f.showKubernetesProfile(kind), f.createProfile(kind), f.deleteProfile(kind))
}

// aliases puts the short name of the kind into the pattern of a command.
func (k profileKind) aliases(pattern string) []string {
	if k.alias == "" {
		return nil
	}
	return []string{fmt.Sprintf(pattern, k.alias)}
}

func (f *factory) listProfiles(kind profileKind) *cobra.Command {
	c := &cobra.Command{Use: kind.verb + "s", Short: "Show all " + kind.noun + "s", Args: exactly(f)}
	o := f.outputFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		api, err := f.api()
		if err != nil {
			return err
		}
		profiles, err := api.Profiles(c.Context(), kind.path)
		if err != nil {
			return err
		}
		rows := make([][]string, 0, len(profiles.Value))
		for _, p := range profiles.Value {
			rows = append(rows, []string{p.Name, p.Description, p.UUID})
		}
		return f.showTable(c.Context(), o, profiles.Raw, 1, []string{"Name", "Description", "UUID"}, rows)
	}
	return c
}

func (f *factory) showProfile(kind profileKind) *cobra.Command {
	c := &cobra.Command{Use: kind.verb + " " + profileName, Short: "View the details of the " + kind.noun, Args: exactly(f, profileName)}
	o := f.outputFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		api, err := f.api()
		if err != nil {
			return err
		}
		profile, err := api.Profile(c.Context(), kind.path, args[0])
		if err != nil {
			return err
		}
		return f.show(c.Context(), o, profile.Raw, func() {
			p := profile.Value
			f.console.Printf("%s%s\n%s%s\nParameters:\n", "Name:         ", console.Clean(p.Name), "Description:  ", console.Clean(p.Description))
			if kind.path == apiclient.ComputeProfiles {
				f.computeParameters(p.Parameters)
			} else {
				f.console.Tree(p.Parameters)
			}
		})
	}
	return c
}

func (f *factory) listKubernetesProfiles(kind profileKind) *cobra.Command {
	c := &cobra.Command{Use: kind.verb + "s", Aliases: kind.aliases("%ss"), Short: "Show all " + kind.noun + "s", Args: exactly(f)}
	o := f.outputFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		api, err := f.api()
		if err != nil {
			return err
		}
		profiles, err := api.KubernetesProfiles(c.Context())
		if err != nil {
			return err
		}
		rows := make([][]string, 0, len(profiles.Value))
		for _, p := range profiles.Value {
			rows = append(rows, []string{p.Name, p.Owner, epoch(p.CreatedAt), p.Description, p.UUID})
		}
		return f.showTable(c.Context(), o, profiles.Raw, 2, []string{"K8s-profile", "Owner", "Created Date", "Description", "UUID"}, rows)
	}
	return c
}

func (f *factory) showKubernetesProfile(kind profileKind) *cobra.Command {
	c := &cobra.Command{Use: kind.verb + " " + profileName, Aliases: kind.aliases("%s"), Short: "View the details of the " + kind.noun, Args: exactly(f, profileName)}
	o := f.outputFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		api, err := f.api()
		if err != nil {
			return err
		}
		profile, err := api.KubernetesProfile(c.Context(), args[0])
		if err != nil {
			return err
		}
		return f.show(c.Context(), o, profile.Raw, func() { f.kubernetesProfile(profile.Value) })
	}
	return c
}

// kubernetesProfile writes the layout of reference/pks-cli.md §9.3.
func (f *factory) kubernetesProfile(p v1.KubernetesProfile) {
	f.console.Block([]console.Field{
		{Label: "Name", Value: p.Name},
		{Label: "Owner", Value: p.Owner},
		{Label: "Created Date", Value: epoch(p.CreatedAt)},
		{Label: "Description", Value: p.Description},
	})
	for _, part := range []struct {
		title   string
		content []v1.Customization
	}{{"Customizations", p.Customizations}, {"Experimental Customizations", p.Experimental}} {
		if len(part.content) == 0 {
			continue
		}
		encoded, err := json.Marshal(part.content)
		if err != nil {
			continue // strings always encode
		}
		f.console.Printf("%s:\n", part.title)
		f.console.Tree(encoded)
	}
}

func (f *factory) createProfile(kind profileKind) *cobra.Command {
	c := &cobra.Command{
		Use: "create-" + kind.verb + " " + profilePath, Aliases: kind.aliases("create-%s"),
		Short: "Create a " + kind.noun + " from a file", Args: exactly(f, profilePath),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		document, name, err := readProfileFile(c, args[0], kind)
		if err != nil {
			return err
		}
		api, err := f.api()
		if err != nil {
			return err
		}
		if _, err := api.CreateProfile(c.Context(), kind.path, document); err != nil {
			return err
		}
		f.console.Printf("%s %s successfully created\n", kind.title, console.Clean(name))
		return nil
	}
	return c
}

func (f *factory) deleteProfile(kind profileKind) *cobra.Command {
	var nonInteractive bool
	c := &cobra.Command{
		Use: "delete-" + kind.verb + " " + profileName, Aliases: kind.aliases("delete-%s"),
		Short: "Delete a " + kind.noun, Args: exactly(f, profileName),
	}
	c.Flags().BoolVar(&nonInteractive, "non-interactive", false, nonInteractiveHelp)
	c.RunE = func(c *cobra.Command, args []string) error {
		api, err := f.api()
		if err != nil {
			return err
		}
		if !nonInteractive {
			if err := f.confirm(c, fmt.Sprintf("Are you sure you want to delete the %s %s? (y/n):", kind.noun, args[0])); err != nil {
				return err
			}
		}
		if err := api.DeleteProfile(c.Context(), kind.path, args[0]); err != nil {
			return err
		}
		f.console.Printf("Deletion of %s completed\n", console.Clean(args[0]))
		return nil
	}
	return c
}

// readProfileFile reads a profile, and with it the files that a Kubernetes
// profile's file-arguments name: their content is what the API wants.
func readProfileFile(c *cobra.Command, path string, kind profileKind) (json.RawMessage, string, error) {
	content, err := privatefile.Read(path)
	if err != nil {
		return nil, "", fmt.Errorf("read the profile: %w", err)
	}
	if strings.TrimSpace(string(content)) == "" {
		return nil, "", usagef(c, "%s is empty.", path)
	}
	var document map[string]json.RawMessage
	if err := json.Unmarshal(content, &document); err != nil {
		return nil, "", usagef(c, "%s does not hold one JSON object: %v.", path, err)
	}
	var name string
	if err := json.Unmarshal(document["name"], &name); err != nil || name == "" {
		return nil, "", usagef(c, "%s: name is missing.", path)
	}
	if kind.path != apiclient.KubernetesProfiles {
		return content, name, nil
	}
	for _, member := range []string{"customizations", "experimental_customizations"} {
		if document[member] == nil {
			continue
		}
		if document[member], err = withFiles(document[member], path); err != nil {
			return nil, "", err
		}
	}
	content, err = json.Marshal(document)
	return content, name, err
}
