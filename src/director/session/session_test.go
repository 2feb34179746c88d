package session

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// uaaAndServer is one server that is both.
type uaaAndServer struct {
	grants   atomic.Int32
	lifetime int
	refuse   atomic.Bool // the UAA refuses the client
	serve    http.HandlerFunc
}

func (u *uaaAndServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/oauth/token" {
		u.serve(w, r)
		return
	}
	if r.FormValue("client_id") != "c&lient" || r.FormValue("client_secret") != "s+e=c" || u.refuse.Load() {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":"invalid_client","error_description":"Bad credentials"}`)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"bearer","expires_in":%d}`, u.grants.Add(1), u.lifetime)
}

func newTokenSession(t *testing.T, u *uaaAndServer) *Session {
	t.Helper()
	server := httptest.NewTLSServer(u)
	t.Cleanup(server.Close)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	s, err := New(Config{URL: server.URL, CACert: ca, Client: &Client{
		ID: "c&lient", Secret: "s+e=c", UAA: func(context.Context) (string, error) { return server.URL + "/", nil },
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, s *Session) Response {
	t.Helper()
	resp, err := s.Do(t.Context(), Request{Method: http.MethodGet, Path: "/x"})
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func echo(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header.Get("Authorization")) }

func TestOneTokenServesAllRequests(t *testing.T) {
	t.Parallel()
	u := &uaaAndServer{lifetime: 600, serve: echo}
	s := newTokenSession(t, u)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if got := string(get(t, s).Body); got != "Bearer token-1" {
				t.Error(got)
			}
		})
	}
	all.Wait()
	if n := u.grants.Load(); n != 1 {
		t.Errorf("%d grants", n)
	}
}

func TestTokenIsRenewedBeforeItEnds(t *testing.T) {
	t.Parallel()
	u := &uaaAndServer{lifetime: 29, serve: echo} // ends within the margin
	s := newTokenSession(t, u)
	get(t, s)
	if got := string(get(t, s).Body); got != "Bearer token-2" {
		t.Error(got)
	}
}

func TestRefusedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	u := &uaaAndServer{lifetime: 600}
	u.serve = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer token-1" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintln(w, "Not authorized: '/x'")
			return
		}
		echo(w, r)
	}
	s := newTokenSession(t, u)
	if got := get(t, s); got.Status != 200 || string(got.Body) != "Bearer token-2" {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	u.serve = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }
	if got := get(t, s); got.Status != 401 || u.grants.Load() != 3 {
		t.Errorf("%d after %d grants", got.Status, u.grants.Load())
	}
}

func TestMissingScopeDoesNotCostAToken(t *testing.T) {
	t.Parallel()
	u := &uaaAndServer{lifetime: 600, serve: func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"code":600000,"description":"Require one of the scopes"}`)
	}}
	s := newTokenSession(t, u)
	get(t, s)
	get(t, s)
	if n := u.grants.Load(); n != 1 {
		t.Errorf("%d grants", n)
	}
}

func TestRefusedClientIsToldWithoutItsSecret(t *testing.T) {
	t.Parallel()
	u := &uaaAndServer{lifetime: 600, serve: echo}
	u.refuse.Store(true)
	s := newTokenSession(t, u)
	_, err := s.Do(t.Context(), Request{Method: http.MethodGet, Path: "/x"})
	want := "fetch a token from UAA: UAA answered 401 Unauthorized: invalid_client: Bad credentials"
	if err == nil || err.Error() != want {
		t.Error(err)
	}
	if failed, ok := errors.AsType[*Error](err); !ok || failed.Sent {
		t.Error("the server cannot have seen the request")
	}
}

func TestErrorsTellWhetherTheServerMayHaveSeenTheRequest(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	s, err := New(Config{URL: server.URL, Username: "u", Password: "p"})
	if err != nil {
		t.Fatal(err)
	}
	sent := func() bool {
		_, err := s.Do(t.Context(), Request{Method: http.MethodPost, Path: "/x"})
		failed, ok := errors.AsType[*Error](err)
		if !ok {
			t.Fatal(err)
		}
		return failed.Sent
	}
	if !sent() {
		t.Error("a dropped connection may have carried the request")
	}
	server.Close()
	if sent() {
		t.Error("a refused connection carries nothing")
	}
}

func TestRequestsUnderWayAreBounded(t *testing.T) {
	t.Parallel()
	arrived, let := make(chan struct{}, 8), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-let
	}))
	t.Cleanup(server.Close)
	s, err := New(Config{URL: server.URL, MaxInFlight: 2})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { get(t, s) })
	}
	<-arrived
	<-arrived
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = s.Do(ctx, Request{Method: http.MethodGet, Path: "/x"})
	if err == nil || !strings.HasPrefix(err.Error(), "wait for one of the requests under way to end") {
		t.Error(err)
	}
	close(let)
	all.Wait()
	if len(arrived) != 0 {
		t.Error("a third request came through")
	}
}

func TestBadConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []Config{{URL: ""}, {URL: "director:25555"}, {URL: "ftp://x"}, {URL: "https://x", CACert: "no certificate"}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

func TestUnknownCAIsNotTrusted(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(echo))
	t.Cleanup(server.Close)
	s, err := New(Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Do(t.Context(), Request{Method: http.MethodGet, Path: "/"}); err == nil {
		t.Error("trusted")
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	const together = 30
	var opened atomic.Int32
	arrived := make(chan struct{}, together)
	var gate atomic.Pointer[chan struct{}]
	u := &uaaAndServer{lifetime: 600, serve: func(w http.ResponseWriter, _ *http.Request) {
		if g := gate.Load(); g != nil {
			arrived <- struct{}{}
			<-*g
		}
		fmt.Fprint(w, "{}")
	}}
	server := httptest.NewUnstartedServer(u)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	s, err := New(Config{
		URL: server.URL, MaxInFlight: together,
		CACert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
		Client: &Client{ID: "c&lient", Secret: "s+e=c", UAA: func(context.Context) (string, error) { return server.URL, nil }},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	for range 50 {
		get(t, s)
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for 50 requests one after the other", n)
	}
	if n := u.grants.Load(); n != 1 {
		t.Errorf("%d tokens", n)
	}
	for range 3 { // all at once: as many connections as requests, and no more the next time
		g := make(chan struct{})
		gate.Store(&g)
		var group sync.WaitGroup
		for range together {
			group.Go(func() { get(t, s) })
		}
		for range together {
			<-arrived
		}
		close(g)
		group.Wait()
	}
	if n := opened.Load(); n > together {
		t.Errorf("%d connections for %d requests at once", n, together)
	}
}
