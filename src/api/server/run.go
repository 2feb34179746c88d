// Package server is the program pks-api: it reads the configuration, puts the
// database, the engine, the token verifier and the HTTP layer together, and
// takes them down in order.
package server

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"syscall"
	"time"

	"github.com/pks-community/pks-release/src/api/config"
	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/healthcheck"
	"github.com/pks-community/pks-release/src/pks"
)

// Build is the version that the linker put into the program.
type Build = v1.BuildInfo

type flags struct {
	config      string
	checkConfig bool
	version     bool
	healthcheck bool
	wait        time.Duration
	backup      string
	restore     string
}

// Run is the whole program. It returns when ctx ends, on SIGTERM or SIGINT, or
// when it cannot go on, with the exit code of the process: 0 after an orderly
// end, 1 for a failure, 2 for a wrong command line.
func Run(ctx context.Context, build Build, args []string, stdout, stderr io.Writer) int {
	flags, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return pks.ExitOK
	case err != nil:
		return pks.ExitUsage
	case flags.version:
		_, _ = fmt.Fprintf(stdout, "pks-api %s (%s)\n", build.Version, build.Commit)
		return pks.ExitOK
	}
	if err := run(ctx, build, flags, stdout, stderr); err != nil {
		_, _ = fmt.Fprintf(stderr, "pks-api: %v\n", err)
		return pks.ExitFailed
	}
	return pks.ExitOK
}

func parse(args []string, stderr io.Writer) (flags, error) {
	var f flags
	set := flag.NewFlagSet("pks-api", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar(&f.config, "config", "", "path of the configuration `file`")
	set.BoolVar(&f.checkConfig, "check-config", false, "check the configuration and the files it names, then exit")
	set.BoolVar(&f.version, "version", false, "print the version, then exit")
	set.BoolVar(&f.healthcheck, "healthcheck", false, "ask the pks-api that runs with this configuration whether it is well, then exit")
	set.DurationVar(&f.wait, "wait", 0, "with -healthcheck: how `long` it may take to become so")
	set.StringVar(&f.backup, "backup", "", "copy the SQLite database to a new `file`, then exit; pks-api may be running")
	set.StringVar(&f.restore, "restore", "", "put a backup `file` in the place of the SQLite database, then exit; pks-api must not be running")
	if err := set.Parse(args); err != nil {
		return flags{}, err
	}
	switch {
	case set.NArg() > 0:
		err := fmt.Errorf("unexpected argument %q", set.Arg(0))
		_, _ = fmt.Fprintf(stderr, "pks-api: %v\n", err)
		return flags{}, err
	case f.config == "" && !f.version:
		err := errors.New("-config is missing")
		_, _ = fmt.Fprintf(stderr, "pks-api: %v\n", err)
		return flags{}, err
	}
	return f, nil
}

func run(ctx context.Context, build Build, flags flags, stdout, stderr io.Writer) error {
	settings, err := config.Load(flags.config)
	if err != nil {
		return err
	}
	materials, err := load(settings)
	if err != nil {
		return err
	}
	if flags.checkConfig {
		_, _ = fmt.Fprintf(stdout, "%s is sound.\n", flags.config)
		return nil
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	switch {
	case flags.healthcheck:
		url := healthcheck.URL("https", settings.Listen, "/actuator/health")
		return healthcheck.Await(ctx, url, settings.TLS.CertificateFile, flags.wait)
	case flags.backup != "" || flags.restore != "":
		return copyDatabase(ctx, settings.Database, flags, stdout)
	}
	logger := slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: settings.Log.Level}))
	return serve(ctx, build, settings, materials, logger, stdout)
}
