//go:build race

package lifecycle

import "math/rand/v2"

// everyBoundary visits some of the boundaries, others each time: the race detector makes each visit
// twenty times as slow. tools/run-tests visits all of them without it.
func everyBoundary(boundaries int) []int {
	const stride = 6
	var some []int
	for at := 1 + rand.IntN(stride); at <= boundaries; at += stride {
		some = append(some, at)
	}
	return some
}
