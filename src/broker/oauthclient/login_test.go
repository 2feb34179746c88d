package oauthclient

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/broker/config"
	localuaa "github.com/pks-community/pks-release/src/local/uaa"
	"github.com/pks-community/pks-release/src/pks"
)

// embedded is a whole UAA behind TLS, with a client and a person who may manage
// clients. It counts the tokens that it gave.
type embedded struct {
	*httptest.Server
	mu     sync.Mutex
	grants int
	refuse bool // the next token that is shown
}

func newEmbedded(t *testing.T) *embedded {
	t.Helper()
	e := &embedded{}
	var serve http.Handler
	e.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		isGrant := r.URL.Path == "/oauth/token"
		if isGrant {
			e.grants++
		}
		refused := e.refuse && !isGrant
		e.refuse = e.refuse && !refused
		e.mu.Unlock()
		if refused {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		serve.ServeHTTP(w, r)
	}))
	t.Cleanup(e.Close)
	manages := []string{"clients.read", "clients.write", "clients.admin"} // the last for scopes that are not the client's own
	uaa, err := localuaa.New(localuaa.Config{
		Dir: t.TempDir(), BaseURL: e.URL,
		Clients: []localuaa.Client{
			{ID: "cf", GrantTypes: []string{"password", "refresh_token"}, Scopes: append([]string{"openid"}, manages...)},
			{ID: "broker", Secret: "s", GrantTypes: []string{"client_credentials"}, Authorities: manages},
		},
		Groups: []localuaa.Group{{Name: "clients.read"}, {Name: "clients.write"}, {Name: "clients.admin"}},
		Users: []localuaa.User{
			{Name: "alana", Password: "hunter2", Groups: manages},
			{Name: "cody", Password: "hunter2"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	serve = uaa.Handler()
	t.Cleanup(func() {
		e.Close()
		if err := uaa.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func (e *embedded) tokens() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.grants
}

func (e *embedded) keeper(t *testing.T, login func(*config.CFUAA)) *Keeper {
	t.Helper()
	c := config.CF{
		RootCACert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.Certificate().Raw})),
		UAA:        config.CFUAA{URL: e.URL, ClientDefinition: config.ClientDefinition{Scopes: "openid", GrantTypes: "authorization_code", Authorities: "uaa.none"}},
	}
	login(&c.UAA)
	k, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

func byPerson(name, password string) func(*config.CFUAA) {
	return func(u *config.CFUAA) {
		u.Authentication.UserCredentials = config.UserCredentials{Username: name, Password: pks.Secret(password)}
	}
}

func byClient(u *config.CFUAA) {
	u.Authentication.ClientCredentials = config.ClientCredentials{ClientID: "broker", ClientSecret: "s"}
}

func TestClientsAndPersonsManageClientsOfTheEmbeddedUAA(t *testing.T) {
	t.Parallel()
	for name, login := range map[string]func(*config.CFUAA){"client": byClient, "person": byPerson("alana", "hunter2")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEmbedded(t)
			k := e.keeper(t, login)
			ctx := t.Context()
			made, err := k.Create(ctx, Instance{ID: "i1", Name: "one"})
			if err != nil || len(made.Secret) != secretLength {
				t.Fatal(err)
			}
			if err := k.Redirect(ctx, *made, "https://dashboard.example.com"); err != nil {
				t.Fatal(err)
			}
			if _, err := k.Align(ctx, Instance{ID: "i1", Name: "renamed"}); err != nil {
				t.Fatal(err)
			}
			there, err := k.Get(ctx, "i1")
			if err != nil || there == nil {
				t.Fatal(there, err)
			}
			want := Client{ID: "i1", Name: "renamed", Scopes: "openid", Authorities: "uaa.none", GrantTypes: there.GrantTypes,
				RedirectURI: "https://dashboard.example.com", ResourceIDs: there.ResourceIDs}
			if diff := cmp.Diff(want, *there); diff != "" {
				t.Error(diff)
			}
			if err := k.Delete(ctx, "i1"); err != nil {
				t.Fatal(err)
			}
			if there, err := k.Get(ctx, "i1"); there != nil || err != nil {
				t.Error(there, err)
			}
			if n := e.tokens(); n != 1 {
				t.Errorf("%d tokens were asked for", n)
			}
		})
	}
}

func TestPersonsTokenIsReplacedWhenItIsRefused(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t)
	k := e.keeper(t, byPerson("alana", "hunter2"))
	e.refuse = true
	if there, err := k.Get(t.Context(), "i1"); there != nil || err != nil {
		t.Fatal(there, err)
	}
	if n := e.tokens(); n != 2 {
		t.Errorf("%d tokens were asked for", n)
	}
}

func TestPersonLogsInOnceHoweverManyAsk(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t)
	k := e.keeper(t, byPerson("alana", "hunter2"))
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if _, err := k.Get(t.Context(), fmt.Sprint("i", i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := e.tokens(); n != 1 {
		t.Errorf("%d tokens were asked for", n)
	}
}

func TestPersonsWhoMayNotAreToldWithoutTheirPassword(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t)
	for name, c := range map[string]struct {
		login func(*config.CFUAA)
		says  string
	}{
		"wrong password": {byPerson("alana", "hunter22"), "log in at UAA as alana: "},
		"no such person": {byPerson("nobody", "hunter2"), "log in at UAA as nobody: "},
		"no right to":    {byPerson("cody", "hunter2"), "UAA answered HTTP 403"},
	} {
		_, err := e.keeper(t, c.login).Get(t.Context(), "i1")
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWaitForATokenEndsWithItsContext(t *testing.T) {
	t.Parallel()
	k := newEmbedded(t).keeper(t, byPerson("alana", "hunter2"))
	if err := k.person.take(t.Context()); err != nil { // somebody is logging in
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := k.Get(ctx, "i1"); err == nil || !strings.Contains(err.Error(), "wait for a token of UAA") {
		t.Error(err)
	}
}
