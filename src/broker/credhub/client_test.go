package credhub

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func newClient(t *testing.T, serve http.HandlerFunc) *Client {
	t.Helper()
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/info":
			fmt.Fprintf(w, `{"auth-server":{"url":%q},"app":{"name":"CredHub"}}`, server.URL)
		case "/oauth/token":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token":"t","token_type":"bearer","expires_in":600}`)
		default:
			if r.Header.Get("Authorization") != "Bearer t" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			serve(w, r)
		}
	}))
	t.Cleanup(server.Close)
	c, err := New(Config{URL: server.URL, ClientID: "c", ClientSecret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.RequestURI() {
		case "/api/v1/data/7":
			fmt.Fprint(w, `{"id":"7","name":"/d/pw","type":"password","value":"p"}`)
		case "/api/v1/data?current=true&name=%2Fd%2Fca":
			fmt.Fprint(w, `{"data":[{"id":"8","name":"/d/ca","type":"certificate","value":{"ca":"x"}}]}`)
		case "/api/v1/data?current=true&name=%2Fd%2Fempty":
			fmt.Fprint(w, `{"data":[]}`)
		case "/api/v1/data?path=%2Fodb":
			fmt.Fprint(w, `{"credentials":[{"name":"/odb/a"},{"name":"/odb/b"}]}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":"The request could not be completed because the credential does not exist"}`)
		}
	})
	byID, err := c.ByID(t.Context(), "7")
	if diff := cmp.Diff(Credential{"7", "/d/pw", "password", json.RawMessage(`"p"`)}, byID); diff != "" || err != nil {
		t.Error(diff, err)
	}
	byName, err := c.ByName(t.Context(), "/d/ca")
	if diff := cmp.Diff(Credential{"8", "/d/ca", "certificate", json.RawMessage(`{"ca":"x"}`)}, byName); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, name := range []string{"/d/empty", "/d/missing"} {
		if _, err := c.ByName(t.Context(), name); !errors.Is(err, ErrNotFound) {
			t.Error(name, err)
		}
	}
	names, err := c.Below(t.Context(), "/odb")
	if diff := cmp.Diff([]string{"/odb/a", "/odb/b"}, names); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if err := c.Delete(t.Context(), "/d/missing"); err != nil {
		t.Error(err)
	}
}

func TestPutChoosesTheType(t *testing.T) {
	t.Parallel()
	var kinds []string
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Type string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		kinds = append(kinds, body.Type)
		fmt.Fprint(w, `{}`)
	})
	const certificate, key = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"
	for _, v := range []any{
		"text", map[string]any{"a": 1},
		map[string]any{"certificate": certificate, "private_key": key},
		map[string]any{"ca": certificate, "certificate": certificate, "private_key": key},
		map[string]any{"certificate": certificate},
		map[string]any{"certificate": "x", "private_key": key},
		map[string]any{"certificate": certificate, "private_key": certificate},
		map[string]any{"certificate": certificate, "private_key": key, "note": certificate},
		map[string]any{},
	} {
		if err := c.Put(t.Context(), "/odb/x", v); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]string{"value", "json", "certificate", "certificate", "json", "json", "json", "json", "json"}, kinds); diff != "" {
		t.Error(diff)
	}
}

func TestAnswersNeverReachErrors(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 400, 500} {
		c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, `topsecret`)
		})
		if _, err := c.ByID(t.Context(), "7"); err == nil || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%d: %v", status, err)
		}
	}
}
