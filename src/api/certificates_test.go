package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

func TestCertificatesThatExpireSoonComeFirst(t *testing.T) {
	t.Parallel()
	for query, want := range map[string][]string{
		"":           {"/d/demo/tls-etcd Leaf -2", "/d/demo/tls-kubernetes Leaf 20", "/d/demo/kubo_ca Root 1000"},
		"?days=20":   {"/d/demo/tls-etcd Leaf -2", "/d/demo/tls-kubernetes Leaf 20"},
		"?days=0":    {"/d/demo/tls-etcd Leaf -2"},
		"?days=9999": {"/d/demo/tls-etcd Leaf -2", "/d/demo/tls-kubernetes Leaf 20", "/d/demo/kubo_ca Root 1000"},
	} {
		w := newWorld(t).with("demo", cody)
		answer := w.send(request{method: "GET", path: "/v1/clusters/demo/certificates" + query, token: "cody"})
		var found []v1.Certificate
		if err := json.Unmarshal([]byte(answer.body), &found); err != nil || answer.status != http.StatusOK {
			t.Fatalf("%d %s", answer.status, answer.body)
		}
		got := []string{}
		for _, c := range found {
			if until, err := time.Parse(time.RFC3339, c.ValidUntil); err != nil || until.Location() != time.UTC {
				t.Errorf("%s is valid until %q", c.Name, c.ValidUntil)
			}
			got = append(got, strings.Join([]string{c.Name, c.Type, jsonNumber(t, c.DaysLeft)}, " "))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	for _, days := range []string{"x", "-1", "1.5", "99999999999"} {
		w := newWorld(t).with("demo", cody)
		if got := w.send(request{method: "GET", path: "/v1/clusters/demo/certificates?days=" + days, token: "cody"}); got.status != http.StatusBadRequest {
			t.Errorf("days=%s: %d", days, got.status)
		}
	}
}

func jsonNumber(t *testing.T, n int) string {
	t.Helper()
	raw, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestRotationIsAnUpdateThatIsAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody)
	got := w.send(request{method: "POST", path: "/v1/clusters/demo/rotate-certificates", token: "cody", body: `{"all":true,"skip_nsx":true}`})
	var cluster v1.Cluster
	if err := json.Unmarshal([]byte(got.body), &cluster); err != nil || got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	want := pks.CertificateAuthorities{Generation: 1, Phase: pks.RotationIntroduced}
	if w.clusters["demo"].Spec.Certificates != want || cluster.LastAction != "UPDATE" || cluster.LastActionState != "in progress" {
		t.Errorf("%+v: %s", w.clusters["demo"].Spec.Certificates, got.body)
	}
}

func TestRotationsThatAreRefused(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{}`:                `all or only_nsx must be true. Correct the value and send the request again.`,
		`{"all":false}`:     `all or only_nsx must be true. Correct the value and send the request again.`,
		`{"only_nsx":true}`: `The cluster has no certificates that are registered at NSX-T. Set all to rotate those that it has.`,
	} {
		w := newWorld(t).with("demo", cody)
		got := w.send(request{method: "POST", path: "/v1/clusters/demo/rotate-certificates", token: "cody", body: body})
		if diff := cmp.Diff(want, problemBody(t, got)); diff != "" || got.status != http.StatusBadRequest || w.changes != 0 {
			t.Errorf("%s: %d %s", body, got.status, diff)
		}
	}
	for _, action := range []string{"rotate-certificates", "promote-to-policy"} {
		w := newWorld(t).with("demo", cody, func(c *pks.Cluster) { c.ProductVersion = "0.9.0" })
		got := w.send(request{method: "POST", path: "/v1/clusters/demo/" + action, token: "cody", body: `{"all":true}`})
		if want := "The cluster demo is from previous installation, please upgrade cluster before current operation"; problemBody(t, got) != want {
			t.Errorf("%s: %d %s", action, got.status, got.body)
		}
	}
	w := newWorld(t).with("demo", cody)
	got := w.send(request{method: "POST", path: "/v1/clusters/demo/promote-to-policy", token: "cody"})
	if want := "Cluster demo does not use the management-plane API of NSX-T. There is nothing to promote."; problemBody(t, got) != want || got.status != http.StatusBadRequest {
		t.Errorf("%d %s", got.status, got.body)
	}
}
