package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pks-community/pks-release/src/broker/config"
)

// checkQuotas refuses one more instance of a plan that would break a quota
// (§1.8). Without any quota it asks nobody.
func (b *Broker) checkQuotas(ctx context.Context, p config.Plan) error {
	if !quotasConcern(b.config.ServiceCatalog, p) {
		return nil
	}
	instances, err := b.listInstances(ctx, nil)
	if err != nil {
		return fmt.Errorf("count the instances: %w", err)
	}
	counts := map[string]int{}
	for _, i := range instances {
		counts[i.PlanID]++
	}
	if violations := quotaViolations(b.config.ServiceCatalog, p, counts); len(violations) > 0 {
		text := strings.Join(violations, ", ")
		return &operatorError{text, errors.New(text)}
	}
	return nil
}

func quotasConcern(c config.ServiceCatalog, p config.Plan) bool {
	return c.GlobalQuotas.ServiceInstanceLimit != nil || len(c.GlobalQuotas.Resources) > 0 ||
		p.Quotas.ServiceInstanceLimit != nil || len(p.Quotas.Resources) > 0
}

// quotaViolations says what one more instance of p would break, given how many
// there are of each plan.
func quotaViolations(c config.ServiceCatalog, p config.Plan, counts map[string]int) []string {
	var violations []string
	total := 0
	for _, n := range counts {
		total += n
	}
	if limit := p.Quotas.ServiceInstanceLimit; limit != nil && counts[p.ID] >= *limit {
		violations = append(violations, fmt.Sprintf("plan instance limit exceeded for service ID: %s. Total instances: %d", c.ID, counts[p.ID]))
	}
	if limit := c.GlobalQuotas.ServiceInstanceLimit; limit != nil && total >= *limit {
		violations = append(violations, fmt.Sprintf("global instance limit exceeded for service ID: %s. Total instances: %d", c.ID, total))
	}
	global := overuse(c.GlobalQuotas.Resources, p, func(kind string) int { return usedOf(c, kind, counts) })
	if global != "" {
		violations = append(violations, fmt.Sprintf("global quotas [%s] would be exceeded by this deployment", global))
	}
	own := overuse(p.Quotas.Resources, p, func(kind string) int { return p.Quotas.Resources[kind].Cost * counts[p.ID] })
	if own != "" {
		violations = append(violations, fmt.Sprintf("plan quotas [%s] would be exceeded by this deployment", own))
	}
	return violations
}

// usedOf sums what the instances of each plan cost, each at its own plan's price.
func usedOf(c config.ServiceCatalog, kind string, counts map[string]int) int {
	used := 0
	for _, p := range c.Plans {
		used += p.Quotas.Resources[kind].Cost * counts[p.ID]
	}
	return used
}

func overuse(limits map[string]config.ResourceQuota, p config.Plan, used func(string) int) string {
	var parts []string
	for _, kind := range sortedKinds(limits) {
		limit, cost := limits[kind].Limit, p.Quotas.Resources[kind].Cost
		if limit == 0 || used(kind)+cost <= limit {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s: (limit %d, used %d, requires %d)", kind, limit, used(kind), cost))
	}
	return strings.Join(parts, ", ")
}

func sortedKinds(resources map[string]config.ResourceQuota) []string {
	return slices.Sorted(maps.Keys(resources))
}
