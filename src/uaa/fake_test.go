package uaa

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"math/big"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/pks"
)

const (
	testURL    = "https://uaa.example.com:8443"
	testIssuer = testURL + "/oauth/token"
)

var testKeys = sync.OnceValue(func() map[string]*rsa.PrivateKey {
	keys := map[string]*rsa.PrivateKey{}
	for name, bits := range map[string]int{"key-1": 2048, "key-2": 2048, "stranger": 2048, "weak": 1024} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(err)
		}
		keys[name] = key
	}
	return keys
})

// fakeUAA answers in place of a network.
type fakeUAA struct {
	mu       sync.Mutex
	keys     []any // of the key document
	etag     string
	answer   func(r *http.Request) (int, string) // replaces every answer when set
	check    func(token string) (int, string)
	noCheck  bool // has no /check_token
	delay    time.Duration
	failure  error
	requests map[string]int
	headers  []http.Header
}

func newFake(keys ...any) *fakeUAA { return &fakeUAA{keys: keys, requests: map[string]int{}} }

func (f *fakeUAA) set(change func(*fakeUAA)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fakeUAA) count(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests[path]
}

func (f *fakeUAA) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	f.mu.Lock()
	f.requests[r.URL.Path]++
	f.headers = append(f.headers, r.Header.Clone())
	delay, failure, answer, etag := f.delay, f.failure, f.answer, f.etag
	keys, check, noCheck := f.keys, f.check, f.noCheck
	f.mu.Unlock()

	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if failure != nil {
		return nil, failure
	}
	reply := func(status int, text string) (*http.Response, error) {
		h := http.Header{"Content-Type": {"application/json"}}
		if etag != "" {
			h.Set("ETag", etag)
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(bytes.NewReader([]byte(text))), Request: r}, nil
	}
	if answer != nil {
		return reply(answer(r))
	}
	switch r.URL.Path {
	case "/token_keys":
		if etag != "" && r.Header.Get("If-None-Match") == etag {
			return reply(http.StatusNotModified, "")
		}
		document, _ := json.Marshal(map[string]any{"keys": keys})
		return reply(http.StatusOK, string(document))
	case "/check_token":
		if noCheck {
			return reply(http.StatusNotFound, "")
		}
		_ = r.ParseForm()
		return reply(check(r.PostForm.Get("token")))
	case "/introspect":
		_ = r.ParseForm()
		return reply(check(r.PostForm.Get("token")))
	}
	return reply(http.StatusNotFound, "")
}

func publicJWK(id string, key *rsa.PrivateKey) map[string]any {
	return map[string]any{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id,
		"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())}
}

func keyOne() map[string]any { return publicJWK("key-1", testKeys()["key-1"]) }

// member is one name and value of a JSON object whose order and repetitions matter.
type document map[string]any

func (d document) with(name string, value any) document {
	changed := maps.Clone(d)
	changed[name] = value
	return changed
}

func (d document) without(name string) document {
	changed := maps.Clone(d)
	delete(changed, name)
	return changed
}

func jwtHeader() document {
	return document{"alg": "RS256", "kid": "key-1", "typ": "JWT", "jku": testURL + "/token_keys"}
}

func userClaims(now time.Time) document {
	return document{
		"jti": "b7c1", "sub": "5d1f", "scope": []string{ScopeManage}, "client_id": "pks_cli", "cid": "pks_cli", "azp": "pks_cli",
		"grant_type": "password", "user_id": "5d1f", "origin": "ldap", "user_name": "alana", "email": "alana@example.com",
		"auth_time": now.Unix(), "rev_sig": "c9a1", "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
		"iss": testIssuer, "zid": "uaa", "aud": []string{"pks_cli", "pks.clusters"},
	}
}

func clientClaims(now time.Time) document {
	return document{
		"jti": "e2aa", "sub": "ci-bot", "authorities": []string{ScopeAdmin}, "scope": []string{ScopeAdmin},
		"client_id": "ci-bot", "cid": "ci-bot", "azp": "ci-bot", "grant_type": "client_credentials", "rev_sig": "77e0",
		"iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(), "iss": testIssuer, "zid": "uaa",
		"aud": []string{"ci-bot", "pks.clusters"},
	}
}

func encodePart(t testing.TB, v any) string {
	t.Helper()
	if text, ok := v.(string); ok {
		return base64.RawURLEncoding.EncodeToString([]byte(text))
	}
	body, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(body)
}

func signRS256(t testing.TB, key *rsa.PrivateKey, input string) []byte {
	t.Helper()
	sum := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// mint signs whatever header and claims it is given, a JSON text or a document.
func mint(t testing.TB, key string, header, claims any) string {
	t.Helper()
	input := encodePart(t, header) + "." + encodePart(t, claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(signRS256(t, testKeys()[key], input))
}

func newTestVerifier(t testing.TB, fake *fakeUAA, change ...func(*VerifierConfig)) *Verifier {
	t.Helper()
	config := VerifierConfig{
		Connection: Connection{URL: testURL, Transport: fake}, Issuer: testIssuer, Audiences: []string{DefaultAudience},
		ClientID: "pks_client", ClientSecret: "s3cret",
	}
	for _, c := range change {
		c(&config)
	}
	v, err := NewVerifier(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

func wantFailure(t testing.TB, err error, code pks.Code) *pks.Failure {
	t.Helper()
	failure, ok := err.(*pks.Failure)
	if !ok || failure.Code != code {
		t.Fatalf("error is %v, want a failure with code %s", err, code)
	}
	return failure
}

func wantToken(t testing.TB, got Token, err error, want Token) {
	t.Helper()
	if err != nil {
		t.Fatalf("token refused: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("token differs (-want +got):\n%s", diff)
	}
}

func verify(t testing.TB, v *Verifier, raw string) (Token, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return v.Verify(ctx, raw)
}
