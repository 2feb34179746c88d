package broker

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/broker/config"
)

// The test vector of reference/on-demand-broker.md §1.1.
func TestPrivateMaintenanceInfoHasTheHashOfOtherBrokers(t *testing.T) {
	t.Parallel()
	for want, private := range map[string]map[string]string{
		"3cc1a5f59376cd55ed9e207061a0ba44955b228b77ac607e7f68c0d2fb83480b": {"a": "1", "b": "2"},
		"": {},
	} {
		if got := privateHash(private); got != want {
			t.Errorf("%v: %q", private, got)
		}
	}
	if privateHash(map[string]string{"a": "12"}) == privateHash(map[string]string{"a1": "2"}) {
		t.Error("keys run into values")
	}
}

func TestMaintenanceInfoOfAPlanWinsOverTheOfferings(t *testing.T) {
	t.Parallel()
	of := func(offering, plan config.MaintenanceInfo) string {
		info := maintenanceInfo(config.ServiceCatalog{MaintenanceInfo: offering}, config.Plan{MaintenanceInfo: plan})
		if info == nil {
			return "none"
		}
		return fmt.Sprintf("%s|%s|%v|%t", info.Version, info.Description, info.Public, info.Private != "")
	}
	type info = config.MaintenanceInfo
	for _, c := range []struct {
		offering, plan info
		want           string
	}{
		{info{}, info{}, "none"},
		{info{Description: "d"}, info{Description: "e"}, "none"}, // which nobody could compare
		{info{Version: "1", Description: "d"}, info{}, "1|d|map[]|false"},
		{info{Version: "1", Description: "d"}, info{Version: "2"}, "2|d|map[]|false"},
		{info{Public: map[string]string{"a": "1", "b": "1"}}, info{Public: map[string]string{"b": "2"}, Description: "e"}, "|e|map[a:1 b:2]|false"},
		{info{}, info{Private: map[string]string{"x": "y"}}, "||map[]|true"},
	} {
		if diff := cmp.Diff(c.want, of(c.offering, c.plan)); diff != "" {
			t.Errorf("%+v %+v: %s", c.offering, c.plan, diff)
		}
	}
}

// The table of reference/on-demand-broker.md §1.4, as platforms see it.
func TestMaintenanceDecisions(t *testing.T) {
	t.Parallel()
	const (
		conflict  = `{"error":"MaintenanceInfoConflict","description":"passed maintenance_info does not match the catalog maintenance_info"}`
		unoffered = `{"error":"MaintenanceInfoConflict","description":"maintenance_info was passed, but the broker catalog contains no maintenance_info"}`
		first     = `{"description":"service instance needs to be upgraded before updating"}`
	)
	offered := func(version string) func(*config.Config) {
		return func(c *config.Config) { c.ServiceCatalog.Plans[0].MaintenanceInfo.Version = version }
	}
	member := func(name, version string) string {
		if version == "" {
			return ""
		}
		return fmt.Sprintf(`,%q:{"version":%q}`, name, version)
	}
	for name, c := range map[string]struct {
		catalog, request, previous string
		parameters                 string
		want                       string // of an update: update, upgrade, or the refusal
		create                     string // of a creation: accepted, or the refusal
	}{
		"neither":                     {"", "", "", `{"a":2}`, "update", "accepted"},
		"not passed":                  {"2", "", "", `{"a":2}`, "update", "accepted"},
		"not passed, behind":          {"2", "", "1", `{"a":2}`, first, "accepted"},
		"not passed, current":         {"2", "", "2", `{"a":2}`, "update", "accepted"},
		"passed, none offered":        {"", "2", "", `{}`, unoffered, unoffered},
		"passed, another":             {"2", "3", "1", `{}`, conflict, conflict},
		"passed, newer than before":   {"2", "2", "1", `{}`, "upgrade", "accepted"},
		"passed, none before":         {"2", "2", "", `{}`, "upgrade", "accepted"},
		"passed, as before":           {"2", "2", "2", `{"a":2}`, "update", "accepted"},
		"passed, newer, and a change": {"2", "2", "1", `{"a":2}`, first, "accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, offered(c.catalog))
			plain := newHarnessOn(t, h.director)
			plain.created("i1", `{"a":1}`)
			h.director.mu.Lock()
			h.director.diff = `{"diff":[["a","added"]]}`
			h.director.mu.Unlock()
			got := h.send("PATCH", instancePath("i1")+"?accepts_incomplete=true", `{"service_id":"service-1","plan_id":"plan-1","parameters":`+c.parameters+
				member("maintenance_info", c.request)+`,"previous_values":{"plan_id":"plan-1"`+member("maintenance_info", c.previous)+`}}`)
			switch c.want {
			case "update", "upgrade":
				if op := h.accepted(got); !strings.Contains(op, `"OperationType":"`+c.want+`"`) {
					t.Errorf("%s", op)
				}
			default:
				h.want(got, http.StatusUnprocessableEntity, c.want)
			}
			got = h.send("PUT", instancePath("i2")+"?accepts_incomplete=true", `{"service_id":"service-1","plan_id":"plan-1"`+member("maintenance_info", c.request)+`}`)
			if c.create == "accepted" {
				h.accepted(got)
			} else {
				h.want(got, http.StatusUnprocessableEntity, c.create)
			}
		})
	}
}

// OSB 2.17: an upgrade that has nothing to do is answered at once.
func TestUpgradeByThePlatformThatWouldChangeNothingIsOK(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(c *config.Config) { c.ServiceCatalog.MaintenanceInfo.Version = "2" })
	h.created("i1", `{}`)
	h.want(h.send("PATCH", instancePath("i1")+"?accepts_incomplete=true",
		`{"service_id":"service-1","plan_id":"plan-1","maintenance_info":{"version":"2"},"previous_values":{"plan_id":"plan-1","maintenance_info":{"version":"1"}}}`), 200, `{}`)
	h.wantTasks(deploysTask)
}
