package api_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/api"
	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

const (
	listPassword = "pass:wörd"
	offersLogin  = `Basic realm="pks-api", charset="UTF-8"`
)

// withLogin opens the list of service instances to a broker's login.
func withLogin(c *api.Config) {
	c.InstancesLogin = pks.BasicCredentials{Username: "broker", Password: listPassword}
}

func basic(username, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))
}

func listInstances(authorization ...string) request {
	return request{method: "GET", path: "/service_instances", header: http.Header{"Authorization": authorization}}
}

func TestBrokersListEveryClusterByTheirLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withLogin).with("demo", cody).with("other", naomi)
	for _, authorization := range []string{basic("broker", listPassword), strings.Replace(basic("broker", listPassword), "Basic", "bAsIc", 1), "Bearer admin"} {
		got := w.send(listInstances(authorization))
		var instances []v1.ServiceInstance
		got.decode(t, &instances)
		want := []v1.ServiceInstance{
			{ServiceInstanceID: w.clusters["demo"].ID, PlanID: testPlans()[0].ID},
			{ServiceInstanceID: w.clusters["other"].ID, PlanID: testPlans()[0].ID},
		}
		if diff := cmp.Diff(want, instances); diff != "" || got.status != http.StatusOK {
			t.Errorf("%d %s", got.status, diff)
		}
	}
	if got := newWorld(t, withLogin).send(listInstances(basic("broker", listPassword))); got.body != "[]" {
		t.Errorf("without clusters: %s", got.body)
	}
}

func TestWrongLoginsAreRefusedAndToldHowToLogIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withLogin).with("demo", cody)
	const bad, none, invalid = "The user name or the password is wrong.", "Full authentication is required to access this resource.", "The access token is not valid or has expired."
	for name, test := range map[string]struct {
		authorization []string
		says          string
	}{
		"password":       {[]string{basic("broker", "wrong")}, bad},
		"shorter":        {[]string{basic("broker", listPassword[:4])}, bad},
		"longer":         {[]string{basic("broker", listPassword+"x")}, bad},
		"user name":      {[]string{basic("admin", listPassword)}, bad},
		"empty":          {[]string{basic("", "")}, bad},
		"no colon":       {[]string{"Basic " + base64.StdEncoding.EncodeToString([]byte("broker"))}, bad},
		"not base64":     {[]string{"Basic §§§"}, bad},
		"nothing":        {[]string{"Basic"}, bad},
		"none":           {nil, none},
		"two":            {[]string{basic("broker", listPassword), basic("broker", listPassword)}, invalid},
		"with a token":   {[]string{basic("broker", listPassword), "Bearer admin"}, invalid},
		"as a token":     {[]string{"Bearer " + listPassword}, invalid},
		"another scheme": {[]string{"Digest " + listPassword}, invalid},
	} {
		got := w.send(listInstances(test.authorization...))
		if !strings.HasPrefix(problemBody(t, got), test.says) || got.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		challenges := got.header.Values("WWW-Authenticate")
		if len(challenges) != 2 || challenges[0] != offersLogin || !strings.HasPrefix(challenges[1], "Bearer") {
			t.Errorf("%s: challenges %q", name, challenges)
		}
		if strings.Contains(got.body, listPassword) {
			t.Errorf("%s: the password is in the answer: %s", name, got.body)
		}
	}
	if strings.Contains(w.logs.String(), listPassword) {
		t.Error("the password is in the log")
	}
	if lines := w.logs.lines(t, "credentials refused"); len(lines) != 13 {
		t.Errorf("%d log lines tell of refusals", len(lines))
	}
}

// A login that was meant for one list must not open the rest.
func TestBrokersLoginOpensNothingElse(t *testing.T) {
	t.Parallel()
	for _, r := range []request{
		{method: "GET", path: "/v1/clusters"},
		{method: "POST", path: "/v1/clusters", body: createWith("demo", "other")},
		{method: "GET", path: "/v1/clusters/demo"},
		{method: "DELETE", path: "/v1/clusters/demo"},
		{method: "POST", path: "/v1/clusters/demo/binds"},
		{method: "GET", path: "/v1/plans"},
	} {
		w := newWorld(t, withLogin).with("demo", cody)
		before := w.snapshot()
		r.header = http.Header{"Authorization": {basic("broker", listPassword)}}
		got := w.send(r)
		if challenges := got.header.Values("WWW-Authenticate"); got.status != http.StatusUnauthorized || len(challenges) != 1 || strings.Contains(challenges[0], "Basic") {
			t.Errorf("%s %s: %d, challenges %q", r.method, r.path, got.status, challenges)
		}
		if diff := cmp.Diff(before, w.snapshot(), addresses); diff != "" {
			t.Error(diff)
		}
	}
}

func TestWithoutALoginTheListTakesTokensOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, authorization := range []string{basic("", ""), basic("broker", ""), basic("broker", listPassword)} {
		got := w.send(listInstances(authorization))
		if diff := cmp.Diff([]string{`Bearer error="invalid_token", error_description="The access token is not valid or has expired"`}, got.header.Values("WWW-Authenticate")); diff != "" || got.status != http.StatusUnauthorized {
			t.Errorf("%d %s", got.status, diff)
		}
	}
}

func TestForbiddenIsNotAnsweredWithAnOfferToLogIn(t *testing.T) {
	t.Parallel()
	got := newWorld(t, withLogin).send(listInstances("Bearer cody"))
	if diff := cmp.Diff([]string{`Bearer error="insufficient_scope"`}, got.header.Values("WWW-Authenticate")); diff != "" || got.status != http.StatusForbidden {
		t.Errorf("%d %s", got.status, diff)
	}
}
