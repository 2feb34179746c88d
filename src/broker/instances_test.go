package broker

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pks-community/pks-release/src/broker/config"
)

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

func TestPlatformsRefusalIsToldToOperators(t *testing.T) {
	t.Parallel()
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(tls.Close)
	for name, c := range map[string]struct {
		change func(*config.Config)
		says   string
	}{
		"in description": {withInstances(t, 503, `{"description":"down for repair"}`), "HTTP response status: 503 Service Unavailable. down for repair"},
		"in body":        {withInstances(t, 401, `{"body":"The password is wrong."}`), "HTTP response status: 401 Unauthorized. The password is wrong."},
		"not at all":     {withInstances(t, 404, `<html>`), "HTTP response status: 404 Not Found. "},
		"not a list":     {withInstances(t, 200, `{}`), "decode the answer"},
		"no trust":       {func(c *config.Config) { c.ServiceInstances.URL = tls.URL }, "service_instances_api.root_ca_cert must have"},
		"nobody there":   {func(c *config.Config) { c.ServiceInstances.URL = "http://127.0.0.1:1/x" }, "error communicating with service_instances_api (http://127.0.0.1:1/x)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, c.change)
			h.want(h.send("GET", "/mgmt/service_instances", ""), 500, "")
			h.want(h.send("GET", "/mgmt/orphan_deployments", ""), 500, "")
			h.want(h.send("GET", "/mgmt/metrics", ""), 500, "")
			if log := h.log.String(); !strings.Contains(log, c.says) {
				t.Error(log)
			}
		})
	}
}

func TestPlanThatIsGoneIsWarnedOfOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t, withInstances(t, 200, `[{"service_instance_id":"i1","plan_id":"plan-1"},{"service_instance_id":"i2","plan_id":"gone"},{"service_instance_id":"i3","plan_id":"gone"}]`))
	if err := h.broker.checkStartup(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.send("GET", "/mgmt/metrics", "")
	if n := strings.Count(h.log.String(), "plan was expected but is now missing"); n != 1 {
		t.Errorf("%d warnings: %s", n, h.log.String())
	}
}

// The platform may be started after its broker.
func TestStartWaitsForNoPlatform(t *testing.T) {
	t.Parallel()
	h := newHarness(t, withInstances(t, 503, ``))
	if err := h.broker.checkStartup(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(h.log.String(), "the platform does not tell its instances yet") {
		t.Error(h.log.String())
	}
}

// Canaries are chosen by what the operator asks for.
func TestFilterOfInstancesIsPassedOn(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 1)
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.RawQuery
		_, _ = w.Write([]byte(`[{"service_instance_id":"i1","plan_id":"plan-1","space_guid":"s"}]`))
	}))
	t.Cleanup(platform.Close)
	h := newHarness(t, func(c *config.Config) { c.ServiceInstances.URL = platform.URL })
	h.want(h.send("GET", "/mgmt/service_instances?cf_org=o&cf_space=a%26b", ""), 200, `[{"service_instance_id":"i1","plan_id":"plan-1","space_guid":"s"}]`)
	if got := <-asked; got != "cf_org=o&cf_space=a%26b" {
		t.Error(got)
	}
}
