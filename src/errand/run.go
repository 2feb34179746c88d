package errand

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/strictyaml"
)

// Exit codes (reference/on-demand-broker.md §5). One above 128 is that of a signal:
// BOSH shows such a run as cancelled.
const (
	ExitOK         = 0
	ExitFailed     = 1
	ExitUsage      = 2
	ExitOrphans    = 10
	ExitTerminated = 143
)

// Errand is one errand: the document of its configuration file, and what it does.
type Errand interface {
	// Name is that of the BOSH job.
	Name() string
	// Base is the part of the configuration that all errands have.
	Base() *Common
	// Check refuses what could not work; Base is checked already. The error names
	// keys, which are the properties of the job.
	Check() error
	// Run does the work and returns nil when all of it is done. When ctx ends it
	// leaves things so that the next run can go on.
	Run(ctx context.Context, site Site) error
}

// Site is what an errand works with.
type Site struct {
	API     *apiclient.Client
	Journal *Journal
}

// ExitError is an error with an exit code of its own.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string { return e.Err.Error() }
func (e *ExitError) Unwrap() error { return e.Err }

// Main runs an errand program and returns its exit code. Results and progress go to
// stdout; one line for each thing that went wrong goes to stderr.
func Main(ctx context.Context, e Errand, version string, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet(e.Name(), flag.ContinueOnError)
	flags.SetOutput(stderr)
	path := flags.String("config", "", "`FILE` with the configuration")
	check := flags.Bool("check-config", false, "check the configuration and do nothing else")
	tell := flags.Bool("version", false, "print the version")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return ExitOK
		}
		return ExitUsage
	}
	switch {
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "%s takes no argument %q\n", e.Name(), flags.Arg(0))
		return ExitUsage
	case *tell:
		fmt.Fprintf(stdout, "%s %s\n", e.Name(), version)
		return ExitOK
	case *path == "":
		fmt.Fprintln(stderr, "-config must be given")
		return ExitUsage
	}
	if err := load(e, *path); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", *path, err)
		return ExitUsage
	}
	if *check {
		return ExitOK
	}
	return run(ctx, e, version, NewJournal(e.Name(), stdout, stderr))
}

func load(e Errand, path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	e.Base().defaults()
	if err := strictyaml.Decode(content, e); err != nil {
		return err
	}
	return errors.Join(e.Base().check(), e.Check())
}

func run(ctx context.Context, e Errand, version string, journal *Journal) int {
	err := work(ctx, e, version, journal)
	if err == nil {
		return ExitOK
	}
	for line := range strings.Lines(err.Error()) { // joined errors have one each
		journal.Complain(line)
	}
	own, ok := errors.AsType[*ExitError](err)
	switch {
	case ctx.Err() != nil:
		return ExitTerminated
	case ok:
		return own.Code
	}
	return ExitFailed
}

func work(ctx context.Context, e Errand, version string, journal *Journal) error {
	common := e.Base()
	api, stop, err := common.connect(ctx, journal, e.Name()+"/"+version)
	if err != nil {
		return err
	}
	defer stop()
	return e.Run(ctx, Site{API: api, Journal: journal})
}
