package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pks-community/pks-release/src/api"
	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/pks"
)

// The status of a failure is the catalogue's, whichever layer made it.
func TestEveryFailureOfTheCatalogueHasItsStatus(t *testing.T) {
	t.Parallel()
	for _, entry := range pks.Catalogue() {
		w := newWorld(t).with("demo", cody)
		w.failNext = pks.Failf(entry.Code, "Something is wrong.").WithOperation("operation-9")
		got := w.send(request{method: "DELETE", path: "/v1/clusters/demo", token: "cody"})
		var problem v1.ErrorResponse
		got.decode(t, &problem)
		want := v1.ErrorResponse{Body: "Something is wrong. " + entry.Remedy, Code: string(entry.Code), Remedy: entry.Remedy,
			OperationID: "operation-9", RequestID: got.header.Get("X-Request-Id")}
		if got.status != entry.Status || problem != want {
			t.Errorf("%s: %d %+v", entry.Code, got.status, problem)
		}
		if retry := got.header.Get("Retry-After") != ""; retry != (entry.Status == http.StatusServiceUnavailable || entry.Status == http.StatusTooManyRequests) {
			t.Errorf("%s: Retry-After is there: %t", entry.Code, retry)
		}
	}
}

func TestRequestThatHangsIsEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *api.Config) {
			c.Engine, c.RequestTimeout = hanging{}, 75*time.Second
		}).with("demo", cody)
		begun := time.Now()
		got := w.send(request{method: "POST", path: "/v1/clusters/demo/binds", token: "cody"})
		if got.status != http.StatusInternalServerError || time.Since(begun) != 75*time.Second {
			t.Errorf("%d after %s", got.status, time.Since(begun))
		}
		if lines := w.logs.lines(t, "request failed"); len(lines) != 1 {
			t.Errorf("%d log lines tell of it", len(lines))
		}
	})
}

func TestRequestThatTheClientGaveUpIsNoErrorOfOurs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *api.Config) { c.Engine = hanging{} }).with("demo", cody)
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	w.send(request{method: "POST", path: "/v1/clusters/demo/binds", token: "cody", ctx: ctx})
	if lines := w.logs.lines(t, "request abandoned"); len(lines) != 1 || lines[0]["level"] != "INFO" {
		t.Errorf("log: %v", lines)
	}
}

// hanging is an engine that never answers by itself.
type hanging struct{ api.Engine }

func (hanging) Bind(ctx context.Context, _ lifecycle.BindRequest) (json.RawMessage, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
