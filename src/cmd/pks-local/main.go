// Program pks-local runs the whole of PKS on one machine.
package main

import (
	"context"
	"os"

	"github.com/pks-community/pks-release/src/local/command"
)

// Set by the build: -ldflags "-X main.version=… -X main.commit=…".
var (
	version = "0.0.0-dev"
	commit  = "unknown"
)

func main() {
	if code, part := command.Part(os.Args[1:]); part {
		os.Exit(code)
	}
	build := command.Build{Version: version, Commit: commit}
	os.Exit(command.Run(context.Background(), build, os.Args[1:], os.Stdout, os.Stderr))
}
