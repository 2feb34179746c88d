package jobs

import "embed"

// scripts are the hooks and start scripts. They hold no values: those come by environment.
//
//go:embed scripts
var scripts embed.FS
