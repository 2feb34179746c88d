package uaa

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

// numbered answers each token request with the next number.
func numbered(fake *fakeUAA, lifetime int) {
	n := 0
	fake.answer = func(*http.Request) (int, string) {
		n++
		return 200, fmt.Sprintf(`{"access_token":"token-%d","token_type":"bearer","expires_in":%d}`, n, lifetime)
	}
}

func wantSourceToken(t *testing.T, s *Source, want string) {
	t.Helper()
	got, err := s.Token(t.Context())
	if err != nil || got != pks.Secret(want) {
		t.Fatalf("token is %q, error %v, want %q", got.Reveal(), err, want)
	}
}

func TestSourceRenewsThirtySecondsEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := newFake()
		numbered(fake, 600)
		s := newTestClient(t, fake).Source()
		wantSourceToken(t, s, "token-1")
		time.Sleep(570*time.Second - 1)
		wantSourceToken(t, s, "token-1")
		time.Sleep(time.Nanosecond)
		wantSourceToken(t, s, "token-2")
		s.Invalidate(t.Context(), "token-1") // handed out long ago
		wantSourceToken(t, s, "token-2")
		s.Invalidate(t.Context(), "token-2")
		wantSourceToken(t, s, "token-3")
	})
}

func TestSourceFetchesOnceForManyCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := newFake()
		numbered(fake, 600)
		fake.delay = time.Second
		s := newTestClient(t, fake).Source()
		var work sync.WaitGroup
		for range 100 {
			work.Go(func() {
				if token, err := s.Token(t.Context()); err != nil || token != "token-1" {
					t.Errorf("token is %q, error %v", token.Reveal(), err)
				}
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		synctest.Wait()
		if _, err := s.Token(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an impatient caller gets %v", err)
		}
		work.Wait()
		if n := fake.count("/oauth/token"); n != 1 {
			t.Fatalf("UAA was asked %d times, want once", n)
		}
	})
}

func TestSourceUsesItsTokenWhileUAAIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := newFake()
		numbered(fake, 600)
		s := newTestClient(t, fake).Source()
		wantSourceToken(t, s, "token-1")
		fake.set(func(f *fakeUAA) { f.failure = errors.New("connection refused") })
		time.Sleep(599 * time.Second)
		wantSourceToken(t, s, "token-1")
		time.Sleep(time.Second)
		if _, err := s.Token(t.Context()); !errors.Is(err, ErrUnreachable) {
			t.Fatalf("error is %v", err)
		}
		fake.set(func(f *fakeUAA) { f.failure = nil })
		wantSourceToken(t, s, "token-2")
	})
}
