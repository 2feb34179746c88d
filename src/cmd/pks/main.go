// Command pks creates and manages Kubernetes clusters.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/pks-community/pks-release/src/cli"
)

// Set by the build: -ldflags "-X main.version=1.0.0-build.1 -X main.commit=abc".
var (
	version = "0.0.0-dev"
	commit  = ""
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	os.Exit(cli.Run(ctx, os.Args[1:], cli.System{
		Name:    strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe"),
		Version: version,
		Commit:  commit,
		In:      os.Stdin,
		Out:     os.Stdout,
		Err:     os.Stderr,
		Getenv:  os.Getenv,
	}))
}
