package broker

import (
	"sync"

	"github.com/pks-community/pks-release/src/broker/config"
)

// places are the instances that were let in past the quotas and that the
// platform's list, or the Director's, may not show yet. So two requests for the
// last place get one, whatever the platform lists and when. Its zero value is
// ready.
type places struct {
	mu    sync.Mutex
	plans map[string]string // instance → plan
}

// take keeps a place for one more instance of p, or says which quotas that would
// break. Of the instance itself, listed or not, nothing is counted but the new
// plan.
func (l *places) take(c config.ServiceCatalog, instanceID string, p config.Plan, listed []instance) (violations []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if violations = l.violations(c, instanceID, p, listed); len(violations) > 0 {
		return violations
	}
	if l.plans == nil {
		l.plans = map[string]string{}
	}
	l.plans[instanceID] = p.ID
	return nil
}

// look says the same as take and keeps nothing.
func (l *places) look(c config.ServiceCatalog, instanceID string, p config.Plan, listed []instance) (violations []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.violations(c, instanceID, p, listed)
}

func (l *places) violations(c config.ServiceCatalog, instanceID string, p config.Plan, listed []instance) []string {
	others := map[string]string{}
	for _, i := range listed {
		others[i.ID] = i.PlanID
	}
	for id, plan := range l.plans {
		others[id] = plan
	}
	delete(others, instanceID)
	counts := map[string]int{}
	for _, plan := range others {
		counts[plan]++
	}
	return quotaViolations(c, p, counts)
}

// leave gives a place back: nothing came of it, or the lists show the instance now.
func (l *places) leave(instanceID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.plans, instanceID)
}
