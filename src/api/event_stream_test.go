package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
)

// messages are the types and ids of what a stream sent.
func messages(stream string) []string {
	var found []string
	for m := range strings.SplitSeq(strings.TrimSpace(stream), "\n\n") {
		kind, id := "comment", ""
		for line := range strings.Lines(m) {
			if text, ok := strings.CutPrefix(line, "event: "); ok {
				kind = strings.TrimSpace(text)
			}
			if text, ok := strings.CutPrefix(line, "id: "); ok {
				id = " " + strings.TrimSpace(text)
			}
		}
		found = append(found, kind+id)
	}
	return found
}

func TestWatchSendsWhatComesAsItComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t).with("demo", cody, inProgress(pks.ActionUpdate))
		w.events = someEvents()[:2]
		answered := make(chan reply)
		go func() {
			answered <- w.send(request{method: "GET", path: "/v1/clusters/demo/events?watch=true&after=1", token: "cody"})
		}()
		time.Sleep(20 * time.Second)
		w.mu.Lock()
		w.events = someEvents()
		op := w.operations["operation-1"]
		op.Percent = 70
		w.operations["operation-1"] = op
		w.mu.Unlock()
		time.Sleep(2 * time.Second)
		w.mu.Lock()
		delete(w.clusters, "demo")
		w.mu.Unlock()
		got := <-answered
		want := []string{"event 2", "operation", "comment", "event 3", "operation", "gone"}
		if diff := cmp.Diff(want, messages(got.body)); diff != "" {
			t.Errorf("%s\n%s", diff, got.body)
		}
		if kind := got.header.Get("Content-Type"); kind != "text/event-stream" || !strings.Contains(got.body, `"expected_end":"2026-03-01T13:00:00Z"`) {
			t.Errorf("%s %s", kind, got.body)
		}
	})
}

func TestWatchGoesOnWhereTheClientWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody)
	w.events = someEvents()
	w.api.Drain()
	got := w.send(request{method: "GET", path: "/v1/clusters/demo/events?watch=true", token: "cody", header: http.Header{"Last-Event-Id": {"2"}}})
	if diff := cmp.Diff([]string{"event 3", "operation"}, messages(got.body)); diff != "" {
		t.Error(diff)
	}
	if got := newWorld(t).with("demo", cody).send(request{method: "HEAD", path: "/v1/clusters/demo/events?watch=true", token: "cody"}); got.status != http.StatusOK || got.body != "" {
		t.Errorf("HEAD: %d %s", got.status, got.body)
	}
	for _, r := range []request{
		{path: "/v1/clusters/demo/events?watch=true", header: http.Header{"Last-Event-Id": {"x"}}},
		{path: "/v1/clusters/demo/events?watch=perhaps"},
	} {
		r.method, r.token = "GET", "cody"
		if got := w.send(r); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d", r.path, got.status)
		}
	}
}

func TestWatchEndsWithTheTokenTheServerAndTheClient(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]time.Duration{"token": 10 * time.Minute, "server": 5 * time.Minute, "client": 5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t).with("demo", cody)
				w.expires = time.Now().Add(10 * time.Minute)
				ctx, hangUp := context.WithCancel(t.Context())
				defer hangUp()
				begun := time.Now()
				answered := make(chan reply)
				go func() {
					answered <- w.send(request{method: "GET", path: "/v1/clusters/demo/events?watch=true", token: "cody", ctx: ctx})
				}()
				time.Sleep(5 * time.Minute)
				switch name {
				case "server":
					w.api.Drain()
				case "client":
					hangUp()
				}
				<-answered
				if lasted := time.Since(begun); lasted != want {
					t.Errorf("the stream lasted %s, want %s", lasted, want)
				}
			})
		})
	}
}
