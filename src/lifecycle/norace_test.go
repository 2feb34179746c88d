//go:build !race

package lifecycle

// checks leaves it at the library's number.
func checks() error { return nil }

// everyBoundary visits them all.
func everyBoundary(boundaries int) []int {
	all := make([]int, boundaries)
	for i := range all {
		all[i] = i + 1
	}
	return all
}
