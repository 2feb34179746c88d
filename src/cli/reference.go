package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/pks"
)

// exitCode is one line of the table of exit codes.
type exitCode struct {
	code    int
	meaning string
}

func exitCodes() []exitCode {
	return []exitCode{
		{pks.ExitOK, "done"},
		{pks.ExitFailed, "failed: the operation, the server, the network, a file"},
		{pks.ExitUsage, "the command line is wrong, or somebody said no, or pressed Ctrl-C; an operation that was accepted goes on"},
		{pks.ExitNotFound, "the cluster, plan, profile, quota, task or target does not exist"},
		{pks.ExitDenied, "not logged in, or not allowed"},
		{pks.ExitConflict, "in conflict with what there is: the name is taken, an operation is in progress, nothing to cancel"},
		{pks.ExitQuota, "the quota is used up"},
	}
}

// variable is one line of the table of environment variables.
type variable struct{ name, effect string }

func variables() []variable {
	return []variable{
		{"PKS_HOME", "folder of `creds.yml` and everything else that is kept; `~/.pks` without it"},
		{"PKS_TARGET", "name of the target to use, whatever the current one is"},
		{"PKS_USER_PASSWORD, TKGI_USER_PASSWORD", "password, in place of the prompt"},
		{"PKS_CLIENT_SECRET", "secret of `--client-name`, in place of the prompt"},
		{"BROWSER", "commands, the best first, that `--sso-auto` shows the login page with; the desktop's browser without it"},
		{"KUBECONFIG", "files that `get-credentials` merges into; `~/.kube/config` without it"},
		{"NO_COLOR, CLICOLOR=0, TERM=dumb", "no colours; the last also no live progress"},
		{"HTTPS_PROXY, NO_PROXY", "as everywhere"},
	}
}

// Reference is the manual of the command line as Markdown, made from the commands
// themselves.
func Reference(system System) string {
	root := newRoot(newFactory(system))
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	var out strings.Builder
	out.WriteString("<!-- Generated from src/cli. Do not edit: UPDATE_SCRIPTS=1 go test ./src/cli -run TestReference -->\n\n")
	fmt.Fprintf(&out, "# The `%s` command line\n\n%s\n\n", root.Name(), root.Long)
	fmt.Fprintf(&out, "Called `tkgi`, the program does the same; its texts follow the name.\n\n## Exit codes\n\n| Code | Meaning |\n|---|---|\n")
	for _, e := range exitCodes() {
		fmt.Fprintf(&out, "| %d | %s |\n", e.code, e.meaning)
	}
	out.WriteString("\n## Environment\n\n| Variable | Effect |\n|---|---|\n")
	for _, v := range variables() {
		fmt.Fprintf(&out, "| `%s` | %s |\n", strings.ReplaceAll(v.name, ", ", "`, `"), v.effect)
	}
	out.WriteString("\n## Results for programs\n\n" +
		"`--json` writes the API's answer unchanged, `-o json` and `-o yaml` the same document, `-o name` the names alone, one per\n" +
		"line, and `-o wide` the table with more columns. `--query` applies a [jq](https://jqlang.org/manual/) expression; texts are\n" +
		"written bare. Results go to the standard output, everything else to the standard error.\n\n## Commands\n")
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" {
			referenceOf(&out, c)
		}
	}
	return out.String()
}

func referenceOf(out *strings.Builder, c *cobra.Command) {
	fmt.Fprintf(out, "\n### %s\n\n%s.\n", c.Name(), c.Short)
	if len(c.Aliases) > 0 {
		fmt.Fprintf(out, "Also called `%s`.\n", strings.Join(c.Aliases, "`, `"))
	}
	if c.Long != "" && !c.HasSubCommands() {
		fmt.Fprintf(out, "\n%s\n", c.Long)
	}
	c.InitDefaultHelpFlag()
	fmt.Fprintf(out, "\n```\n%s\n", c.UseLine())
	if flags := c.LocalFlags().FlagUsages(); flags != "" {
		fmt.Fprintf(out, "\n%s", flags)
	}
	out.WriteString("```\n")
	if c.Example != "" {
		fmt.Fprintf(out, "\nExample:\n\n```\n%s\n```\n", c.Example)
	}
	if c.HasSubCommands() {
		var names []string
		for _, sub := range c.Commands() {
			names = append(names, c.Name()+" "+sub.Name())
		}
		fmt.Fprintf(out, "\nThere are: `%s`.\n", strings.Join(names, "`, `"))
	}
}
