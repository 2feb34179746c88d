package cli

import "github.com/spf13/cobra"

func newLogout(f *factory) *cobra.Command {
	return &cobra.Command{
		Use:   "logout",
		Short: "Log out of PKS",
		Long:  "Forget the tokens of the login. Kubeconfig files, and so kubectl, are not touched.",
		Args:  exactly(f),
		RunE: func(c *cobra.Command, _ []string) error {
			store, err := f.store()
			if err != nil {
				return err
			}
			was, err := store.Logout(c.Context())
			if err != nil {
				return err
			}
			if was {
				f.console.Printf("Logout successful.\n")
			} else {
				f.console.Printf("You were not logged in.\n")
			}
			return nil
		},
	}
}
