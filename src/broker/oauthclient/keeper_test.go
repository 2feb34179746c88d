package oauthclient

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/broker/config"
)

// fakeUAA is as much of a UAA as clients need (reference/uaa.md §11).
type fakeUAA struct {
	*httptest.Server
	mu      sync.Mutex
	clients map[string]map[string]any
	status  int // if set, of every answer but tokens
}

func newUAA(t *testing.T) *fakeUAA {
	t.Helper()
	u := &fakeUAA{clients: map[string]map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"good","token_type":"bearer","expires_in":600}`)
	})
	mux.HandleFunc("/oauth/clients", u.serve)
	mux.HandleFunc("/oauth/clients/{id}", u.serve)
	u.Server = httptest.NewServer(mux)
	t.Cleanup(u.Close)
	return u
}

func (u *fakeUAA) serve(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer good" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if u.status != 0 {
		w.WriteHeader(u.status)
		fmt.Fprint(w, `{"client_secret":"topsecret"}`)
		return
	}
	var sent map[string]any
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &sent)
	id := r.PathValue("id")
	there, ok := u.clients[id]
	switch {
	case r.Method == http.MethodPost:
		id = sent["client_id"].(string)
		if _, ok := u.clients[id]; ok {
			w.WriteHeader(http.StatusConflict)
			return
		}
		u.clients[id] = sent
		w.WriteHeader(http.StatusCreated)
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodPut:
		delete(sent, "client_secret")
		if secret, ok := there["client_secret"]; ok {
			sent["client_secret"] = secret
		}
		u.clients[id] = sent
	case r.Method == http.MethodDelete:
		delete(u.clients, id)
	default:
		shown := maps.Clone(there)
		delete(shown, "client_secret")
		_ = json.NewEncoder(w).Encode(shown)
	}
}

func (u *fakeUAA) client(id string) map[string]any {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.clients[id])
}

func (u *fakeUAA) keeper(t *testing.T, d config.ClientDefinition) *Keeper {
	t.Helper()
	c := config.CF{UAA: config.CFUAA{URL: u.URL, ClientDefinition: d}}
	c.UAA.Authentication.ClientCredentials = config.ClientCredentials{ClientID: "broker", ClientSecret: "s"}
	k, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

func full() config.ClientDefinition {
	return config.ClientDefinition{
		Authorities: "uaa.resource", GrantTypes: "client_credentials, authorization_code",
		ResourceIDs: "r1", Scopes: "a.ODB_SPACE_GUID.x,openid",
	}
}

func TestLifeOfAClient(t *testing.T) {
	t.Parallel()
	u := newUAA(t)
	k := u.keeper(t, full())
	i := Instance{ID: "i1", SpaceGUID: "space-1", Name: "demo"}
	made, err := k.Create(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(made.Secret.Reveal()); n != secretLength {
		t.Errorf("secret of %d characters", n)
	}
	want := map[string]any{
		"client_id": "i1", "client_secret": made.Secret.Reveal(), "name": "demo", "scope": []any{"a.space-1.x", "openid"},
		"resource_ids": []any{"r1"}, "authorities": []any{"uaa.resource"},
		"authorized_grant_types": []any{"client_credentials", "authorization_code"}, "redirect_uri": []any{placeholderURI},
	}
	if diff := cmp.Diff(want, u.client("i1")); diff != "" {
		t.Error(diff)
	}
	if err := k.Redirect(t.Context(), *made, "https://dashboard"); err != nil {
		t.Fatal(err)
	}
	want["redirect_uri"] = []any{"https://dashboard"}
	if diff := cmp.Diff(want, u.client("i1")); diff != "" {
		t.Error(diff)
	}
	d := full()
	d.Scopes = "openid"
	aligned, err := u.keeper(t, d).Align(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	wantAligned := &Client{
		ID: "i1", Name: "demo", Scopes: "openid", ResourceIDs: "r1", Authorities: "uaa.resource",
		GrantTypes: "client_credentials, authorization_code", RedirectURI: "https://dashboard",
	}
	if diff := cmp.Diff(wantAligned, aligned); diff != "" {
		t.Error(diff)
	}
	got, err := k.Get(t.Context(), "i1")
	if err != nil || got.Scopes != "openid" || got.RedirectURI != "https://dashboard" {
		t.Errorf("%+v %v", got, err)
	}
	if none, err := u.keeper(t, config.ClientDefinition{Name: "x"}).Align(t.Context(), i); none != nil || err != nil {
		t.Errorf("%+v %v", none, err)
	}
	if left := u.client("i1"); left != nil {
		t.Errorf("the definition is gone, the client is not: %v", left)
	}
	if err := k.Delete(t.Context(), "i1"); err != nil {
		t.Error(err)
	}
}

func TestPlaceholderIsTheClientThatWouldBeMade(t *testing.T) {
	t.Parallel()
	u := newUAA(t)
	k, i := u.keeper(t, full()), Instance{ID: "i1", SpaceGUID: "space-1", Name: "demo"}
	shown := k.Placeholder(i)
	if made := u.client("i1"); made != nil || !shown.Secret.Equal(placeholderSecret) {
		t.Errorf("made: %v", made)
	}
	made, err := k.Create(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	made.Secret = shown.Secret
	if diff := cmp.Diff(made, shown); diff != "" {
		t.Error(diff)
	}
	if none := u.keeper(t, config.ClientDefinition{Name: "x"}).Placeholder(i); none != nil {
		t.Errorf("%+v", none)
	}
	if none := u.keeper(t, config.ClientDefinition{GrantTypes: "implicit"}).Placeholder(i); none.Secret != "" {
		t.Error("implicit grants have no secret")
	}
}

func TestMissingClientIsMadeWhenItsInstanceIsChanged(t *testing.T) {
	t.Parallel()
	u := newUAA(t)
	made, err := u.keeper(t, full()).Align(t.Context(), Instance{ID: "i1"})
	if err != nil || made.Secret == "" || u.client("i1") == nil {
		t.Errorf("%+v %v", made, err)
	}
}

func TestClientLeftBehindIsReplaced(t *testing.T) {
	t.Parallel()
	u := newUAA(t)
	k := u.keeper(t, full())
	first, err := k.Create(t.Context(), Instance{ID: "i1"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := k.Create(t.Context(), Instance{ID: "i1"})
	if err != nil || second.Secret.Equal(first.Secret) || u.client("i1")["client_secret"] != second.Secret.Reveal() {
		t.Error(err)
	}
}

func TestSecretsByGrantType(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		grants, public string
		want           int
	}{{"implicit", "", 0}, {"password", "true", 1}, {"client_credentials", "", secretLength}} {
		made := of(config.ClientDefinition{GrantTypes: c.grants, AllowPublic: c.public}, Instance{ID: "i"})
		if n := len(made.newSecret().Reveal()); n != c.want {
			t.Errorf("%+v: %d characters", c, n)
		}
	}
}

func TestFailuresAreToldWithoutBodies(t *testing.T) {
	t.Parallel()
	u := newUAA(t)
	u.status = http.StatusForbidden
	k := u.keeper(t, full())
	i := Instance{ID: "i1"}
	for name, do := range map[string]func() error{
		"create": func() error { _, err := k.Create(t.Context(), i); return err },
		"align":  func() error { _, err := k.Align(t.Context(), i); return err },
		"get":    func() error { _, err := k.Get(t.Context(), "i1"); return err },
		"put":    func() error { return k.Redirect(t.Context(), Client{ID: "i1"}, "x") },
		"delete": func() error { return k.Delete(t.Context(), "i1") },
	} {
		if err := do(); err == nil || strings.Contains(err.Error(), "topsecret") || !strings.Contains(err.Error(), "HTTP 403") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
