package api_test

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
)

// verdicts are what each route answers to each kind of caller, on cody's
// cluster. 401 and 403 must come before any look at the request.
func TestEveryRouteAnswersEveryKindOfCaller(t *testing.T) {
	t.Parallel()
	const ok, forbidden, unauthorized, unavailable = "ok", "403", "401", "503"
	reads := map[string]string{"admin": ok, "reader": ok, "both": ok, "cody": ok, "naomi": forbidden, "cody-ldap": forbidden, "cody-robot": forbidden}
	changes := map[string]string{"admin": ok, "reader": forbidden, "both": forbidden, "cody": ok, "naomi": forbidden, "cody-ldap": forbidden, "cody-robot": forbidden}
	lists := map[string]string{"admin": ok, "reader": ok, "both": ok, "cody": ok, "naomi": ok, "cody-ldap": ok, "cody-robot": ok}
	creates := map[string]string{"admin": ok, "reader": forbidden, "both": ok, "cody": ok, "naomi": ok, "cody-ldap": ok, "cody-robot": ok}
	supports := map[string]string{"admin": ok, "reader": ok, "both": ok, "cody": forbidden, "naomi": forbidden, "cody-ldap": forbidden, "cody-robot": forbidden}
	admins := map[string]string{"admin": ok, "reader": forbidden, "both": forbidden, "cody": forbidden, "naomi": forbidden, "cody-ldap": forbidden, "cody-robot": forbidden}
	byName := map[string]string{"admin": ok, "reader": ok, "both": ok, "cody": ok, "naomi": forbidden, "cody-ldap": ok, "cody-robot": ok} // an owner is known by name
	const create = `{"name":"new","plan_name":"small","parameters":{"kubernetes_master_host":"new.example.com"}}`
	untested := map[string]bool{}
	for _, line := range newWorld(t).api.Lines() {
		untested[line] = true
	}
	for _, line := range []struct {
		method, path, body string
		want               map[string]string
	}{
		{"GET", "/v1/clusters", "", lists},
		{"POST", "/v1/clusters", create, creates},
		{"GET", "/v1/clusters/demo", "", reads},
		{"PATCH", "/v1/clusters/demo", `{"kubernetes_worker_instances":2}`, changes},
		{"DELETE", "/v1/clusters/demo", "", changes},
		{"GET", "/v1/clusterdetails/demo", "", reads},
		{"GET", "/v1/clusters/demo/events", "", reads},
		{"GET", "/v1/clusters/demo/history", "", reads},
		{"GET", "/v1/clusters/demo/machines", "", reads},
		{"POST", "/v1/clusters/busy/cancel", "", changes},
		{"POST", "/v1/clusters/failed/retry", "", changes},
		{"GET", "/v1/clusters/demo/certificates", "", reads},
		{"POST", "/v1/clusters/demo/rotate-certificates", `{"all":true}`, changes},
		{"POST", "/v1/clusters/demo/promote-to-policy", "", inVain(changes)},
		{"POST", "/v1/clusters/demo/binds", "", changes},
		{"GET", "/v1/clusters/demo/binds/alana", "", changes},
		{"PATCH", "/v1/clusters", `{"clusters":["demo"]}`, changes},
		{"GET", "/v1/tasks", "", lists},
		{"GET", "/v1/tasks/" + codysTask, "", reads},
		{"PUT", "/v1/tasks/" + codysTask, "", changes},
		{"POST", "/v1/tasks/" + codysTask + "/pause", "", changes},
		{"POST", "/v1/tasks/" + codysTask + "/resume", "", changes},
		{"GET", "/v1/upgradable", "", lists},
		{"GET", "/v1/plans", "", lists},
		{"GET", "/v1/network-profiles", "", lists},
		{"POST", "/v1/network-profiles", fmt.Sprintf(profileRequest, `{"lb_size":"small"}`), admins},
		{"GET", "/v1/network-profiles/np", "", lists},
		{"DELETE", "/v1/network-profiles/np", "", admins},
		{"GET", "/v1/compute-profiles", "", lists},
		{"POST", "/v1/compute-profiles", fmt.Sprintf(profileRequest, smallNodes), admins},
		{"GET", "/v1/compute-profiles/cp", "", lists},
		{"DELETE", "/v1/compute-profiles/cp", "", admins},
		{"GET", "/v1/kubernetes-profiles", "", creates},
		{"POST", "/v1/kubernetes-profiles", `{"name":"new",` + portsOnly[1:], creates},
		{"GET", "/v1/kubernetes-profiles/kp", "", changes},
		{"DELETE", "/v1/kubernetes-profiles/kp", "", changes},
		{"GET", "/v1/quotas", "", lists},
		{"POST", "/v1/quotas", `{"owner":"naomi","limit":{"cpu":1}}`, admins},
		{"GET", "/v1/quotas/cody", "", byName},
		{"PATCH", "/v1/quotas/cody", `{"limit":{"cpu":1}}`, admins},
		{"DELETE", "/v1/quotas/cody", "", admins},
		{"GET", "/v1/usages", "", lists},
		{"GET", "/v1/usages/cody", "", byName},
		{"GET", "/service_instances", "", supports},
	} {
		for known := range untested {
			if lineForm(known).MatchString(line.method + " " + line.path) {
				delete(untested, known)
			}
		}
		want := map[string]string{
			"": unauthorized, "garbage": unauthorized, "a b": unauthorized, "unchecked": unavailable,
			"scopeless": forbidden, "lookalike": forbidden,
		}
		for token, verdict := range line.want {
			want[token] = verdict
		}
		got := map[string]string{}
		for token := range want {
			w := offered(t).with("demo", cody).with("busy", cody, inProgress(pks.ActionUpdate)).with("failed", cody, failed(pks.ActionUpdate))
			w.landing = pks.LandedUntouched
			before := w.snapshot()
			answer := w.send(request{method: line.method, path: line.path, token: token, body: line.body})
			got[token] = ok
			if answer.status >= 300 {
				got[token] = fmt.Sprint(answer.status)
				if diff := cmp.Diff(before, w.snapshot(), addresses); diff != "" || len(w.binds)+w.changes > 0 {
					t.Errorf("%s %s refused to %q, but something happened: %s", line.method, line.path, token, diff)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %s: %s", line.method, line.path, diff)
		}
	}
	for line := range untested {
		t.Errorf("%s is in the table, but not in this test", line)
	}
}

// lineForm matches the requests that a line of the table is for.
func lineForm(line string) *regexp.Regexp {
	return regexp.MustCompile("^" + regexp.MustCompile(`\{[^}]+\}`).ReplaceAllString(line, "[^/]+") + "$")
}

func TestPublicRoutesNeedNoToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/actuator/health", "/actuator/info", "/openapi.json", "/v2/api-docs"} {
		for _, token := range []string{"", "garbage", "scopeless"} {
			if got := w.send(request{method: "GET", path: path, token: token}); got.status != http.StatusOK {
				t.Errorf("%s with token %q: %d", path, token, got.status)
			}
		}
	}
}

// A Go client decodes the body into a map of strings and logs in again when
// error is invalid_token (reference/pks-api.md §0).
func TestRefusedTokenHasTheBodyThatClientsDecode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, test := range map[string]struct {
		header http.Header
		want   map[string]string
		auth   string
	}{
		"none": {nil, map[string]string{"error": "unauthorized", "error_description": "Full authentication is required to access this resource.",
			"body": "Full authentication is required to access this resource. Log in again with 'pks login'."}, "Bearer"},
		"bad": {http.Header{"Authorization": {"Bearer garbage"}}, map[string]string{"error": "invalid_token",
			"error_description": "The access token is not valid or has expired.",
			"body":              "The access token is not valid or has expired. Log in again with 'pks login'."},
			`Bearer error="invalid_token", error_description="The access token is not valid or has expired"`},
		"basic": {http.Header{"Authorization": {"Basic YTpi"}}, map[string]string{"error": "invalid_token",
			"error_description": "The access token is not valid or has expired.",
			"body":              "The access token is not valid or has expired. Log in again with 'pks login'."},
			`Bearer error="invalid_token", error_description="The access token is not valid or has expired"`},
		"two": {http.Header{"Authorization": {"Bearer admin", "Bearer admin"}}, map[string]string{"error": "invalid_token",
			"error_description": "The access token is not valid or has expired.",
			"body":              "The access token is not valid or has expired. Log in again with 'pks login'."},
			`Bearer error="invalid_token", error_description="The access token is not valid or has expired"`},
	} {
		got := w.send(request{method: "GET", path: "/v1/clusters", header: test.header})
		var flat map[string]string
		got.decode(t, &flat)
		test.want["code"] = "unauthenticated"
		test.want["remedy"] = "Log in again with 'pks login'."
		test.want["request_id"] = got.header.Get("X-Request-Id")
		if diff := cmp.Diff(test.want, flat); diff != "" || got.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, got.status, diff)
		}
		if diff := cmp.Diff(test.auth, got.header.Get("WWW-Authenticate")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if lines := w.logs.lines(t, "credentials refused"); len(lines) != 4 {
		t.Errorf("%d log lines tell why tokens were refused", len(lines))
	}
}

func TestSchemeWordIsReadInAnyCase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, scheme := range []string{"Bearer", "bearer", "BEARER"} {
		got := w.send(request{method: "GET", path: "/v1/plans", header: http.Header{"Authorization": {scheme + " admin"}}})
		if got.status != http.StatusOK {
			t.Errorf("%s: %d", scheme, got.status)
		}
	}
}

func TestTokenInTheQueryIsNotSeen(t *testing.T) {
	t.Parallel()
	got := newWorld(t).send(request{method: "GET", path: "/v1/plans?access_token=admin"})
	if got.status != http.StatusUnauthorized {
		t.Errorf("%d", got.status)
	}
}

func TestMissingRightsHaveTheTextThatUsersKnow(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody)
	for _, r := range []request{
		{method: "GET", path: "/v1/clusters/demo", token: "naomi"},
		{method: "GET", path: "/v1/plans", token: "scopeless"},
	} {
		got := w.send(r)
		want := "You do not have enough privileges to perform this action. Please contact the PKS administrator."
		if diff := cmp.Diff(want, problemBody(t, got)); diff != "" || got.status != http.StatusForbidden {
			t.Errorf("%d %s", got.status, diff)
		}
		if diff := cmp.Diff(`Bearer error="insufficient_scope"`, got.header.Get("WWW-Authenticate")); diff != "" {
			t.Error(diff)
		}
	}
}
