package adapter_test

import "testing"

// An upgrade may ask for another number of workers at a time than the plan has;
// masters stay one by one.
func TestNodesParallelOverrulesThePlan(t *testing.T) {
	t.Parallel()
	plan := object{"workers": object{"max_in_flight": 4}}
	for name, c := range map[string]struct {
		parameters object
		want       any
	}{
		"as the plan says": {object{"kubernetes_worker_instances": 6}, 4},
		"two":              {object{"kubernetes_worker_instances": 3, "nodes_parallel": 2}, 2},
		"one":              {object{"kubernetes_worker_instances": 6, "nodes_parallel": 1}, 1},
		"too few workers":  {object{"kubernetes_worker_instances": 2, "nodes_parallel": 2}, 1},
	} {
		for _, g := range parse(t, smallest().with(plan, c.parameters).run(t).Manifest).InstanceGroups {
			switch {
			case g.Name == "worker" && g.Update.MaxInFlight != c.want:
				t.Errorf("%s: max_in_flight of workers is %v, want %v", name, g.Update.MaxInFlight, c.want)
			case g.Name == "master" && g.Update != nil && g.Update.MaxInFlight != 1:
				t.Errorf("%s: max_in_flight of masters is %v", name, g.Update.MaxInFlight)
			}
		}
	}
}
