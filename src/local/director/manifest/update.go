package manifest

import (
	"regexp"
	"strconv"
	"time"

	"github.com/pks-community/pks-release/src/local/director/fault"
)

// Update is an update section: how many instances may be changed at once, and how long to wait for
// each (reference/cluster-manifest.md §10).
type Update struct {
	Canaries    Amount
	MaxInFlight Amount
	// CanaryWatch and UpdateWatch are how long to look for a healthy instance.
	CanaryWatch Watch
	UpdateWatch Watch
	// Serial is false when neighbouring groups may be changed at the same time.
	Serial bool
	// ParallelAZs says that the first deploy of a group does not go AZ by AZ.
	ParallelAZs bool
}

// Amount is a number or a percentage.
type Amount struct {
	Value   int
	Percent bool
}

// Of returns how many of n instances the amount is; a percentage is at least one.
func (a Amount) Of(n int) int {
	if !a.Percent {
		return a.Value
	}
	return max(a.Value*n/100, 1)
}

// Watch is a span of time in which an instance must become healthy: the first look is taken after
// From, the last at To.
type Watch struct {
	From, To time.Duration
}

var (
	percentage = regexp.MustCompile(`^\s*(\d+)\s*%\s*$`)
	wholeText  = regexp.MustCompile(`^\s*(\d+)\s*$`)
	watchRange = regexp.MustCompile(`^\s*(\d+)\s*-\s*(\d+)\s*$`)
)

// ParseAmount reads a number such as 2 or a percentage such as "50%".
func ParseAmount(value any) (Amount, bool) {
	switch value := value.(type) {
	case int:
		return Amount{Value: value}, value >= 0
	case string:
		for percent, pattern := range map[bool]*regexp.Regexp{true: percentage, false: wholeText} {
			if m := pattern.FindStringSubmatch(value); m != nil {
				n, err := strconv.Atoi(m[1])
				return Amount{Value: n, Percent: percent}, err == nil
			}
		}
	}
	return Amount{}, false
}

// readUpdate reads an update section; what it leaves out comes from inherited, which is nil for the
// one of the whole deployment.
func readUpdate(m *Map, inherited *Update) (Update, error) {
	u := Update{Serial: true}
	if inherited != nil {
		u = *inherited
	}
	for key, field := range map[string]*Amount{"canaries": &u.Canaries, "max_in_flight": &u.MaxInFlight} {
		value := m.Get(key)
		if value == nil {
			continue
		}
		amount, ok := ParseAmount(value)
		if !ok {
			return Update{}, wrongType(key, value, "Integer")
		}
		*field = amount
	}
	for key, field := range map[string]*Watch{"canary_watch_time": &u.CanaryWatch, "update_watch_time": &u.UpdateWatch} {
		value := m.Get(key)
		if value == nil {
			continue
		}
		watch, ok := parseWatch(value)
		if !ok {
			return Update{}, fault.New(fault.InvalidWatchTime, "Watch time should be an integer or a range of two integers")
		}
		*field = watch
	}
	if inherited == nil {
		for _, key := range []string{"canaries", "max_in_flight", "canary_watch_time", "update_watch_time"} {
			if m.Get(key) == nil {
				return Update{}, missing(key, m)
			}
		}
	}
	var err error
	if u.Serial, err = flag(m, "serial", u.Serial); err != nil {
		return Update{}, err
	}
	strategy, err := text(m, "initial_deploy_az_update_strategy")
	if err != nil {
		return Update{}, err
	}
	switch strategy {
	case "":
	case "serial", "parallel":
		u.ParallelAZs = strategy == "parallel"
	default:
		return Update{}, fault.New(fault.InvalidValue, "Invalid initial_deploy_az_update_strategy '%s', valid strategies are: serial, parallel", strategy)
	}
	switch strategy, err := text(m, "vm_strategy"); {
	case err != nil:
		return Update{}, err
	case strategy != "" && strategy != "delete-create" && strategy != "create-swap-delete":
		return Update{}, fault.New(fault.InvalidValue, "Invalid vm_strategy '%s', valid strategies are: delete-create, create-swap-delete", strategy)
	}
	return u, nil
}

func parseWatch(value any) (Watch, bool) {
	switch value := value.(type) {
	case int:
		limit := time.Duration(value) * time.Millisecond
		return Watch{From: limit, To: limit}, value >= 0
	case string:
		if m := wholeText.FindStringSubmatch(value); m != nil {
			n, err := strconv.Atoi(m[1])
			limit := time.Duration(n) * time.Millisecond
			return Watch{From: limit, To: limit}, err == nil
		}
		if m := watchRange.FindStringSubmatch(value); m != nil {
			from, err := strconv.Atoi(m[1])
			to, err2 := strconv.Atoi(m[2])
			ok := err == nil && err2 == nil && from <= to
			return Watch{From: time.Duration(from) * time.Millisecond, To: time.Duration(to) * time.Millisecond}, ok
		}
	}
	return Watch{}, false
}
