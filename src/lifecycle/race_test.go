//go:build race

package lifecycle

import (
	"flag"
	"math/rand/v2"
)

// checks is how often properties are tried.
func checks() error { return flag.Set("rapid.checks", "20") }

// everyBoundary visits some of the boundaries, others each time: the race detector makes each visit
// twenty times as slow. tools/run-tests visits all of them without it, and tries properties more often.
func everyBoundary(boundaries int) []int {
	const stride = 18
	var some []int
	for at := 1 + rand.IntN(stride); at <= boundaries; at += stride {
		some = append(some, at)
	}
	return some
}
