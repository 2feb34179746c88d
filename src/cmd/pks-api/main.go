// Program pks-api is the REST API of PKS.
package main

import (
	"context"
	"os"

	"github.com/pks-community/pks-release/src/api/server"
)

// Set by the build: -ldflags "-X main.version=… -X main.commit=…".
var (
	version = "0.0.0-dev"
	commit  = "unknown"
)

func main() {
	build := server.Build{Version: version, Commit: commit}
	os.Exit(server.Run(context.Background(), build, os.Args[1:], os.Stdout, os.Stderr))
}
