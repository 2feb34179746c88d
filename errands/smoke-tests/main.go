// Program smoke-tests is the errand of that name.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/pks-community/pks-release/src/errand"
	"github.com/pks-community/pks-release/src/errand/smoketests"
)

// Set by the build: -ldflags "-X main.version=… -X main.commit=…".
var (
	version = "0.0.0-dev"
	commit  = "unknown"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(errand.Main(ctx, smoketests.New(), version+" ("+commit+")", os.Args[1:], os.Stdout, os.Stderr))
}
