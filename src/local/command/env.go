package command

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/local/stack"
)

func newEnv(layout layoutFunc) *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print shell settings that point pks, kubectl and bosh at the stack",
		Long: `env prints shell settings; let the shell take them over:

  eval "$(pks-local env)"

It keeps the log-in of pks and the kubeconfig inside the stack's own folder, so
that your own files stay as they are. The bosh CLI is given a client that may do
everything; treat the output as a secret.`,
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := layout()
			if err != nil {
				return err
			}
			i, err := running(l)
			if err != nil {
				return err
			}
			secrets, err := stack.ReadSecrets(l)
			if err != nil {
				return err
			}
			variables := [][2]string{
				{"PKS_HOME", l.ClientHome()},
				{"KUBECONFIG", l.Kubeconfig()},
				{"BOSH_ENVIRONMENT", i.Ports.DirectorURL()},
				{"BOSH_CA_CERT", l.CACertificate()},
				{"BOSH_CLIENT", stack.ClientBOSHAdmin},
				{"BOSH_CLIENT_SECRET", secrets.DirectorAdmin.Reveal()},
			}
			if i.Machines == stack.Process {
				// The kubectl that was built knows the clusters' names by this file.
				variables = append(variables, [2]string{"PKS_HOSTS_FILE", l.Hosts()})
			}
			printEnv(c.OutOrStdout(), variables)
			if i.Machines == stack.Process {
				fmt.Fprintf(c.OutOrStdout(), "export PATH=%s:\"$PATH\"\n", quote(l.ClientPrograms()))
			}
			return nil
		},
	}
}

func printEnv(out io.Writer, variables [][2]string) {
	for _, v := range variables {
		fmt.Fprintf(out, "export %s=%s\n", v[0], quote(v[1]))
	}
}

// quote makes a text mean itself to a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// printWelcome says what runs and how to use it.
func printWelcome(out io.Writer, l stack.Layout, i stack.Instance) {
	machines := string(i.Machines) + " machines"
	if i.Isolation != "" {
		machines += " (isolation " + i.Isolation + ", Kubernetes " + i.Kubernetes + ")"
	}
	fmt.Fprintf(out, `PKS runs on this machine with %s: for laptops, tests and demos only.
  PKS API        %s
  UAA            %s
  BOSH Director  %s
  Passwords      %s (users admin, developer, viewer)

Log in:  pks login -a %s -u admin --ca-cert %s
Stop:    pks-local down
`, machines, i.Ports.APIURL(), i.Ports.UAAURL(), i.Ports.DirectorURL(), l.Secrets(), i.Ports.APIURL(), l.CACertificate())
}
