// Program pks-service-adapter turns a cluster's desired state into a BOSH manifest and
// hands out credentials. An on-demand broker starts it once per call.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/pks-community/pks-release/src/adapter"
)

// Set by the build: -ldflags "-X main.version=… -X main.commit=…".
var (
	version = "0.0.0-dev"
	commit  = "unknown"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := adapter.Run(ctx, adapter.Build{Version: version, Commit: commit}, os.Args, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
