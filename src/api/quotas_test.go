package api_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/pks"
)

func TestQuotasAreWrittenAsClientsKnowThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, step := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/v1/quotas", "", 200, `[]`},
		{"POST", "/v1/quotas", `{"owner":"cody","limit":{"cpu":4,"memory":5,"cluster":10}}`, 201, `{"owner":"cody","limit":{"cpu":4,"memory":5.0,"cluster":10}}`},
		{"GET", "/v1/quotas/cody", "", 200, `{"owner":"cody","limit":{"cpu":4,"memory":5.0,"cluster":10}}`},
		{"PATCH", "/v1/quotas/cody", `{"owner":"cody","limit":{"cpu":"8","memory":"2.5"}}`, 200, `{"owner":"cody","limit":{"cpu":8,"memory":2.5,"cluster":10}}`},
		{"POST", "/v1/quotas", `{"owner":"a b/ü","limit":{"cluster":1,"cpu":null}}`, 201, `{"owner":"a b/ü","limit":{"cluster":1}}`},
		{"GET", "/v1/quotas/a%20b%2F%C3%BC", "", 200, `{"owner":"a b/ü","limit":{"cluster":1}}`},
		{"GET", "/v1/quotas/", "", 200, `[{"owner":"a b/ü","limit":{"cluster":1}},{"owner":"cody","limit":{"cpu":8,"memory":2.5,"cluster":10}}]`},
		{"DELETE", "/v1/quotas/cody", "", 204, ""},
	} {
		r := request{method: step.method, path: step.path, token: "admin", body: step.body}
		got := w.send(r)
		if diff := cmp.Diff(step.want, got.body); diff != "" || got.status != step.status {
			t.Errorf("%s %s: %d %s", step.method, step.path, got.status, diff)
		}
	}
	for _, method := range []string{"GET", "DELETE"} {
		got := w.send(request{method: method, path: "/v1/quotas/cody", token: "admin"})
		if text := problemBody(t, got); got.status != http.StatusNotFound || text != "The quota owner named: 'cody' not found." {
			t.Errorf("%s: %d %s", method, got.status, text)
		}
	}
}

func TestBadQuotasAreRefusedAndNotStored(t *testing.T) {
	t.Parallel()
	const correct = " Correct the value and send the request again."
	for body, want := range map[string]string{
		`{"limit":{"cpu":1}}`:                            "owner is missing. Name the user or the client whose clusters are meant.",
		`{"owner":"cody"}`:                               `limit is missing. Add it: {"cpu":4,"memory":5.0,"cluster":10}.`,
		`{"owner":"cody","limit":{}}`:                    `limit has neither cpu nor memory nor cluster. Add at least one: {"cpu":4,"memory":5.0,"cluster":10}.`,
		`{"owner":"cody","limit":[]}`:                    "limit is an array; it must be an object." + correct,
		`{"owner":7,"limit":{"cpu":1}}`:                  "owner is a number; it must be a string." + correct,
		`{"owner":"cody","limit":{"cpu":1.5}}`:           "limit.cpu is 1.5; it must be a whole number." + correct,
		`{"owner":"cody","limit":{"cpu":-1}}`:            "limit.cpu is -1; it must be from 0 to 1073741824." + correct,
		`{"owner":"cody","limit":{"memory":"much"}}`:     `limit.memory is "much"; it must be a number.` + correct,
		`{"owner":"cody","limit":{"memory":true}}`:       "limit.memory is a boolean; it must be a number." + correct,
		`{"owner":"cody","limit":{"memory":"NaN"}}`:      `limit.memory is "NaN"; it must be a number.` + correct,
		`{"owner":"cody","limit":{"memory":1e999}}`:      "limit.memory is 1e999, which is too large." + correct,
		`{"owner":"cody","limit":{"memory":-0.5}}`:       "limit.memory is -0.5; it must be from 0 to 1073741824 GB." + correct,
		`{"owner":"cody","limit":{"cluster":0}}`:         "limit.cluster is 0; it must be from 1 to 1073741824." + correct,
		`{"owner":"co\ndy","limit":{"cpu":1}}`:           `owner "co\ndy" holds characters that no user name has.` + correct,
		`{"owner":"cody","owner":"x","limit":{"cpu":1}}`: `The request body has the member owner twice. Send one JSON object, for example {"name":"demo"}.`,
	} {
		w := newWorld(t)
		got := w.send(request{method: "POST", path: "/v1/quotas", token: "admin", body: body})
		if text := problemBody(t, got); got.status != http.StatusBadRequest || w.changes != 0 || text != want {
			t.Errorf("%s: %d\n got %s\nwant %s", body, got.status, text, want)
		}
	}
	w := offered(t)
	got := w.send(request{method: "PATCH", path: "/v1/quotas/cody", token: "admin", body: `{"owner":"naomi","limit":{"cpu":1}}`})
	if text := problemBody(t, got); got.status != http.StatusBadRequest || text != `owner is "naomi", but the path names "cody". Leave owner out: a quota cannot be given to another.` {
		t.Errorf("%d %s", got.status, text)
	}
}

func TestOwnersSeeTheirOwnQuotaAndUsageAlone(t *testing.T) {
	t.Parallel()
	w := offered(t).with("codys", cody).with("naomis", naomi)
	w.quotas["naomi"] = pks.Quota{Owner: "naomi", Limit: pks.Limit{CPU: new(1)}}
	for path, want := range map[string]string{
		"/v1/quotas":       `[{"owner":"naomi","limit":{"cpu":1}}]`,
		"/v1/quotas/naomi": `{"owner":"naomi","limit":{"cpu":1}}`,
	} {
		if got := w.send(request{method: "GET", path: path, token: "naomi"}); got.body != want {
			t.Errorf("%s: %s", path, got.body)
		}
	}
	var usages []struct{ Owner string }
	w.send(request{method: "GET", path: "/v1/usages", token: "naomi"}).decode(t, &usages)
	if diff := cmp.Diff([]struct{ Owner string }{{"naomi"}}, usages); diff != "" {
		t.Error(diff)
	}
	for _, path := range []string{"/v1/quotas/cody", "/v1/usages/cody"} {
		if got := w.send(request{method: "GET", path: path, token: "naomi"}); got.status != http.StatusForbidden {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	// A namesake of another identity provider shares the quota, not the clusters.
	got := w.send(request{method: "GET", path: "/v1/usages/cody", token: "cody-ldap"})
	if want := `{"owner":"cody","totals":{"cpu":0,"memory":0.0,"cluster":0},"clusters":[]}`; got.body != want {
		t.Errorf("%s", got.body)
	}
}

func TestUsagesAreWhatBOSHToldElseTheSpec(t *testing.T) {
	t.Parallel()
	sized := pks.MachineSize{CPU: 2, MemoryMB: 1536}
	w := newWorld(t).
		with("seen", cody, func(c *pks.Cluster) {
			c.Machines = pks.Machines{Observed: true, Groups: []pks.MachineGroup{{Name: "master", Instances: 1, MachineSize: sized}, {Name: "worker", Instances: 2, MachineSize: sized}}}
		}).
		with("changing", cody, func(c *pks.Cluster) {
			c.Machines = pks.Machines{Groups: []pks.MachineGroup{{Name: "master", Instances: 3, MachineSize: sized}}}
		}).
		with("old", naomi)
	want := `[{"owner":"cody","totals":{"cpu":12,"memory":9.0,"cluster":2},"clusters":[` +
		`{"name":"changing","cpu":6,"memory":4.5,"source":"spec"},{"name":"seen","cpu":6,"memory":4.5,"source":"bosh"}]},` +
		`{"owner":"naomi","totals":{"cpu":0,"memory":0.0,"cluster":1},"clusters":[{"name":"old","cpu":0,"memory":0.0,"source":"spec","incomplete":true}]}]`
	if got := w.send(request{method: "GET", path: "/v1/usages", token: "reader"}); got.body != want || got.status != http.StatusOK {
		t.Errorf("%d\n got %s\nwant %s", got.status, got.body, want)
	}
	one := `{"owner":"nobody","totals":{"cpu":0,"memory":0.0,"cluster":0},"clusters":[]}`
	if got := w.send(request{method: "GET", path: "/v1/usages/nobody", token: "admin"}); got.body != one || got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestQuotasConcernWhoeverIsNoAdministrator(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]bool{"cody": false, "admin": true} {
		w := newWorld(t).with("demo", cody)
		var asked []bool
		w.onCreate = func(r lifecycle.CreateRequest) { asked = append(asked, r.QuotaExempt) }
		w.onUpdate = func(r lifecycle.UpdateRequest) { asked = append(asked, r.QuotaExempt) }
		w.send(request{method: "POST", path: "/v1/clusters", token: token, body: `{"name":"new","plan_name":"small","parameters":{"kubernetes_master_host":"a.b"}}`})
		w.send(request{method: "PATCH", path: "/v1/clusters/demo", token: token, body: `{"kubernetes_worker_instances":2}`})
		if diff := cmp.Diff([]bool{want, want}, asked); diff != "" {
			t.Errorf("%s: %s", token, diff)
		}
	}
}

func TestExceededQuotaIsNotAMissingRight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.failNext = pks.Failf(pks.CodeQuotaExceeded, "The quota of cody would be exceeded: limit 4 CPUs, 3 in use, 5 more requested.")
	got := w.send(request{method: "POST", path: "/v1/clusters", token: "cody", body: `{"name":"new","plan_name":"small","parameters":{"kubernetes_master_host":"a.b"}}`})
	want := "The quota of cody would be exceeded: limit 4 CPUs, 3 in use, 5 more requested. Delete or shrink a cluster, or ask an administrator to raise the quota."
	if text := problemBody(t, got); text != want || got.status != http.StatusForbidden || got.header.Get("WWW-Authenticate") != "" {
		t.Errorf("%d %s", got.status, text)
	}
}

// FuzzProfileBody: whatever the body, it makes a profile that is valid by the
// domain's rules, or nothing.
func FuzzProfileBody(f *testing.F) {
	f.Add("network", `{"name":"x","parameters":"{\"lb_size\":\"large\"}"}`)
	f.Add("compute", `{"name":"x","description":"d","parameters":`+smallNodes+`}`)
	f.Add("kubernetes", `{"name":"x",`+portsOnly[1:])
	f.Fuzz(func(t *testing.T, kind, body string) {
		switch kind {
		case "network", "compute", "kubernetes":
		default:
			kind = "kubernetes"
		}
		w := newWorld(t)
		got := w.send(request{method: "POST", path: "/v1/" + kind + "-profiles", token: "admin", body: body, header: beyond()})
		switch got.status {
		case http.StatusCreated:
			for _, p := range w.profiles {
				if err := pks.ValidateProfile(p); err != nil {
					t.Errorf("stored an invalid profile: %v", err)
				}
			}
		case http.StatusBadRequest:
			if w.changes != 0 || problemBody(t, got) == "" {
				t.Errorf("%d changes after a refusal: %s", w.changes, got.body)
			}
		default:
			t.Errorf("status %d: %s", got.status, got.body)
		}
	})
}

// FuzzQuotaBody: whatever the body, what is stored is valid.
func FuzzQuotaBody(f *testing.F) {
	f.Add(`{"owner":"cody","limit":{"cpu":4,"memory":5.0,"cluster":"10"}}`)
	f.Add(`{"limit":{"memory":1e300}}`)
	f.Fuzz(func(t *testing.T, body string) {
		w := offered(t)
		for _, r := range []request{{method: "POST", path: "/v1/quotas"}, {method: "PATCH", path: "/v1/quotas/cody"}} {
			r.token, r.body, r.header = "admin", body, beyond()
			switch got := w.send(r); got.status {
			case http.StatusOK, http.StatusCreated, http.StatusConflict, http.StatusBadRequest:
			default:
				t.Errorf("%s: %d %s", r.method, got.status, got.body)
			}
		}
		for _, q := range w.quotas {
			if err := q.Validate(); err != nil {
				t.Errorf("stored %+v: %v", q, err)
			}
		}
	})
}
