package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/pks"
)

func TestBindIgnoresWhateverBodyItGets(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]request{
		"nothing":             {},
		"empty object":        {body: "{}"},
		"empty string":        {body: `""`},
		"a create by mistake": {body: `{"name":"x","plan_name":"y"}`},
		"not JSON":            {body: "<x/>", header: http.Header{"Content-Type": {"text/xml"}}},
		"type without a body": {header: http.Header{"Content-Type": {"Application/JSON ; charset=UTF-8"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).with("demo", cody)
			r.method, r.path, r.token = "POST", "/v1/clusters/demo/binds", "cody"
			got := w.send(r)
			if got.status != http.StatusCreated {
				t.Fatalf("%d %s", got.status, got.body)
			}
			want := []lifecycle.BindRequest{{ClusterID: w.clusters["demo"].ID, User: "cody", By: cody, RequestID: got.header.Get("X-Request-Id")}}
			if diff := cmp.Diff(want, w.binds); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBindingByNameAsksForThatUser(t *testing.T) {
	t.Parallel()
	for path, user := range map[string]string{
		"/v1/clusters/demo/binds/alana":                                  "alana",
		"/v1/clusters/demo/binds/alana%40example.com":                    "alana@example.com",
		"/v1/clusters/demo/binds/admin?suppressClusterRoleBinding=false": "admin",
		"/v1/clusters/demo/binds/cody?suppressClusterRoleBinding=true":   "cody",
	} {
		w := newWorld(t).with("demo", cody)
		got := w.send(request{method: "GET", path: path, token: "cody"})
		if got.status != http.StatusOK || !strings.Contains(got.body, user) {
			t.Fatalf("%s: %d %s", path, got.status, got.body)
		}
		want := []lifecycle.BindRequest{{ClusterID: w.clusters["demo"].ID, User: user, WithoutRights: strings.Contains(path, "=true"), By: cody, RequestID: got.header.Get("X-Request-Id")}}
		if diff := cmp.Diff(want, w.binds); diff != "" {
			t.Error(diff)
		}
	}
}

func TestBindingByNameRefusesWhatItCannotDo(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/v1/clusters/demo/binds/alana?suppressClusterRoleBinding=x": `suppressClusterRoleBinding is "x"; it must be true or false. Correct the value and send the request again.`,
		"/v1/clusters/demo/binds/%20":                                `The user name " " cannot be used. Use up to 253 letters, digits and '@', '.', '_', '+', '-'.`,
		"/v1/clusters/demo/binds/a%0Ab":                              `The user name "a\nb" cannot be used. Use up to 253 letters, digits and '@', '.', '_', '+', '-'.`,
	} {
		w := newWorld(t).with("demo", cody)
		got := w.send(request{method: "GET", path: path, token: "cody"})
		if diff := cmp.Diff(want, problemBody(t, got)); diff != "" || got.status != http.StatusBadRequest || len(w.binds) != 0 {
			t.Errorf("%s: %d %s", path, got.status, diff)
		}
	}
}

func TestBindPassesTheBrokersTextOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody)
	text := "Status: 500; ErrorMessage: <nil>; Description: There was a problem completing your request.; ResponseError: <nil>"
	w.failNext = pks.Failf(pks.CodeBrokerRefused, "%s", text).WithRemedy("")
	got := w.send(request{method: "POST", path: "/v1/clusters/demo/binds", token: "cody"})
	if diff := cmp.Diff(text, problemBody(t, got)); diff != "" || got.status != http.StatusInternalServerError {
		t.Errorf("%d %s", got.status, diff)
	}
}

func TestCredentialsAreNeitherLoggedNorCached(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody)
	got := w.send(request{method: "POST", path: "/v1/clusters/demo/binds", token: "cody"})
	if !strings.Contains(got.body, "secret-token") {
		t.Fatal("the answer has no credential to look for")
	}
	if strings.Contains(w.logs.String(), "secret-token") {
		t.Error("the credential is in the log")
	}
	if got := got.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
}
