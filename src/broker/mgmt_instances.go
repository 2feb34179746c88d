package broker

import (
	"errors"
	"net/http"
	"strings"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/pks"
)

// serveInstances lists the platform's instances; none when nobody tells.
func (b *Broker) serveInstances(w http.ResponseWriter, r *http.Request) {
	instances, err := b.listInstances(r.Context(), r.URL.Query())
	switch {
	case errors.Is(err, errNoList):
		respond(w, http.StatusOK, []instance{})
	case err != nil:
		b.logger.ErrorContext(r.Context(), "instances could not be listed", "error", err, "request_id", requestID(r.Context()))
		w.WriteHeader(http.StatusInternalServerError)
	default:
		respond(w, http.StatusOK, instances)
	}
}

type orphan struct {
	Deployment string `json:"deployment_name"`
}

// serveOrphans lists deployments of instances that the platform does not know.
// Without the platform's list every deployment would look like one, so that it
// then refuses to guess.
func (b *Broker) serveOrphans(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	known, err := b.listInstances(ctx, nil)
	if err != nil {
		b.logger.ErrorContext(ctx, "orphans could not be told from instances", "error", err, "request_id", requestID(ctx))
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	deployments, err := b.director.Deployments(ctx)
	if err != nil {
		b.logger.ErrorContext(ctx, "deployments could not be listed", "error", err, "request_id", requestID(ctx))
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	expected := make(map[string]bool, len(known))
	for _, i := range known {
		expected[i.ID] = true
	}
	orphans := []orphan{}
	for _, d := range deployments {
		id, ours := strings.CutPrefix(d.Name, pks.DeploymentPrefix)
		if ours && !expected[id] {
			orphans = append(orphans, orphan{d.Name})
		}
	}
	respond(w, http.StatusOK, orphans)
}

type serviceMetric struct {
	Key   string  `json:"key"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// serveServiceMetrics tells how much of the quotas is used; 503 when the
// platform's instances are not known.
func (b *Broker) serveServiceMetrics(w http.ResponseWriter, r *http.Request) {
	instances, err := b.listInstances(r.Context(), nil)
	if errors.Is(err, errNoList) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if err != nil {
		b.logger.ErrorContext(r.Context(), "instances could not be counted", "error", err, "request_id", requestID(r.Context()))
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	counts := map[string]int{}
	for _, i := range instances {
		counts[i.PlanID]++
	}
	respond(w, http.StatusOK, serviceMetrics(b.config.ServiceCatalog, counts))
}

func serviceMetrics(c config.ServiceCatalog, counts map[string]int) []serviceMetric {
	metrics := []serviceMetric{}
	add := func(value int, path ...string) {
		key := "/on-demand-broker/" + strings.Join(append([]string{c.ServiceName}, path...), "/")
		metrics = append(metrics, serviceMetric{key, float64(value), "count"})
	}
	total := 0
	for _, n := range counts { // of plans that are configured no more as well
		total += n
	}
	for _, p := range c.Plans {
		n := counts[p.ID]
		add(n, p.Name, "total_instances")
		if limit := p.Quotas.ServiceInstanceLimit; limit != nil {
			add(*limit-n, p.Name, "quota_remaining")
		}
		for _, kind := range sortedKinds(p.Quotas.Resources) {
			q := p.Quotas.Resources[kind]
			if q.Cost == 0 {
				continue
			}
			add(q.Cost*n, p.Name, kind, "used")
			if q.Limit != 0 {
				add(q.Limit-q.Cost*n, p.Name, kind, "remaining")
			}
		}
	}
	add(total, "total_instances")
	if limit := c.GlobalQuotas.ServiceInstanceLimit; limit != nil {
		add(*limit-total, "quota_remaining")
	}
	for _, kind := range sortedKinds(c.GlobalQuotas.Resources) {
		used := usedOf(c, kind, counts)
		add(used, kind, "used")
		add(c.GlobalQuotas.Resources[kind].Limit-used, kind, "remaining")
	}
	return metrics
}
