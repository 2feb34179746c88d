package session_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/cli/session"
)

func storeIn(t *testing.T, home, target string) *session.Store {
	t.Helper()
	store, err := session.NewStore(func(name string) string {
		return map[string]string{"PKS_HOME": home, session.EnvTarget: target}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func settle(t *testing.T, store *session.Store, c session.Credentials) {
	t.Helper()
	if err := store.Settle(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func TestTokensMoveWithTheTarget(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	store := storeIn(t, home, "")
	settle(t, store, session.Credentials{API: "https://a:9021", Username: "u", Access: "access-a", Refresh: "refresh-a"})
	settle(t, store, session.Credentials{API: "https://b:9021", Target: "bee", Username: "v", Access: "access-b", Refresh: "refresh-b"})
	switched, err := store.Switch(t.Context(), "a")
	if err != nil || switched.Refresh != "refresh-a" {
		t.Fatalf("%+v, %v", switched, err)
	}
	for file, want := range map[string]string{"creds.yml": "refresh-a", "targets/bee.yml": "refresh-b"} {
		c, err := os.ReadFile(filepath.Join(home, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range []string{"refresh-a", "refresh-b"} {
			if has := contains(c, token); has != (token == want) {
				t.Errorf("%s has %s: %t", file, token, has)
			}
		}
	}
	if left, err := os.ReadFile(filepath.Join(home, "targets/a.yml")); err != nil || contains(left, "refresh-a") {
		t.Errorf("the token is in two files (%v)", err)
	}
	elsewhere, err := storeIn(t, home, "bee").Load()
	if err != nil || elsewhere.Access != "access-b" {
		t.Errorf("%+v, %v", elsewhere, err)
	}
	here, err := storeIn(t, home, "a").Load()
	if err != nil || here.Access != "access-a" {
		t.Errorf("%+v, %v", here, err)
	}
	targets, err := store.Targets()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, target := range targets {
		names = append(names, target.Target)
	}
	if diff := cmp.Diff([]string{"a", "bee"}, names); diff != "" {
		t.Error(diff)
	}
}

func contains(content []byte, text string) bool {
	for i := range max(0, len(content)-len(text)+1) {
		if string(content[i:i+len(text)]) == text {
			return true
		}
	}
	return false
}

func TestTargetsThatAreNone(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	store := storeIn(t, home, "")
	settle(t, store, session.Credentials{API: "https://a:9021", Access: "x"})
	_, err := store.Switch(t.Context(), "nosuch")
	if unknown, ok := errors.AsType[*session.UnknownTargetError](err); !ok || unknown.Name != "nosuch" {
		t.Errorf("the error is %v", err)
	}
	for _, name := range []string{"../a", "", "a/b", ".hidden", "-x"} {
		if _, err := store.Switch(t.Context(), name); err == nil {
			t.Errorf("%q is a target", name)
		}
	}
	if now, err := store.Load(); err != nil || now.Access != "x" {
		t.Errorf("%+v, %v", now, err)
	}
}

func TestCredentialsAreKeptNoLongerThanTheirToken(t *testing.T) {
	t.Parallel()
	store := storeIn(t, t.TempDir(), "")
	cache := store.Cache("https://a:9021", "u", "demo")
	if _, ok := cache.Load(now); ok {
		t.Error("there is one before any was kept")
	}
	for name, c := range map[string]struct {
		credential session.Credential
		want       time.Duration
	}{
		"short": {session.Credential{Token: token("t", 10*time.Minute)}, 10 * time.Minute},
		"long":  {session.Credential{Token: token("t", 24*time.Hour)}, time.Hour},
		"none":  {session.Credential{Token: "opaque"}, time.Hour},
		"key":   {session.Credential{Certificate: "C", Key: "K"}, time.Hour},
	} {
		if _, err := cache.Store(t.Context(), now, c.credential); err != nil {
			t.Fatal(err)
		}
		kept, ok := cache.Load(now)
		if !ok || !kept.Until.Equal(now.Add(c.want)) || kept.Token != c.credential.Token || kept.Key != c.credential.Key {
			t.Errorf("%s: %v until %v", name, ok, kept.Until)
		}
		if _, ok := cache.Load(now.Add(c.want - time.Second)); ok {
			t.Errorf("%s: it is given out in its last second", name)
		}
	}
	if _, ok := store.Cache("https://a:9021", "v", "demo").Load(now); ok {
		t.Error("somebody else gets it")
	}
}
