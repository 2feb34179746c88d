package broker

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/director"
)

func TestQuotasSumEachPlansOwnCost(t *testing.T) {
	t.Parallel()
	five, limit := 5, 2
	small := config.Plan{ID: "s", Name: "small", Quotas: config.Quotas{ServiceInstanceLimit: &limit, Resources: map[string]config.ResourceQuota{"cpu": {Cost: 1, Limit: 3}}}}
	large := config.Plan{ID: "l", Name: "large", Quotas: config.Quotas{Resources: map[string]config.ResourceQuota{"cpu": {Cost: 10}}}}
	c := config.ServiceCatalog{ID: "svc", ServiceName: "p.pks", Plans: []config.Plan{small, large}, GlobalQuotas: config.Quotas{
		ServiceInstanceLimit: &five, Resources: map[string]config.ResourceQuota{"cpu": {Limit: 22}},
	}}
	for name, test := range map[string]struct {
		plan   config.Plan
		counts map[string]int
		want   []string
	}{
		"room":          {small, map[string]int{"s": 1, "l": 2}, nil},
		"plan's number": {small, map[string]int{"s": 2}, []string{"plan instance limit exceeded for service ID: svc. Total instances: 2"}},
		"all numbers": {large, map[string]int{"s": 5}, []string{
			"global instance limit exceeded for service ID: svc. Total instances: 5",
		}},
		"resources of all": {large, map[string]int{"s": 3, "l": 1}, []string{
			"global quotas [cpu: (limit 22, used 13, requires 10)] would be exceeded by this deployment",
		}},
		"everything": {small, map[string]int{"s": 3, "l": 2}, []string{
			"plan instance limit exceeded for service ID: svc. Total instances: 3",
			"global instance limit exceeded for service ID: svc. Total instances: 5",
			"global quotas [cpu: (limit 22, used 23, requires 1)] would be exceeded by this deployment",
			"plan quotas [cpu: (limit 3, used 3, requires 1)] would be exceeded by this deployment",
		}},
		"a plan that is gone": {large, map[string]int{"gone": 5}, []string{
			"global instance limit exceeded for service ID: svc. Total instances: 5",
		}},
	} {
		if diff := cmp.Diff(test.want, quotaViolations(c, test.plan, test.counts)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	want := []serviceMetric{
		{"/on-demand-broker/p.pks/small/total_instances", 1, "count"}, {"/on-demand-broker/p.pks/small/quota_remaining", 1, "count"},
		{"/on-demand-broker/p.pks/small/cpu/used", 1, "count"}, {"/on-demand-broker/p.pks/small/cpu/remaining", 2, "count"},
		{"/on-demand-broker/p.pks/large/total_instances", 2, "count"}, {"/on-demand-broker/p.pks/large/cpu/used", 20, "count"},
		{"/on-demand-broker/p.pks/total_instances", 3, "count"}, {"/on-demand-broker/p.pks/quota_remaining", 2, "count"},
		{"/on-demand-broker/p.pks/cpu/used", 21, "count"}, {"/on-demand-broker/p.pks/cpu/remaining", 1, "count"},
	}
	if diff := cmp.Diff(want, serviceMetrics(c, map[string]int{"s": 1, "l": 2})); diff != "" {
		t.Error(diff)
	}
	want[6].Value, want[7].Value = 4, 1
	if diff := cmp.Diff(want, serviceMetrics(c, map[string]int{"s": 1, "l": 2, "gone": 1})); diff != "" {
		t.Errorf("with an instance of a plan that is gone: %s", diff)
	}
}

func TestGlobalLimitOfZeroLetsNothingIn(t *testing.T) {
	t.Parallel()
	p := config.Plan{ID: "s", Quotas: config.Quotas{Resources: map[string]config.ResourceQuota{"gpu": {Cost: 1}}}}
	c := config.ServiceCatalog{Plans: []config.Plan{p}, GlobalQuotas: config.Quotas{Resources: map[string]config.ResourceQuota{"gpu": {}}}}
	want := []string{"global quotas [gpu: (limit 0, used 0, requires 1)] would be exceeded by this deployment"}
	if diff := cmp.Diff(want, quotaViolations(c, p, nil)); diff != "" {
		t.Error(diff)
	}
}

// limit lets so many instances of the test plan in.
func limit(n int) func(*config.Config) {
	return func(c *config.Config) { c.ServiceCatalog.Plans[0].Quotas.ServiceInstanceLimit = &n }
}

const (
	oneTooMany = `{"error":"QuotaExceeded","description":"plan instance limit exceeded for service ID: service-1. Total instances: 1"}`
	listsBoth  = `[{"service_instance_id":"i1","plan_id":"plan-1"},{"service_instance_id":"i2","plan_id":"plan-1"}]`
)

func TestQuotaIsEnforcedAtTheDoor(t *testing.T) {
	t.Parallel()
	f := newFakeDirector(t)
	newHarnessOn(t, f).created("i2", `{}`)
	h := newHarnessOn(t, f, withInstances(t, 200, `[{"service_instance_id":"i2","plan_id":"plan-1"}]`), limit(1))
	h.want(h.provision("i1", testPlan, `{}`), 500, oneTooMany)
	h.wantTasks(deploysTask)
}

// Platforms such as pks-api list an instance before they ask for it.
func TestInstanceThatIsListedAlreadyDoesNotCountAgainstItself(t *testing.T) {
	t.Parallel()
	h := newHarness(t, withInstances(t, 200, `[{"service_instance_id":"i1","plan_id":"plan-1"}]`), limit(1))
	h.created("i1", `{}`)
	h.want(h.provision("i1", testPlan, `{}`), 200, `{}`)
}

// A creation that was refused stays in the list of platforms such as pks-api.
func TestInstanceWithoutADeploymentTakesNoPlace(t *testing.T) {
	t.Parallel()
	h := newHarness(t, withInstances(t, 200, listsBoth), limit(1))
	h.created("i1", `{}`)
	h.want(h.provision("i2", testPlan, `{}`), 500, oneTooMany)
	op := h.accepted(h.deprovision("i1", testPlan))
	h.want(h.provision("i2", testPlan, `{}`), 500, oneTooMany) // until it is really gone
	h.director.finish(taskOf(t, op), director.Done)
	h.tick()
	h.created("i2", `{}`)
}

func TestInstanceWhoseDeployFailedKeepsItsPlace(t *testing.T) {
	t.Parallel()
	h := newHarness(t, withInstances(t, 200, listsBoth), limit(1))
	h.accepted(h.provision("i1", testPlan, `{}`))
	h.director.finish(1, director.Errored)
	h.tick()
	h.want(h.provision("i2", testPlan, `{}`), 500, oneTooMany)
	h.accepted(h.provision("i1", testPlan, `{}`)) // it may be begun again
}

// The list of the platform does not show them yet, nor does the Director.
func TestRequestsForTheLastPlaceGetOne(t *testing.T) {
	t.Parallel()
	for name, list := range map[string]string{"platform lists them before": listsBoth, "platform lists them afterwards": `[]`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, withInstances(t, 200, list), limit(1))
			reached, let := make(chan struct{}), make(chan struct{})
			h.director.setFault(func(_ http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPost && r.URL.Path == "/deployments" {
					reached <- struct{}{}
					<-let
				}
				return false
			})
			first := make(chan answer, 1)
			go func() { first <- h.provision("i1", testPlan, `{}`) }()
			select {
			case <-reached:
			case a := <-first:
				t.Fatalf("refused: %d %s", a.Status, a.Body)
			}
			second := make(chan answer, 1)
			go func() { second <- h.provision("i2", testPlan, `{}`) }()
			select {
			case <-reached:
				t.Error("both were let in")
			case a := <-second:
				h.want(a, 500, oneTooMany)
			}
			close(let)
			h.accepted(<-first)
		})
	}
}

func TestPlaceIsGivenBackWhenNothingBegins(t *testing.T) {
	t.Parallel()
	h := newHarness(t, withInstances(t, 200, `[]`), limit(1))
	h.director.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		w.WriteHeader(http.StatusBadRequest)
		return true
	})
	if got := h.provision("i1", testPlan, `{}`); got.Status != 500 {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	h.director.setFault(nil)
	h.created("i2", `{}`)
	if n := len(h.broker.places.plans); n != 0 {
		t.Errorf("%d places are kept for operations that have ended", n)
	}
}

func TestMoveToAnotherPlanNeedsAPlaceThere(t *testing.T) {
	t.Parallel()
	f := newFakeDirector(t)
	plain := newHarnessOn(t, f)
	plain.created("i1", `{}`)
	one := 1
	list := `[{"service_instance_id":"i1","plan_id":"plan-1"},{"service_instance_id":"i2","plan_id":"plan-with-errands"}]`
	full := func(c *config.Config) {
		c.ServiceCatalog.Plans[1].Quotas.ServiceInstanceLimit = &one
		two := 2
		c.ServiceCatalog.GlobalQuotas.ServiceInstanceLimit = &two // which a move does not touch
	}
	move := func(h *harness) answer {
		return h.send("PATCH", instancePath("i1")+"?accepts_incomplete=true", `{"service_id":"service-1","plan_id":"plan-with-errands","previous_values":{"plan_id":"plan-1"}}`)
	}
	h := newHarnessOn(t, f, withInstances(t, 200, list), full)
	h.accepted(h.update("i1", testPlan, `{"a":1}`)) // within its plan it may change
	h.director.finish(2, director.Done)
	h.tick()
	h.accepted(move(h)) // i2 has no deployment
	h.director.finish(3, director.Cancelled)
	h.tick()
	plain.created("i2", `{}`)
	h.want(move(h), 500, oneTooMany)
}

func TestQuotaIsNotGuessedAt(t *testing.T) {
	t.Parallel()
	list, count := withInstances(t, 500, `{"description":"no"}`), func(path string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != path {
				return false
			}
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
	}
	h := newHarness(t, list, limit(1))
	if got := h.provision("i1", testPlan, `{}`); got.Status != 500 || !strings.Contains(got.Body, "count the instances: error communicating with service_instances_api") {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	h = newHarness(t, withInstances(t, 200, listsBoth), limit(1))
	h.director.setFault(count("/deployments"))
	if got := h.provision("i1", testPlan, `{}`); got.Status != 500 || !strings.Contains(got.Body, "count the deployments: ") {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	if began := h.director.began(); len(began) != 0 {
		t.Errorf("tasks: %v", began)
	}
}

// Without a quota nobody is asked; with one that has room the platform alone.
func TestQuotasCostNothingWhereThereIsRoom(t *testing.T) {
	t.Parallel()
	h := newHarness(t, withInstances(t, 200, listsBoth), limit(5))
	h.accepted(h.provision("i1", testPlan, `{}`))
	if asked := h.director.asked(); slices.Contains(asked, "GET /deployments") {
		t.Errorf("asked: %v", asked)
	}
}
