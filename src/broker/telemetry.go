package broker

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

const telemetrySource = "on-demand-broker"

// telemetry writes how many instances there are to the log, in all and by plan,
// when something happened to one or the broker started (§1.12). Unlike the
// reference's it is written once for each operation, not at every poll.
func (b *Broker) telemetry(ctx context.Context, item, operation string) {
	if !b.config.Broker.EnableTelemetry {
		return
	}
	instances, err := b.listInstances(ctx, nil)
	if err != nil {
		b.logger.WarnContext(ctx, fmt.Sprintf("Failed to query list of instances for telemetry (cause: %s). Skipping total instances log.", err))
		return
	}
	counts := map[string]int{}
	for _, i := range instances {
		counts[i.PlanID]++
	}
	line := func(figure slog.Attr) {
		b.logger.LogAttrs(ctx, slog.LevelInfo, "telemetry",
			slog.String("telemetry-time", time.Now().Format(time.RFC3339)),
			slog.String("telemetry-source", telemetrySource),
			slog.Group("service-offering", "name", b.config.ServiceCatalog.ServiceName),
			slog.Group("event", "item", item, "operation", operation),
			figure)
	}
	line(slog.Group("service-instances", "total", len(instances)))
	for _, p := range b.config.ServiceCatalog.Plans {
		line(slog.Group("service-instances-per-plan", "plan-id", p.ID, "total", counts[p.ID]))
	}
}
