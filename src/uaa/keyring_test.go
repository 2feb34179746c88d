package uaa

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

// inBubble runs the test with a clock of its own; everything that a verifier
// starts must have ended when it returns.
func inBubble(t *testing.T, test func(t *testing.T, fake *fakeUAA, v *Verifier)) {
	t.Helper()
	testKeys() // generated outside, where it costs no fake time
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(keyOne())
		v := newTestVerifier(t, fake)
		test(t, fake, v)
	})
}

func withKid(t *testing.T, key, kid string) string {
	t.Helper()
	return mint(t, key, jwtHeader().with("kid", kid), userClaims(time.Now()).with("exp", time.Now().Add(48*time.Hour).Unix()))
}

func TestKeysAreFetchedOnceForManyTokens(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, fake *fakeUAA, v *Verifier) {
		fake.set(func(f *fakeUAA) { f.delay = time.Second })
		var work sync.WaitGroup
		for i := range 100 {
			raw := mint(t, "key-1", jwtHeader(), userClaims(time.Now()).with("jti", fmt.Sprint(i)))
			work.Go(func() {
				if _, err := v.Verify(t.Context(), raw); err != nil {
					t.Error(err)
				}
			})
		}
		work.Wait()
		if n := fake.count("/token_keys"); n != 1 {
			t.Fatalf("keys were fetched %d times, want once", n)
		}
	})
}

func TestThousandUnknownKeysLeadToOneFetch(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, fake *fakeUAA, v *Verifier) {
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		fake.set(func(f *fakeUAA) { f.delay = time.Second })
		input := encodePart(t, userClaims(time.Now())) + ".AAAA"
		var work sync.WaitGroup
		for i := range 1000 {
			raw := encodePart(t, jwtHeader().with("kid", fmt.Sprintf("unknown-%d", i))) + "." + input
			work.Go(func() {
				_, err := v.Verify(t.Context(), raw)
				if !isRefusal(err) {
					t.Errorf("error is %v, want a refusal", err)
				}
			})
		}
		work.Wait()
		if n := fake.count("/token_keys"); n != 2 {
			t.Fatalf("keys were fetched %d times, want 2: the first, and one for all the unknown ids", n)
		}
		if n := len(v.keys.unknown); n > maxUnknownKeys {
			t.Fatalf("%d unknown ids are remembered", n)
		}
	})
}

func TestRotatedKeyIsLearntAndTheOldOneDropped(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, fake *fakeUAA, v *Verifier) {
		old := withKid(t, "key-1", "key-1")
		if _, err := v.Verify(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		fake.set(func(f *fakeUAA) { f.keys = []any{publicJWK("key-2", testKeys()["key-2"])} })
		if _, err := v.Verify(t.Context(), withKid(t, "key-2", "key-2")); err != nil {
			t.Fatalf("token of the new key: %v", err)
		}
		time.Sleep(time.Minute)
		_, err := v.Verify(t.Context(), old)
		wantFailure(t, err, pks.CodeUnauthenticated)
	})
}

func TestKeyReplacedUnderItsOldNameIsNotTrustedFromCache(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, fake *fakeUAA, v *Verifier) {
		raw := withKid(t, "key-1", "key-1")
		if _, err := v.Verify(t.Context(), raw); err != nil {
			t.Fatal(err)
		}
		fake.set(func(f *fakeUAA) { f.keys = []any{publicJWK("key-1", testKeys()["key-2"])} })
		time.Sleep(keysFresh)
		if _, err := v.Verify(t.Context(), raw); err != nil {
			t.Fatalf("while the refresh is on its way the old key holds: %v", err)
		}
		synctest.Wait()
		_, err := v.Verify(t.Context(), raw)
		wantFailure(t, err, pks.CodeUnauthenticated)
	})
}

func TestFreshnessIsAskedForWithTheETag(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, fake *fakeUAA, v *Verifier) {
		fake.set(func(f *fakeUAA) { f.etag = `"1700000000000"` })
		raw := withKid(t, "key-1", "key-1")
		for range 3 {
			if _, err := v.Verify(t.Context(), raw); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			time.Sleep(keysFresh)
		}
		if n := fake.count("/token_keys"); n != 3 {
			t.Fatalf("keys were asked for %d times, want 3", n)
		}
		fake.mu.Lock()
		defer fake.mu.Unlock()
		for i, h := range fake.headers {
			if want := i > 0; (h.Get("If-None-Match") == `"1700000000000"`) != want {
				t.Errorf("request %d has If-None-Match %q", i, h.Get("If-None-Match"))
			}
		}
	})
}

func TestUAADownAtStartThenUp(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, fake *fakeUAA, v *Verifier) {
		fake.set(func(f *fakeUAA) { f.failure = errors.New("connection refused") })
		raw := withKid(t, "key-1", "key-1")
		for range 50 {
			_, err := v.Verify(t.Context(), raw)
			failure := wantFailure(t, err, pks.CodeUAAUnavailable)
			if !strings.Contains(failure.Operator, "connection refused") {
				t.Fatalf("operator text is %q", failure.Operator)
			}
		}
		wantFailure(t, v.Ready(t.Context()), pks.CodeUAAUnavailable)
		if n := fake.count("/token_keys"); n != 1 {
			t.Fatalf("UAA was asked %d times within a moment, want once", n)
		}
		fake.set(func(f *fakeUAA) { f.failure = nil })
		time.Sleep(2 * time.Second)
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), raw); err != nil {
			t.Fatal(err)
		}
	})
}

func TestUAADownLaterKeepsTheKeysForADay(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, fake *fakeUAA, v *Verifier) {
		raw := withKid(t, "key-1", "key-1")
		if _, err := v.Verify(t.Context(), raw); err != nil {
			t.Fatal(err)
		}
		fake.set(func(f *fakeUAA) { f.failure = errors.New("connection refused") })
		for range 23 {
			time.Sleep(time.Hour)
			if _, err := v.Verify(t.Context(), raw); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		_, err := v.Verify(t.Context(), withKid(t, "key-2", "key-2"))
		wantFailure(t, err, pks.CodeUAAUnavailable) // it may be a new key
		time.Sleep(time.Hour)
		_, err = v.Verify(t.Context(), raw)
		wantFailure(t, err, pks.CodeUAAUnavailable)
	})
}

func TestBadKeyDocumentsLeaveTheKeysAlone(t *testing.T) {
	t.Parallel()
	document, err := json.Marshal(map[string]any{"keys": []any{keyOne()}})
	if err != nil {
		t.Fatal(err)
	}
	goodKeySet := string(document)
	for name, answer := range map[string]func(*http.Request) (int, string){
		"500":       func(*http.Request) (int, string) { return 500, `{"error":"server_error"}` },
		"HTML":      func(*http.Request) (int, string) { return 200, "<html>sign in</html>" },
		"empty set": func(*http.Request) (int, string) { return 200, `{"keys":[]}` },
		"no set":    func(*http.Request) (int, string) { return 200, `{}` },
		"weak keys": func(*http.Request) (int, string) {
			return 200, `{"keys":[{"kty":"RSA","kid":"key-1","n":"AQAB","e":"AQAB"}]}`
		},
		"redirect":    func(*http.Request) (int, string) { return 302, "" },
		"304 unasked": func(*http.Request) (int, string) { return 304, "" },
		"too large":   func(*http.Request) (int, string) { return 200, strings.Repeat(" ", maxAnswerBytes) + goodKeySet },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, fake *fakeUAA, v *Verifier) {
				good := withKid(t, "key-1", "key-1")
				fake.set(func(f *fakeUAA) { f.answer = answer })
				_, err := v.Verify(t.Context(), good)
				wantFailure(t, err, pks.CodeUAAUnavailable)

				fake.set(func(f *fakeUAA) { f.answer = nil })
				time.Sleep(time.Minute)
				if _, err := v.Verify(t.Context(), good); err != nil {
					t.Fatal(err)
				}
				fake.set(func(f *fakeUAA) { f.answer = answer })
				time.Sleep(keysFresh)
				for range 2 {
					if _, err := v.Verify(t.Context(), good); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
				}
			})
		})
	}
}

func TestSlowUAAEndsInUnavailable(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, fake *fakeUAA, v *Verifier) {
		fake.set(func(f *fakeUAA) { f.delay = time.Hour })
		raw := withKid(t, "key-1", "key-1")
		begun := time.Now()
		_, err := v.Verify(t.Context(), raw)
		wantFailure(t, err, pks.CodeUAAUnavailable)
		if took := time.Since(begun); took != fetchTimeout {
			t.Fatalf("it took %s, want %s", took, fetchTimeout)
		}
	})
}

func TestCallerNeedNotWaitForASlowUAA(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, fake *fakeUAA, v *Verifier) {
		fake.set(func(f *fakeUAA) { f.delay = 3 * time.Second })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		raw := withKid(t, "key-1", "key-1")
		_, err := v.Verify(ctx, raw)
		wantFailure(t, err, pks.CodeUAAUnavailable)
		time.Sleep(3 * time.Second)
		if _, err := v.Verify(t.Context(), raw); err != nil {
			t.Fatalf("the fetch that the impatient caller began was lost: %v", err)
		}
		if n := fake.count("/token_keys"); n != 1 {
			t.Fatalf("keys were fetched %d times, want once", n)
		}
	})
}

func TestCloseEndsAFetchUnderWay(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, fake *fakeUAA, v *Verifier) {
		fake.set(func(f *fakeUAA) { f.delay = time.Hour })
		done := make(chan error, 1)
		go func() { done <- v.Ready(t.Context()) }()
		synctest.Wait()
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		wantFailure(t, <-done, pks.CodeUAAUnavailable)
		wantFailure(t, v.Ready(t.Context()), pks.CodeUAAUnavailable)
	})
}

func TestKeyWithLeadingZeroByteIsRead(t *testing.T) {
	t.Parallel()
	key := testKeys()["key-1"]
	zero := publicJWK("key-1", key)
	zero["n"] = encodePart(t, string(append([]byte{0}, key.N.Bytes()...)))
	zero["x5c"] = []string{"not a certificate"}
	v := newTestVerifier(t, newFake(zero))
	if _, err := verify(t, v, mint(t, "key-1", jwtHeader(), userClaims(time.Now()))); err != nil {
		t.Fatal(err)
	}
}
