package broker

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/broker/config"
)

func TestWrongCredentialsAreRefusedEverywhere(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, path := range []string{"/v2/catalog", "/mgmt/service_instances", "/v2/nonsense", "/mgmt"} {
		for _, credentials := range [][2]string{{}, {"broker", "wrong"}, {"wrong", "secret"}, {"broker", ""}} {
			req := httptest.NewRequest(http.MethodGet, path, nil)
			if credentials[0] != "" {
				req.SetBasicAuth(credentials[0], credentials[1])
			}
			w := httptest.NewRecorder()
			h.broker.Handler(http.NotFoundHandler()).ServeHTTP(w, req)
			if w.Code != 401 || w.Body.String() != "Not Authorized\n" {
				t.Errorf("%s %v: %d %s", path, credentials, w.Code, w.Body)
			}
		}
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.want(h.send("GET", "/", ""), 404, "404 page not found")
	h.want(h.send("GET", "/mgmt/nonsense", ""), 404, "404 page not found")
	if got := h.send("DELETE", "/mgmt/service_instances", ""); got.Status != 405 {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	h.want(h.send("GET", "/healthz", ""), 200, "ok")
}

func TestVersionHeaderIsNeededOnOSBOnly(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for version, want := range map[string]string{
		"":    `{"Description":"X-Broker-API-Version Header not set"}`,
		"3.0": `{"Description":"X-Broker-API-Version Header must be 2.x"}`,
		"x":   `{"Description":"X-Broker-API-Version Header must contain a version"}`,
	} {
		req := httptest.NewRequest(http.MethodGet, "/v2/catalog", nil)
		req.SetBasicAuth("broker", "secret")
		if version != "" {
			req.Header.Set("X-Broker-API-Version", version)
		}
		w := httptest.NewRecorder()
		h.broker.Handler(nil).ServeHTTP(w, req)
		if got := strings.TrimSpace(w.Body.String()); w.Code != 412 || got != want {
			t.Errorf("%q: %d %s", version, w.Code, got)
		}
	}
}

func TestPanicsAreToldByTheirRequestIDOnly(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	w := httptest.NewRecorder()
	h.broker.recovered(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic("secret-thing")
	})).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v2/catalog", nil))
	if w.Code != 500 || !strings.Contains(w.Body.String(), "broker-request-id: ") || strings.Contains(w.Body.String(), "goroutine") || strings.Contains(w.Body.String(), "secret-thing") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(h.log.String(), "goroutine") {
		t.Error("the log lacks the stack")
	}
}

func TestCatalog(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(c *config.Config) {
		yes := true
		s := &c.ServiceCatalog
		s.Metadata = config.ServiceMetadata{DisplayName: "PKS", More: map[string]any{"extra": "x"}}
		s.MaintenanceInfo = config.MaintenanceInfo{Version: "1.0.0", Private: map[string]string{"a": "1"}, Public: map[string]string{"p": "q"}}
		s.Plans = s.Plans[:1]
		s.Plans[0].Free = &yes
		s.Plans[0].MaintenanceInfo = config.MaintenanceInfo{Version: "1.1.0", Private: map[string]string{"b": "2"}}
	})
	h.want(h.send("GET", "/v2/catalog", ""), 200, `{"services":[{"id":"service-1","name":"p.pks","description":"Kubernetes","bindable":true,"plan_updateable":false,`+
		`"plans":[{"id":"plan-1","name":"small","description":"small","free":true,"metadata":{},"maintenance_info":{"public":{"p":"q"},"private":"3cc1a5f59376cd55ed9e207061a0ba44955b228b77ac607e7f68c0d2fb83480b","version":"1.1.0"}}],`+
		`"metadata":{"displayName":"PKS","extra":"x","shareable":false}}]}`)
}

func TestPasswordsInParametersAreNotLogged(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.provision("i1", testPlan, `{"proxy":{"password":"hunter2"}}`)
	h.provision("i1", "no-plan", `{"proxy":{"password":"hunter2"}}`)
	h.update("i1", testPlan, `{"proxy":{"password":"hunter2"}}`)
	if strings.Contains(h.log.String(), "hunter2") {
		t.Error(h.log.String())
	}
}

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
}

func withInstances(t *testing.T, status int, list string) func(*config.Config) {
	t.Helper()
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "api" || password != "pw" {
			w.WriteHeader(401)
			return
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(list))
	}))
	t.Cleanup(platform.Close)
	return func(c *config.Config) {
		c.ServiceInstances.URL = platform.URL + "/service_instances"
		c.ServiceInstances.Authentication.Basic = config.UserCredentials{Username: "api", Password: "pw"}
	}
}

func TestOrphansAreToldOnlyWhenTheInstancesAreKnown(t *testing.T) {
	t.Parallel()
	unknown := newHarness(t)
	unknown.created("i1", `{}`)
	unknown.want(unknown.send("GET", "/mgmt/orphan_deployments", ""), 500, "")
	unknown.want(unknown.send("GET", "/mgmt/service_instances", ""), 200, "[]")
	unknown.want(unknown.send("GET", "/mgmt/metrics", ""), 503, "")

	known := newHarnessOn(t, unknown.director, withInstances(t, 200, `[{"service_instance_id":"i2","plan_id":"plan-1"}]`))
	known.want(known.send("GET", "/mgmt/orphan_deployments", ""), 200, `[{"deployment_name":"service-instance_i1"}]`)
	known.want(known.send("GET", "/mgmt/service_instances", ""), 200, `[{"service_instance_id":"i2","plan_id":"plan-1"}]`)

	failing := newHarnessOn(t, unknown.director, withInstances(t, 500, `{"description":"no"}`))
	failing.want(failing.send("GET", "/mgmt/orphan_deployments", ""), 500, "")
	failing.want(failing.send("GET", "/mgmt/service_instances", ""), 500, "")
}

func TestQuotaIsEnforcedAtTheDoor(t *testing.T) {
	t.Parallel()
	one := 1
	h := newHarness(t, withInstances(t, 200, `[{"service_instance_id":"i2","plan_id":"plan-1"}]`), func(c *config.Config) {
		c.Broker.ExposeOperationalErrors = false
		c.ServiceCatalog.Plans[0].Quotas.ServiceInstanceLimit = &one
	})
	h.want(h.provision("i1", testPlan, `{}`), 500, `{"description":"plan instance limit exceeded for service ID: service-1. Total instances: 1"}`)
	if got := h.director.began(); len(got) != 0 {
		t.Errorf("tasks: %v", got)
	}
}
