package command

import (
	"github.com/pks-community/pks-release/src/local/cfcr/jobs"
	"github.com/pks-community/pks-release/src/local/machine/isolation"
	"github.com/pks-community/pks-release/src/local/release"
)

// Part runs what machines and errands start this program for, which is nothing for people and
// must be told apart before anything else is set up. It returns false for all other
// arguments.
func Part(args []string) (code int, part bool) {
	switch {
	case len(args) == 0:
		return 0, false
	case args[0] == isolation.Command:
		return isolation.Main(args[1:]), true
	case args[0] == release.Command:
		return release.Main(args[1:]), true
	case args[0] == jobs.RuncWrapperCommand:
		return jobs.RuncWrapper(args[1:]), true
	}
	return 0, false
}
