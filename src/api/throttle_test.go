package api_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pks-community/pks-release/src/api"
	"github.com/pks-community/pks-release/src/uaa"
)

// countingVerifier counts what it is asked, and knows one token.
type countingVerifier struct {
	*world
	asked *int
}

func (v countingVerifier) Known(token string) bool { return token == "cody" }

func (v countingVerifier) Verify(ctx context.Context, token string) (uaa.Token, error) {
	*v.asked++
	return v.world.Verify(ctx, token)
}

func TestManyRefusalsOfOneAddressSlowItDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		w := newWorld(t)
		w.api = newWorld(t, func(c *api.Config) { c.Verifier = countingVerifier{w, &asked} }).api
		get := func(token string) reply { return w.send(request{method: "GET", path: "/v1/plans", token: token}) }
		for i := range 300 {
			if got := get("garbage"); got.status != http.StatusUnauthorized {
				t.Fatalf("request %d: %d", i, got.status)
			}
		}
		before := asked
		for _, token := range []string{"garbage", "", "naomi"} {
			got := get(token)
			if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "60" {
				t.Errorf("%q: %d %v", token, got.status, got.header)
			}
		}
		if asked != before {
			t.Errorf("%d tokens were looked at all the same", asked-before)
		}
		if got := get("cody"); got.status != http.StatusOK {
			t.Errorf("a token that is known: %d", got.status)
		}
		if got := w.send(request{method: "GET", path: "/actuator/health"}); got.status != http.StatusOK {
			t.Errorf("what is public: %d", got.status)
		}
		time.Sleep(time.Minute)
		if got := get("naomi"); got.status != http.StatusOK {
			t.Errorf("a minute later: %d", got.status)
		}
	})
}
