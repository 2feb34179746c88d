package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/api"
	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

// newVersionedWorld hands out another Kubernetes version than its clusters run.
func newVersionedWorld(t testing.TB, kubernetes string) *world {
	return newWorld(t, func(c *api.Config) { c.KubernetesVersion = kubernetes })
}

func TestClusterBehindTheServerCanBeUpgradedAndScaledOnly(t *testing.T) {
	t.Parallel()
	w := newVersionedWorld(t, "1.35.0").with("demo", cody).with("tagged", cody, func(c *pks.Cluster) { c.Spec.Tags = []pks.Tag{{Name: "a"}} })
	var read v1.Cluster
	w.send(request{method: "GET", path: "/v1/clusters/demo", token: "cody"}).decode(t, &read)
	if diff := cmp.Diff([]v1.Upgrade{{Component: "kubernetes", Version: "1.35.0"}}, read.AvailableUpgrades); diff != "" {
		t.Error(diff)
	}
	for _, test := range []struct {
		path, body string
		status     int
	}{
		{"demo", `{"cluster_tags":[{"name":"a","value":"b"}]}`, 409},
		{"demo", `{"kubernetes_worker_instances":2,"kubelet_drain_timeout":"5"}`, 409},
		{"tagged", `{"kubernetes_worker_instances":2}`, 409},
		{"tagged", `{"deletion_lock":true}`, 202},
		{"demo", `{"kubernetes_worker_instances":2}`, 202},
	} {
		got := w.send(request{method: "PATCH", path: "/v1/clusters/" + test.path, token: "cody", body: test.body})
		if got.status != test.status {
			t.Errorf("%s: %d %s", test.body, got.status, got.body)
		}
		if got.status == 409 {
			want := "The cluster " + test.path + " is from previous installation, please upgrade cluster before current operation"
			if diff := cmp.Diff(want, problemBody(t, got)); diff != "" {
				t.Error(diff)
			}
		}
	}
}

func TestDeletionLock(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody)
	got := w.send(request{method: "PATCH", path: "/v1/clusters/demo", token: "cody", body: `{"deletion_lock":"true"}`})
	var read v1.Cluster
	got.decode(t, &read)
	if got.status != http.StatusAccepted || !read.DeletionLock || read.LastAction != "CREATE" {
		t.Errorf("%d %s", got.status, got.body)
	}
	var problem v1.ErrorResponse
	got = w.send(request{method: "DELETE", path: "/v1/clusters/demo", token: "cody"})
	got.decode(t, &problem)
	if got.status != http.StatusConflict || problem.Code != "deletion_locked" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := w.send(request{method: "PATCH", path: "/v1/clusters/demo", token: "cody", body: `{"deletion_lock":false}`}); got.status != http.StatusAccepted {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := w.send(request{method: "DELETE", path: "/v1/clusters/demo", token: "cody"}); got.status != http.StatusNoContent {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestCustomCAIsForCreationAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody)
	for _, test := range []struct{ method, path, body, want string }{
		{"POST", "/v1/clusters", `{"name":"new","plan_name":"small","parameters":{"kubernetes_master_host":"h","custom_ca":{"certificate":"x"}}}`,
			"parameters.custom_ca.certificate is not in PEM form. Give a self-signed root certificate with basicConstraints CA:TRUE in PEM form, and its unencrypted RSA key."},
		{"POST", "/v1/clusters", `{"name":"new","plan_name":"small","parameters":{"kubernetes_master_host":"h","custom_ca":"x"}}`,
			"parameters.custom_ca is a string; it must be an object. Correct the value and send the request again."},
		{"PATCH", "/v1/clusters/demo", `{"custom_ca":{"certificate":"x"}}`,
			"custom_ca of a cluster cannot be changed once the cluster exists. Create a new cluster with it."},
	} {
		got := w.send(request{method: test.method, path: test.path, token: "cody", body: test.body})
		if diff := cmp.Diff(test.want, problemBody(t, got)); diff != "" || got.status != 400 || w.changes != 0 {
			t.Errorf("%d %s", got.status, diff)
		}
	}
	certificate, key := rootCA(t)
	body := marshal(t, map[string]any{"name": "new", "plan_name": "small", "parameters": map[string]any{
		"kubernetes_master_host": "h", "custom_ca": map[string]string{"certificate": certificate, "private_key": key},
	}})
	got := w.send(request{method: "POST", path: "/v1/clusters", token: "cody", body: body})
	if got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	want := &pks.CustomCA{Certificate: certificate, PrivateKey: pks.Secret(key)}
	if diff := cmp.Diff(want, w.clusters["new"].Spec.CustomCA); diff != "" {
		t.Error("the spec has another authority")
	}
}

func TestNoSecretReachesTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	certificate, key := rootCA(t)
	body := marshal(t, map[string]any{"name": "new", "plan_name": "small", "parameters": map[string]any{
		"kubernetes_master_host": "h", "custom_ca": map[string]string{"certificate": certificate, "private_key": key},
	}})
	w.send(request{method: "POST", path: "/v1/clusters", token: "cody", body: body, header: keyed("hunter2")})
	history := w.send(request{method: "GET", path: "/v1/clusters/new/history", token: "cody"})
	_, inside, _ := strings.Cut(key, "\n")
	for name, text := range map[string]string{"log": w.logs.String(), "history": history.body} {
		if strings.Contains(text, inside[:40]) || strings.Contains(text, "hunter2") {
			t.Errorf("the %s has a secret", name)
		}
	}
	if !strings.Contains(history.body, `{"path":"custom_ca.private_key","before":null,"after":"[redacted]"}`) {
		t.Error("the history does not tell of the key")
	}
	if lines := w.logs.lines(t, "audit"); len(lines) != 1 || lines[0]["outcome"] != "accepted" || lines[0]["dry_run"] != false {
		t.Errorf("%v", lines)
	}
}
