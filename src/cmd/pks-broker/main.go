// Program pks-broker is the on-demand broker of PKS.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/pks-community/pks-release/src/broker"
)

// Set by the build: -ldflags "-X main.version=… -X main.commit=…".
var (
	version = "0.0.0-dev"
	commit  = "unknown"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(broker.Run(ctx, os.Args[1:], version+" ("+commit+")", os.Stdout, os.Stderr))
}
