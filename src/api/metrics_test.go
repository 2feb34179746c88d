package api_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pks-community/pks-release/src/api"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

// figures are what a scrape would read: of a histogram, how often it was told.
func figures(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += fmt.Sprintf(" %s=%s", label.GetName(), label.GetValue())
			}
			found[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return found
}

func TestRequestsAreCountedByRoute(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	w := newWorld(t, func(c *api.Config) { c.Metrics = registry }).with("demo", cody)
	for _, token := range []string{"cody", "cody", "naomi", "garbage"} {
		w.send(request{method: "GET", path: "/v1/clusters/demo", token: token})
	}
	want := map[string]float64{
		"pks_api_event_streams": 0,
		"pks_api_request_seconds method=GET route=/v1/clusters/{cluster}":           4,
		"pks_api_requests_total method=GET route=/v1/clusters/{cluster} status=200": 2,
		"pks_api_requests_total method=GET route=/v1/clusters/{cluster} status=401": 1,
		"pks_api_requests_total method=GET route=/v1/clusters/{cluster} status=403": 1,
	}
	if diff := cmp.Diff(want, figures(t, registry)); diff != "" {
		t.Error(diff)
	}
}

type fixedCensus struct {
	counts []store.Count
	err    error
}

func (f fixedCensus) Census(context.Context) ([]store.Count, error) { return f.counts, f.err }

func TestFleetTellsHowClustersAre(t *testing.T) {
	t.Parallel()
	counts := []store.Count{{Action: pks.ActionCreate, State: pks.ActionSucceeded, Clusters: 3}, {Action: pks.ActionUpdate, State: pks.ActionFailed, Clusters: 1}}
	for _, test := range []struct {
		census fixedCensus
		want   map[string]float64
	}{
		{fixedCensus{counts: counts}, map[string]float64{
			"pks_api_database_up": 1,
			"pks_clusters last_action=CREATE last_action_state=succeeded": 3,
			"pks_clusters last_action=UPDATE last_action_state=failed":    1,
		}},
		{fixedCensus{err: errors.New("gone")}, map[string]float64{"pks_api_database_up": 0}},
	} {
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(api.NewFleet(test.census))
		if diff := cmp.Diff(test.want, figures(t, registry)); diff != "" {
			t.Error(diff)
		}
	}
}
