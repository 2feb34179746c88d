package session_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/cli/session"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/uaa"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func clock() time.Time { return now }

// token is a JWT that expires after the time given.
func token(id string, left time.Duration) pks.Secret {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	return pks.Secret(part(`{"alg":"RS256"}`) + "." + part(fmt.Sprintf(`{"jti":%q,"exp":%d}`, id, now.Add(left).Unix())) + "." + part("x"))
}

// server is a UAA that takes each refresh token once, and counts.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	good    string // the refresh token that is good now
	granted int
	status  int // what it answers instead; 0 for granting
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{good: "r-0"}
	s.Server = httptest.NewServer(http.HandlerFunc(func(res http.ResponseWriter, req *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		res.Header().Set("Content-Type", "application/json")
		id, secret, _ := req.BasicAuth()
		if s.status != 0 || id != "pks_cli" || secret != "" || req.PostFormValue("refresh_token") != s.good {
			res.WriteHeader(max(s.status, 401))
			_, _ = fmt.Fprint(res, `{"error":"invalid_token","error_description":"Invalid refresh token"}`)
			return
		}
		s.granted++
		s.good = fmt.Sprintf("r-%d", s.granted)
		_, _ = fmt.Fprintf(res, `{"access_token":%q,"token_type":"bearer","expires_in":600,"refresh_token":%q}`,
			token(fmt.Sprint(s.granted), 10*time.Minute).Reveal(), s.good)
	}))
	t.Cleanup(s.Close)
	return s
}

func newStore(t *testing.T) *session.Store {
	t.Helper()
	home := filepath.Join(t.TempDir(), "pks")
	store, err := session.NewStore(func(name string) string { return map[string]string{"PKS_HOME": home}[name] })
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func loggedIn(t *testing.T, s *server, access pks.Secret) *session.Store {
	t.Helper()
	store := newStore(t)
	if err := store.Replace(t.Context(), session.Credentials{API: "https://api:9021", UAA: s.URL, Access: access, Refresh: "r-0"}); err != nil {
		t.Fatal(err)
	}
	return store
}

func TestGoodTokensAreUsedAsTheyAre(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, access := range []pks.Secret{token("a", 31*time.Second), "opaque"} {
		got, err := session.NewTokens(loggedIn(t, s, access), clock).Token(t.Context())
		if err != nil || got != access {
			t.Errorf("%v", err)
		}
	}
	if s.granted != 0 {
		t.Errorf("%d tokens were granted", s.granted)
	}
}

func TestOldTokensAreRenewedAndStored(t *testing.T) {
	t.Parallel()
	for _, access := range []pks.Secret{token("a", 29*time.Second), token("a", -time.Hour), ""} {
		s := newServer(t)
		store := loggedIn(t, s, access)
		got, err := session.NewTokens(store, clock).Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		stored, err := store.Load()
		if err != nil {
			t.Fatal(err)
		}
		want := session.Credentials{API: "https://api:9021", UAA: s.URL, Access: token("1", 10*time.Minute), Refresh: "r-1"}
		if diff := cmp.Diff(want, stored); diff != "" || got != want.Access {
			t.Errorf("%s", diff)
		}
	}
}

// Many commands at once: UAA takes the refresh token once, one asks, all get it.
func TestParallelCommandsRenewOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	store := loggedIn(t, s, token("old", -time.Second))
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			got, err := session.NewTokens(store, clock).Token(t.Context())
			if err != nil || got != token("1", 10*time.Minute) {
				t.Errorf("a command got no token: %v", err)
			}
		})
	}
	all.Wait()
	if s.granted != 1 {
		t.Errorf("%d tokens were granted", s.granted)
	}
}

func TestRefusedTokenIsRenewedThoughItLooksGood(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	access := token("a", time.Hour)
	tokens := session.NewTokens(loggedIn(t, s, access), clock)
	got, err := tokens.Renew(t.Context(), access)
	if err != nil || got != token("1", 10*time.Minute) {
		t.Errorf("%v", err)
	}
	// Another one that was refused the same token finds the new one.
	if again, err := tokens.Renew(t.Context(), access); err != nil || again != got || s.granted != 1 {
		t.Errorf("%d granted, %v", s.granted, err)
	}
}

func TestSessionsThatCannotBeRenewed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.good = "another"
	if _, err := session.NewTokens(loggedIn(t, s, token("a", 0)), clock).Token(t.Context()); !errors.Is(err, session.ErrNotLoggedIn) {
		t.Errorf("expired session: %v", err)
	}
	if _, err := session.NewTokens(newStore(t), clock).Token(t.Context()); !errors.Is(err, session.ErrNotLoggedIn) {
		t.Errorf("no login: %v", err)
	}
	client := newStore(t)
	if err := client.Replace(t.Context(), session.Credentials{API: "https://api", Access: token("a", time.Second)}); err != nil {
		t.Fatal(err)
	}
	tokens := session.NewTokens(client, clock)
	if got, err := tokens.Token(t.Context()); err != nil || got != token("a", time.Second) {
		t.Errorf("the last second of a client's token: %v", err)
	}
	if _, err := tokens.Renew(t.Context(), token("a", time.Second)); !errors.Is(err, session.ErrNotLoggedIn) {
		t.Errorf("a client's token has ended: %v", err)
	}
}

func TestUAAThatIsAwayIsNamed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.status = 503
	if _, err := session.NewTokens(loggedIn(t, s, token("a", -1)), clock).Token(t.Context()); !errors.Is(err, uaa.ErrUnavailable) {
		t.Errorf("the error is %v", err)
	}
	// A token with some seconds left is used in the meantime.
	access := token("a", 5*time.Second)
	if got, err := session.NewTokens(loggedIn(t, s, access), clock).Token(t.Context()); err != nil || got != access {
		t.Errorf("the error is %v", err)
	}
}

func TestKeysOfOthersAndOldFilesAreKept(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	if err := os.MkdirAll(filepath.Dir(store.Path()), 0o700); err != nil {
		t.Fatal(err)
	}
	const old = "api: api.pks.example.com\nca_cert: \"\"\nusername: alana\nskip_ssl_verification: true\naccess_token: a\nrefresh_token: r\ntheirs: {x: [1]}\n"
	if err := os.WriteFile(store.Path(), []byte(old), 0o644); err != nil {
		t.Fatal(err)
	}
	if was, err := store.Logout(t.Context()); err != nil || !was {
		t.Fatal(was, err)
	}
	got, err := store.Load()
	if err != nil {
		t.Fatal(err)
	}
	want := session.Credentials{API: "api.pks.example.com", Username: "alana", SkipTLS: true, Other: map[string]any{"theirs": map[string]any{"x": []any{1}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(store.Path()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
}

func TestBrokenFilesDoNotTellTokens(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"access_token: [very-secret]\n", "api: {a: very-secret}\n", "very-secret", "- very-secret\n", "a: 'very-secret\n"} {
		store := newStore(t)
		if err := os.MkdirAll(filepath.Dir(store.Path()), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(store.Path(), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := store.Load()
		if broken, ok := errors.AsType[*session.BrokenError](err); !ok || broken.Path != store.Path() || strings.Contains(err.Error(), "very-secret") {
			t.Errorf("%q: the error is %v", content, err)
		}
		if _, err := store.Logout(t.Context()); err == nil {
			t.Errorf("%q: logged out of what cannot be read", content)
		}
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]session.Target{
		"api.pks.example.com":      {API: "https://api.pks.example.com:9021", UAA: "https://api.pks.example.com:8443"},
		" API.pks.Example.COM\n":   {API: "https://api.pks.example.com:9021", UAA: "https://api.pks.example.com:8443"},
		"127.0.0.1:19021":          {API: "https://127.0.0.1:19021", UAA: "https://127.0.0.1:8443"},
		"https://api:1/":           {API: "https://api:1", UAA: "https://api:8443"},
		"HTTPS://api":              {API: "https://api:9021", UAA: "https://api:8443"},
		"fd00::1":                  {API: "https://[fd00::1]:9021", UAA: "https://[fd00::1]:8443"},
		"[fd00::1]:99":             {API: "https://[fd00::1]:99", UAA: "https://[fd00::1]:8443"},
		"https://api.example.com/": {API: "https://api.example.com:9021", UAA: "https://api.example.com:8443"},
	} {
		want.Given = strings.TrimSpace(given)
		got, err := session.ParseTarget(given)
		if err != nil {
			t.Errorf("%q: %v", given, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", given, diff)
		}
	}
	for _, given := range []string{"", "http://api", "ftp://api", "a b", "https://", "api/v1", "user:pw@api", "api?x", "api#x", "api:port", ":9021", "a_b%zz", "api:0", "api:65536", "[fe80::1%25eth0]", "ä.com", "-a"} {
		if got, err := session.ParseTarget(given); err == nil {
			t.Errorf("%q was read as %v", given, got)
		}
	}
}

// A server that does not tell where its UAA is has it on its own host.
func TestUAAIsOnTheAPIsHostUnlessItTells(t *testing.T) {
	t.Parallel()
	api := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(api.Close)
	target, err := session.ParseTarget(strings.Replace(api.URL, "127.0.0.1", "127.9.9.9", 1))
	if err != nil {
		t.Fatal(err)
	}
	target.API = api.URL
	err = newStore(t).Login(t.Context(), session.Login{Target: target, TLS: apiclient.TLS{SkipVerify: true}, Username: "u", Password: "p"})
	if trouble, ok := errors.AsType[*uaa.Error](err); !ok || trouble.URL != "https://127.9.9.9:8443" {
		t.Errorf("the error is %v", err)
	}
}

func TestForeignSchemesOfUAAAreRefused(t *testing.T) {
	t.Parallel()
	api := httptest.NewTLSServer(http.HandlerFunc(func(res http.ResponseWriter, _ *http.Request) {
		res.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(res, `{"uaa":{"url":"http://evil.example.com"}}`)
	}))
	t.Cleanup(api.Close)
	err := newStore(t).Login(t.Context(), session.Login{Target: session.Target{API: api.URL}, TLS: apiclient.TLS{SkipVerify: true}, Username: "u", Password: "p"})
	if err == nil || !strings.Contains(err.Error(), "no https address") {
		t.Errorf("the error is %v", err)
	}
}

func TestCancelledRenewalSaysSo(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := newServer(t)
	if _, err := session.NewTokens(loggedIn(t, s, token("a", -1)), clock).Token(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func FuzzParseTarget(f *testing.F) {
	f.Add("api.pks.example.com:9021")
	f.Add("https://[::1]:1/")
	f.Fuzz(func(t *testing.T, given string) {
		target, err := session.ParseTarget(given)
		if err != nil {
			return
		}
		again, err := session.ParseTarget(target.API)
		if err != nil || again.API != target.API {
			t.Errorf("%q became %q, which becomes %q, %v", given, target.API, again.API, err)
		}
	})
}
