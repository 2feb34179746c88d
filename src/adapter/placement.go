package adapter

import (
	"hash/fnv"
	"slices"
)

// rotated turns the list of availability zones so that each cluster begins with
// another one. BOSH fills the zones round robin from the first of the list; with
// the same first zone for every cluster, that one is full while others stand
// empty. Each further group begins where the one before it ended, so that a
// single master and the first worker are apart.
//
// The place depends on the deployment's name and the number of masters alone,
// never on the number of workers: a resize must not touch the list.
//
// placed is how many instances the groups before it have, as far as the count
// never changes.
func (c *cluster) rotated(azs []string, placed int) []string {
	if len(azs) < 2 {
		return azs
	}
	start := (c.firstZone() + placed) % len(azs)
	return slices.Concat(azs[start:], azs[:start])
}

func (c *cluster) firstZone() int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(c.deployment))
	return int(h.Sum32() >> 1)
}
