package broker

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/pks-community/pks-release/src/broker/config"
)

// quotaExceeded is the error key of the refusal. The status has to be 500
// (reference/on-demand-broker.md §1.8); by the key a platform can tell that asking
// again will not help.
const quotaExceeded = "QuotaExceeded"

// takePlace refuses one more instance of a plan that would break a quota (§1.8),
// and otherwise keeps a place for it until its operation has ended; leave gives the
// place back when none begins. Without any quota it asks nobody.
func (b *Broker) takePlace(ctx context.Context, instanceID string, p config.Plan) error {
	return b.findPlace(ctx, instanceID, p, b.places.take)
}

// checkPlace refuses likewise and keeps no place.
func (b *Broker) checkPlace(ctx context.Context, instanceID string, p config.Plan) error {
	return b.findPlace(ctx, instanceID, p, b.places.look)
}

// placing is places.take or places.look.
type placing func(config.ServiceCatalog, string, config.Plan, []instance) (violations []string)

func (b *Broker) findPlace(ctx context.Context, instanceID string, p config.Plan, place placing) error {
	if !quotasConcern(b.config.ServiceCatalog, p) {
		return nil
	}
	listed, err := b.listInstances(ctx, nil)
	if err != nil {
		return fmt.Errorf("count the instances: %w", err)
	}
	violations := place(b.config.ServiceCatalog, instanceID, p, listed)
	if len(violations) == 0 {
		return nil
	}
	// Platforms list an instance from the moment it is asked for, and for good when
	// its creation was refused. What was never deployed uses nothing.
	if listed, err = b.deployedOf(ctx, listed); err != nil {
		return err
	}
	if violations = place(b.config.ServiceCatalog, instanceID, p, listed); len(violations) > 0 {
		return refuse(http.StatusInternalServerError, quotaExceeded, strings.Join(violations, ", "))
	}
	return nil
}

// deployedOf leaves out the instances that have no deployment.
func (b *Broker) deployedOf(ctx context.Context, listed []instance) ([]instance, error) {
	deployments, err := b.director.Deployments(ctx)
	if err != nil {
		return nil, fmt.Errorf("count the deployments: %w", err)
	}
	exists := make(map[string]bool, len(deployments))
	for _, d := range deployments {
		exists[d.Name] = true
	}
	return slices.DeleteFunc(slices.Clone(listed), func(i instance) bool { return !exists[deploymentName(i.ID)] }), nil
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
	own := overuse(limited(p.Quotas.Resources), p, func(kind string) int { return p.Quotas.Resources[kind].Cost * counts[p.ID] })
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
		if used(kind)+cost <= limit {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s: (limit %d, used %d, requires %d)", kind, limit, used(kind), cost))
	}
	return strings.Join(parts, ", ")
}

// limited are a plan's resources that have a limit: there, unlike among the global
// ones, 0 stands for none.
func limited(resources map[string]config.ResourceQuota) map[string]config.ResourceQuota {
	all := maps.Clone(resources)
	maps.DeleteFunc(all, func(_ string, q config.ResourceQuota) bool { return q.Limit == 0 })
	return all
}

func sortedKinds(resources map[string]config.ResourceQuota) []string {
	return slices.Sorted(maps.Keys(resources))
}
