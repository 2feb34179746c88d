package broker

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
