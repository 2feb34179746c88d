package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/pks-community/pks-release/src/cli/console"
	"github.com/pks-community/pks-release/src/pks"
)

// System is what the process gives to the command line.
type System struct {
	Name    string // the program's own name: usage lines follow it
	Version string
	Commit  string // of the source that was built; may be empty
	In      io.Reader
	Out     io.Writer
	Err     io.Writer
	Getenv  func(string) string

	// OpenBrowser shows a page; nil: the desktop's browser does.
	OpenBrowser func(page string) error
	// RedirectPorts are those on which a browser's answer is awaited; nil: those
	// that are registered at UAA.
	RedirectPorts []int
}

// Run runs the command that args name and returns the exit code of the process:
// 0 done, 1 failed, 2 wrong usage or cancelled, 3 not found, 4 not logged in or
// not allowed, 5 conflict, 6 quota. When ctx ends the command is given up; an
// operation that the API has accepted goes on.
func Run(ctx context.Context, args []string, system System) int {
	f := newFactory(system)
	defer f.close()
	root := newRoot(f)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = f.console.Lost()
	}
	if err == nil {
		return pks.ExitOK
	}
	if !f.began {
		err = &usageError{text: err.Error(), command: f.command}
	}
	failure := f.suggest(ctx, err, f.describe(ctx, err))
	if failure.quiet {
		for _, line := range append([]string{failure.what}, failure.hints...) {
			f.console.Notef("%s\n", console.Clean(line))
		}
		return failure.exit
	}
	f.console.Fail(failure.what, failure.hints...)
	return failure.exit
}

func newRoot(f *factory) *cobra.Command {
	root := &cobra.Command{
		Use:   f.name,
		Short: "Create and manage Kubernetes clusters",
		Long: "The command line of PKS creates and manages Kubernetes clusters.\n\n" +
			"Log in with '" + f.name + " login' first.",
		Version:           f.version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: f.begin,
	}
	root.SetIn(f.system.In)
	root.SetOut(f.system.Out)
	root.SetErr(f.system.Err)
	root.SetVersionTemplate("PKS CLI version: {{.Version}}\n")
	root.SetFlagErrorFunc(f.flagError)
	root.AddCommand(
		newLogin(f),
		newLogout(f),
		newTargets(f),
		newTarget(f),
		newPlans(f),
		newCreateCluster(f),
		newCluster(f),
		newClusters(f),
		newResize(f),
		newDeleteCluster(f),
		newUpdateCluster(f),
		newUpgradeCluster(f),
		newUpgradeClusters(f),
		newTask(f),
		newTasks(f),
		newCancelTask(f),
		newCertificates(f),
		newRotateCertificates(f),
		newPromoteToPolicy(f),
		newGetCredentials(f),
		newGetKubeconfig(f),
		newCredential(f),
		newDoctor(f),
		newDescribe(f),
		newApply(f),
		newExport(f),
		newWatch(f),
		newCancel(f),
		newRetry(f),
		newHistory(f),
		newLock(f),
		newUnlock(f),
		newQuotas(f),
		newQuota(f),
		newSetQuota(f),
		newDeleteQuota(f),
		newUsage(f),
	)
	root.AddCommand(f.profileCommands()...)
	f.complete(root)
	return root
}
