package pks

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Resources are what clusters take, or may take.
type Resources struct {
	CPU      int
	MemoryMB int
	Clusters int
}

// Add is both together.
func (r Resources) Add(more Resources) Resources {
	return Resources{CPU: r.CPU + more.CPU, MemoryMB: r.MemoryMB + more.MemoryMB, Clusters: r.Clusters + more.Clusters}
}

// Sub is what is left of r without less.
func (r Resources) Sub(less Resources) Resources {
	return Resources{CPU: r.CPU - less.CPU, MemoryMB: r.MemoryMB - less.MemoryMB, Clusters: r.Clusters - less.Clusters}
}

// GB is the memory in gigabytes, the unit of quotas and usages.
func (r Resources) GB() float64 { return float64(r.MemoryMB) / mbPerGB }

const mbPerGB = 1024

// Quota is how much the clusters of one owner may take
// (reference/pks-api.md §11). An owner is a user name or a client id, as clients
// of the API write it: whoever has that name shares the quota.
type Quota struct {
	Owner string
	Limit Limit
}

// Limit bounds each resource; nil: without bounds. Zero CPUs or memory means that
// no cluster can be made.
type Limit struct {
	CPU      *int
	MemoryGB *float64
	Clusters *int // at least 1
}

const (
	maxQuotaOwner  = 255     // characters, the longest user name of UAA
	maxQuotaAmount = 1 << 30 // of anything
)

// Validate holds the quota against the rules.
func (q Quota) Validate() error {
	switch n := utf8.RuneCountInString(q.Owner); {
	case strings.TrimSpace(q.Owner) == "":
		return Failf(CodeInvalidRequest, "owner is missing.").WithRemedy("Name the user or the client whose clusters are meant.")
	case n > maxQuotaOwner:
		return Failf(CodeInvalidRequest, "owner has %d characters; at most %d are allowed.", n, maxQuotaOwner)
	case !printableText(q.Owner):
		return Failf(CodeInvalidRequest, "owner %q holds characters that no user name has.", Shorten(q.Owner))
	}
	l := q.Limit
	switch {
	case l == (Limit{}):
		return Failf(CodeInvalidRequest, "limit has neither cpu nor memory nor cluster.").WithRemedy(`Add at least one: {"cpu":4,"memory":5.0,"cluster":10}.`)
	case l.CPU != nil && (*l.CPU < 0 || *l.CPU > maxQuotaAmount):
		return Failf(CodeInvalidRequest, "limit.cpu is %d; it must be from 0 to %d.", *l.CPU, maxQuotaAmount)
	case l.MemoryGB != nil && !(*l.MemoryGB >= 0 && *l.MemoryGB <= maxQuotaAmount):
		return Failf(CodeInvalidRequest, "limit.memory is %s; it must be from 0 to %d GB.", amount(*l.MemoryGB), maxQuotaAmount)
	case l.Clusters != nil && (*l.Clusters < 1 || *l.Clusters > maxQuotaAmount):
		return Failf(CodeInvalidRequest, "limit.cluster is %d; it must be from 1 to %d.", *l.Clusters, maxQuotaAmount)
	}
	return nil
}

// With returns the limit with the members of change in place of its own.
func (l Limit) With(change Limit) Limit {
	override(&l.CPU, change.CPU)
	override(&l.MemoryGB, change.MemoryGB)
	override(&l.Clusters, change.Clusters)
	return l
}

// Admit tells whether an owner whose clusters take use may take more. What does
// not grow is not held against the limit: a quota that was lowered below what is
// in use keeps nobody from shrinking. The failure names limit, use and request.
func (q Quota) Admit(use, more Resources) error {
	var over []string
	exceeds := func(unit string, limit *float64, used, wanted float64) {
		if limit != nil && wanted > 0 && used+wanted > *limit {
			over = append(over, fmt.Sprintf("%s %s, %s in use, %s more requested", amount(*limit), unit, amount(used), amount(wanted)))
		}
	}
	exceeds("CPUs", whollyOf(q.Limit.CPU), float64(use.CPU), float64(more.CPU))
	exceeds("GB of memory", q.Limit.MemoryGB, use.GB(), more.GB())
	exceeds("clusters", whollyOf(q.Limit.Clusters), float64(use.Clusters), float64(more.Clusters))
	if len(over) == 0 {
		return nil
	}
	return Failf(CodeQuotaExceeded, "The quota of %s would be exceeded: limit %s.", q.Owner, strings.Join(over, "; limit "))
}

// LimitsSizes tells whether the sizes of machines matter to the quota.
func (q Quota) LimitsSizes() bool { return q.Limit.CPU != nil || q.Limit.MemoryGB != nil }

func whollyOf(n *int) *float64 {
	if n == nil {
		return nil
	}
	f := float64(*n)
	return &f
}

// amount is a number with as many decimals as it needs, up to three.
func amount(n float64) string {
	text := strconv.FormatFloat(n, 'f', 3, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}
