package api_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

func someEvents() []pks.Event {
	at := time.Date(2026, 1, 2, 3, 4, 5, 600, time.FixedZone("", 3600))
	return []pks.Event{
		{Seq: 1, OperationID: "op", Time: at, Percent: 0, Message: "Accepted"},
		{Seq: 2, OperationID: "op", Time: at, BOSHTask: 12, Stage: "Updating instance", Subject: "worker/x (0)", State: "finished", Percent: 50, Message: "Updating instance worker/x (0) finished"},
		{Seq: 3, OperationID: "op", Time: at, Percent: 100, Message: "Completed"},
	}
}

func TestEventsAfterTheLastOneSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody)
	w.events = someEvents()
	for query, want := range map[string][]int64{"": {1, 2, 3}, "?after=1": {2, 3}, "?after=1&limit=1": {2}, "?after=3": {}} {
		var events []v1.Event
		w.send(request{method: "GET", path: "/v1/clusters/demo/events" + query, token: "cody"}).decode(t, &events)
		got := []int64{}
		for _, e := range events {
			got = append(got, e.Seq)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", query, diff)
		}
	}
	var events []v1.Event
	w.send(request{method: "GET", path: "/v1/clusters/demo/events?after=1&limit=1", token: "cody"}).decode(t, &events)
	want := []v1.Event{{Seq: 2, Time: "2026-01-02T02:04:05Z", OperationID: "op", BOSHTask: 12, Stage: "Updating instance",
		Subject: "worker/x (0)", State: "finished", Percent: 50, Message: "Updating instance worker/x (0) finished"}}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Error(diff)
	}
}

func TestWaitHoldsTheAnswerUntilThereIsNews(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t).with("demo", cody)
		begun := time.Now()
		answered := make(chan reply)
		go func() {
			answered <- w.send(request{method: "GET", path: "/v1/clusters/demo/events?wait=60", token: "cody"})
		}()
		time.Sleep(10*time.Second + 500*time.Millisecond)
		w.mu.Lock()
		w.events = someEvents()[:1]
		w.mu.Unlock()
		got := <-answered
		var events []v1.Event
		got.decode(t, &events)
		if len(events) != 1 || time.Since(begun) != 11*time.Second {
			t.Errorf("%d events after %s", len(events), time.Since(begun))
		}
	})
}

func TestWaitEndsWithAnEmptyAnswer(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*world, context.CancelFunc){
		"when the time is up":        func(*world, context.CancelFunc) {},
		"when the server is leaving": func(w *world, _ context.CancelFunc) { w.api.Drain() },
		"when the client is gone":    func(_ *world, hangUp context.CancelFunc) { hangUp() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t).with("demo", cody)
				ctx, hangUp := context.WithCancel(t.Context())
				defer hangUp()
				begun := time.Now()
				answered := make(chan reply)
				go func() {
					answered <- w.send(request{method: "GET", path: "/v1/clusters/demo/events?wait=7", token: "cody", ctx: ctx})
				}()
				synctest.Wait()
				end(w, hangUp)
				got := <-answered
				if got.status != http.StatusOK || got.body != "[]" {
					t.Errorf("%d %s", got.status, got.body)
				}
				want := time.Duration(0)
				if name == "when the time is up" {
					want = 7 * time.Second
				}
				if waited := time.Since(begun); waited != want {
					t.Errorf("waited %s, want %s", waited, want)
				}
			})
		})
	}
}
