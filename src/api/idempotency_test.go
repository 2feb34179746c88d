package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
)

const createDemo = `{"name":"demo","plan_name":"small","parameters":{"kubernetes_master_host":"demo.example.com"}}`

func keyed(key string) http.Header { return http.Header{"Idempotency-Key": {key}} }

func TestRepeatedCreateWithAKeyGetsTheFirstAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	create := request{method: "POST", path: "/v1/clusters", token: "cody", body: createDemo, header: keyed("k-1")}
	first := w.send(create)
	again := w.send(create)
	if first.status != 202 || w.changes != 1 {
		t.Fatalf("%d %s", first.status, first.body)
	}
	if diff := cmp.Diff(first.body, again.body); diff != "" || again.status != 202 || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%d %v %s", again.status, again.header, diff)
	}
	if first.header.Get("Idempotency-Replayed") != "" {
		t.Error("the first answer says that it is a repetition")
	}
	for name, r := range map[string]request{
		"another body":  {method: "POST", path: "/v1/clusters", token: "cody", body: strings.Replace(createDemo, "small", "large", 1), header: keyed("k-1")},
		"another query": {method: "POST", path: "/v1/clusters?x=y", token: "cody", body: createDemo, header: keyed("k-1")},
	} {
		if got := w.send(r); got.status != http.StatusUnprocessableEntity || w.changes != 1 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	// The key is the caller's own, and is only a key.
	for _, r := range []request{
		{method: "POST", path: "/v1/clusters", token: "naomi", body: createDemo, header: keyed("k-1")},
		{method: "POST", path: "/v1/clusters", token: "cody", body: createDemo, header: keyed("k-2")},
		{method: "POST", path: "/v1/clusters", token: "cody", body: createDemo},
	} {
		if got := w.send(r); got.status != http.StatusConflict {
			t.Errorf("%s: %d %s", r.token, got.status, got.body)
		}
	}
}

func TestRefusedRequestDoesNotUseTheKeyUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody)
	create := request{method: "POST", path: "/v1/clusters", token: "cody", body: createDemo, header: keyed("k-1")}
	if got := w.send(create); got.status != http.StatusConflict {
		t.Errorf("%d %s", got.status, got.body)
	}
	delete(w.clusters, "demo")
	if got := w.send(create); got.status != http.StatusAccepted {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestRepeatedRetryAndCancelGetTheFirstAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("broken", cody, failed(pks.ActionUpdate)).with("busy", cody, inProgress(pks.ActionUpdate))
	w.landing = pks.LandedUnknown
	for _, path := range []string{"/v1/clusters/broken/retry", "/v1/clusters/busy/cancel"} {
		r := request{method: "POST", path: path, token: "cody", header: keyed("k")}
		first := w.send(r)
		changes := w.changes
		again := w.send(r)
		if first.status > 299 || first.status != again.status || w.changes != changes {
			t.Errorf("%s: %d, then %d %s", path, first.status, again.status, again.body)
		}
		if diff := cmp.Diff(first.body, again.body); diff != "" {
			t.Error(diff)
		}
	}
}

func TestCredentialsAreNeverKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody)
	for range 2 {
		if got := w.send(request{method: "POST", path: "/v1/clusters/demo/binds", token: "cody", header: keyed("k")}); got.status != 201 {
			t.Errorf("%d", got.status)
		}
	}
	if len(w.receipts) != 0 || len(w.binds) != 2 {
		t.Errorf("%d receipts, %d binds", len(w.receipts), len(w.binds))
	}
}

func TestBadKeyIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, key := range []string{"a b", "ä", strings.Repeat("x", 256)} {
		if got := w.send(request{method: "POST", path: "/v1/clusters", token: "cody", body: createDemo, header: keyed(key)}); got.status != 400 || w.changes != 0 {
			t.Errorf("%q: %d", key, got.status)
		}
	}
}
