package uaa

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

const opaque = "0123456789abcdef0123456789abcdef"

func answerWith(status int, d document) func(string) (int, string) {
	return func(string) (int, string) {
		body, err := json.Marshal(d)
		if err != nil {
			return 500, ""
		}
		return status, string(body)
	}
}

func TestOpaqueTokenIsAskedAboutAndRememberedForAMoment(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, fake *fakeUAA, v *Verifier) {
		fake.set(func(f *fakeUAA) { f.check, f.delay = answerWith(200, userClaims(time.Now())), time.Second })
		var work sync.WaitGroup
		for range 20 {
			work.Go(func() {
				token, err := v.Verify(t.Context(), opaque)
				if err != nil || token.Principal.Name != "alana" {
					t.Errorf("token is %+v, error %v", token, err)
				}
			})
		}
		work.Wait()
		if n := fake.count("/check_token"); n != 1 {
			t.Fatalf("UAA was asked %d times, want once", n)
		}
		fake.set(func(f *fakeUAA) { f.check = answerWith(400, document{"error": "invalid_token"}) })
		time.Sleep(acceptedFor - 2*time.Second)
		if _, err := v.Verify(t.Context(), opaque); err != nil {
			t.Fatalf("the verdict was forgotten too early: %v", err)
		}
		time.Sleep(3 * time.Second)
		_, err := v.Verify(t.Context(), opaque)
		wantFailure(t, err, pks.CodeUnauthenticated)
		if fake.headers[0].Get("Authorization") != "Basic cGtzX2NsaWVudDpzM2NyZXQ=" || fake.headers[0].Get("X-CF-ENCODED-CREDENTIALS") != "true" {
			t.Errorf("headers are %v", fake.headers[0])
		}
	})
}

func TestRefusedOpaqueTokenIsRememberedBriefly(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, fake *fakeUAA, v *Verifier) {
		fake.set(func(f *fakeUAA) {
			f.check = answerWith(400, document{"error": "invalid_token", "error_description": opaque})
		})
		for range 10 {
			_, err := v.Verify(t.Context(), opaque)
			if failure := wantFailure(t, err, pks.CodeUnauthenticated); strings.Contains(failure.Error(), opaque) {
				t.Fatal("the error repeats the token")
			}
		}
		if n := fake.count("/check_token"); n != 1 {
			t.Fatalf("UAA was asked %d times, want once", n)
		}
		time.Sleep(refusedFor)
		fake.set(func(f *fakeUAA) { f.check = answerWith(200, userClaims(time.Now())) })
		if _, err := v.Verify(t.Context(), opaque); err != nil {
			t.Fatal(err)
		}
	})
}

func TestOpaqueTokenUndergoesTheSameRules(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, claims := range map[string]document{
		"expired":          userClaims(now).with("exp", now.Add(-time.Hour).Unix()),
		"another issuer":   userClaims(now).with("iss", "https://other/oauth/token"),
		"another audience": userClaims(now).with("aud", []string{"scim"}),
		"another zone":     userClaims(now).with("zid", "other"),
		"refresh token":    userClaims(now).with("jti", opaque+"-r"),
		"without scope":    userClaims(now).without("scope"),
		"ID token":         userClaims(now).with("scope", []string{"openid"}),
		"nobody":           userClaims(now).without("user_id"),
	} {
		fake := newFake()
		fake.check = answerWith(200, claims)
		_, err := verify(t, newTestVerifier(t, fake), opaque)
		if failure, ok := err.(*pks.Failure); !ok || failure.Code != pks.CodeUnauthenticated {
			t.Errorf("%s: error is %v, want a refusal", name, err)
		}
	}
}

func TestUAAThatCannotJudgeIsNotARefusal(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*fakeUAA)
		text   string
	}{
		"our client is wrong":    {func(f *fakeUAA) { f.check = answerWith(401, document{"error": "invalid_client"}) }, "uaa.resource"},
		"our client lacks right": {func(f *fakeUAA) { f.check = answerWith(403, document{"error": "access_denied"}) }, "uaa.resource"},
		"500":                    {func(f *fakeUAA) { f.check = answerWith(500, nil) }, "status 500"},
		"429":                    {func(f *fakeUAA) { f.check = answerWith(429, nil) }, "status 429"},
		"400 of a proxy":         {func(f *fakeUAA) { f.check = func(string) (int, string) { return 400, "<html>" } }, "status 400"},
		"200 of a proxy":         {func(f *fakeUAA) { f.check = func(string) (int, string) { return 200, "<html>" } }, "no claims"},
		"200 null":               {func(f *fakeUAA) { f.check = func(string) (int, string) { return 200, "null" } }, "no claims"},
		"no connection":          {func(f *fakeUAA) { f.failure = errors.New("connection refused") }, "connection refused"},
		"introspection is HTML": {func(f *fakeUAA) {
			f.noCheck, f.check = true, func(string) (int, string) { return 200, "<html>" }
		}, "not an introspection"},
	} {
		fake := newFake()
		test.change(fake)
		v := newTestVerifier(t, fake)
		for range 2 {
			_, err := verify(t, v, opaque)
			failure, ok := err.(*pks.Failure)
			if !ok || failure.Code != pks.CodeUAAUnavailable || !strings.Contains(failure.Operator, test.text) {
				t.Errorf("%s: error is %v", name, err)
			}
		}
		if fake.count("/check_token")+fake.count("/introspect") < 2 {
			t.Errorf("%s: the lack of a verdict was remembered", name)
		}
	}
}

func TestNewerUAAIsAskedByIntrospection(t *testing.T) {
	t.Parallel()
	fake := newFake()
	fake.noCheck, fake.check = true, answerWith(200, userClaims(time.Now()).with("active", true))
	v := newTestVerifier(t, fake)
	if _, err := verify(t, v, opaque); err != nil {
		t.Fatal(err)
	}
	fake.set(func(f *fakeUAA) { f.check = answerWith(200, document{"active": false}) })
	_, err := verify(t, v, opaque+"x")
	wantFailure(t, err, pks.CodeUnauthenticated)
	if n := fake.count("/check_token"); n != 1 {
		t.Fatalf("/check_token was asked %d times, want once", n)
	}
}

func TestOpaqueTokenWithoutClientIsRefused(t *testing.T) {
	t.Parallel()
	fake := newFake()
	_, err := verify(t, newTestVerifier(t, fake, func(c *VerifierConfig) { c.ClientID = "" }), opaque)
	wantFailure(t, err, pks.CodeUnauthenticated)
	if n := fake.count("/check_token"); n != 0 {
		t.Fatal("UAA was asked")
	}
}

func TestRevokedJWTIsRefusedWhenRevocationIsChecked(t *testing.T) {
	t.Parallel()
	testKeys()
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(keyOne())
		v := newTestVerifier(t, fake, func(c *VerifierConfig) { c.CheckRevocation = true })
		raw := mint(t, "key-1", jwtHeader(), userClaims(time.Now()))
		fake.set(func(f *fakeUAA) { f.check = answerWith(200, userClaims(time.Now())) })
		if _, err := v.Verify(t.Context(), raw); err != nil {
			t.Fatal(err)
		}
		fake.set(func(f *fakeUAA) { f.check = answerWith(400, document{"error": "invalid_token"}) })
		time.Sleep(acceptedFor)
		_, err := v.Verify(t.Context(), raw)
		wantFailure(t, err, pks.CodeUnauthenticated)
	})
}

func TestQuestionsToUAAAreBounded(t *testing.T) {
	t.Parallel()
	testKeys()
	synctest.Test(t, func(t *testing.T) {
		fake := newFake()
		var (
			mu           sync.Mutex
			running, max int
		)
		fake.answer = func(*http.Request) (int, string) {
			mu.Lock()
			running++
			if running > max {
				max = running
			}
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			running--
			mu.Unlock()
			return 400, `{"error":"invalid_token"}`
		}
		v := newTestVerifier(t, fake)
		var work sync.WaitGroup
		for i := range 64 {
			work.Go(func() {
				_, err := v.Verify(t.Context(), opaque+strings.Repeat("x", i))
				if !isRefusal(err) {
					t.Errorf("error is %v, want a refusal", err)
				}
			})
		}
		work.Wait()
		if max > maxQuestions {
			t.Fatalf("%d questions at one moment, want at most %d", max, maxQuestions)
		}
	})
}
