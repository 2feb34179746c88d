package credhub

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGrantByVersionOfCredHub(t *testing.T) {
	t.Parallel()
	const (
		second = `POST /api/v2/permissions {"actor":"mtls-app:a","operations":["read"],"path":"/c/x"}`
		first  = `POST /api/v1/permissions {"credential_name":"/c/x","permissions":[{"actor":"mtls-app:a","operations":["read"]}]}`
	)
	for name, c := range map[string]struct {
		v2, v1 int
		calls  []string
		fails  string
	}{
		"of today":         {v2: 201, calls: []string{second}},
		"granted before":   {v2: 409, calls: []string{second}},
		"before version 2": {v2: 404, v1: 201, calls: []string{second, first}},
		"not allowed to":   {v2: 404, v1: 404, calls: []string{second, first}, fails: "let mtls-app:a read /c/x: credential not found"},
		"broken":           {v2: 500, calls: []string{second}, fails: "let mtls-app:a read /c/x: CredHub: HTTP 500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls []string
			client := newClient(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				calls = append(calls, r.Method+" "+r.URL.Path+" "+string(body))
				status := c.v2
				if strings.HasPrefix(r.URL.Path, "/api/v1/") {
					status = c.v1
				}
				w.WriteHeader(status)
				fmt.Fprint(w, `{"uuid":"u"}`)
			})
			err := client.Grant(t.Context(), "/c/x", "mtls-app:a")
			if c.fails == "" && err != nil || c.fails != "" && (err == nil || err.Error() != c.fails) {
				t.Error(err)
			}
			if diff := cmp.Diff(c.calls, calls); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDocumentsAreNeverOfTypeCertificate(t *testing.T) {
	t.Parallel()
	var bodies []string
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		fmt.Fprint(w, `{}`)
	})
	const certificate, key = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"
	for _, v := range []any{"text", map[string]any{"certificate": certificate, "private_key": key}} {
		if err := c.PutDocument(t.Context(), "/c/x", v); err != nil {
			t.Error(err)
		}
	}
	if len(bodies) != 2 || !strings.Contains(bodies[0], `"type":"value"`) || !strings.Contains(bodies[1], `"type":"json"`) {
		t.Errorf("%q", bodies)
	}
	if err := c.PutDocument(t.Context(), "/c/x", map[string]any{"topsecret": func() {}}); err == nil || strings.Contains(err.Error(), "topsecret") {
		t.Error(err)
	}
}
