package smoketests_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/errand/smoketests"
)

// kubeconfig is one of the server, called by a name that does not resolve.
func kubeconfig(t *testing.T, server *httptest.Server, host string) v1.Kubeconfig {
	t.Helper()
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	text, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"clusters": []any{map[string]any{"name": "c", "cluster": map[string]any{"server": "https://" + host + ":" + address.Port(), "certificate-authority-data": ca}}},
		"contexts": []any{map[string]any{"name": "c", "context": map[string]any{"cluster": "c", "user": "u"}}},
		"users":    []any{map[string]any{"name": "u", "user": map[string]any{"token": "secret-token"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func node(name, ready string) string {
	return fmt.Sprintf(`{"metadata":{"name":%q},"status":{"conditions":[{"type":"MemoryPressure","status":"False"},{"type":"Ready","status":%q}]}}`, name, ready)
}

func TestKubernetesIsProbed(t *testing.T) {
	t.Parallel()
	for want, test := range map[string]struct {
		ready int
		nodes string
		count int
	}{
		"":                                {200, node("a", "True") + "," + node("b", "True"), 2},
		"2 nodes are ready, 1 are wanted": {200, node("a", "True") + "," + node("b", "True"), 1},
		"1 nodes are ready, 2 are wanted; not ready: b": {200, node("a", "True") + "," + node("b", "Unknown"), 2},
		"/readyz answered 500":                          {500, "", 1},
		"read the list of nodes":                        {200, "{", 1},
	} {
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Header.Get("Authorization") != "Bearer secret-token":
				w.WriteHeader(401)
			case r.URL.Path == "/readyz":
				w.WriteHeader(test.ready)
			case r.URL.Path == "/api/v1/nodes":
				fmt.Fprintf(w, `{"items":[%s]}`, test.nodes)
			}
		}))
		err := smoketests.Kubernetes(t.Context(), kubeconfig(t, server, "127.0.0.1"), nil, test.count)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		server.Close()
	}
}

func TestTheMastersStandInForANameThatDoesNotResolve(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"items":[]}`))
	}))
	defer server.Close()
	err := smoketests.Kubernetes(t.Context(), kubeconfig(t, server, "nowhere.invalid"), []string{"127.0.0.1"}, 0)
	// The master was reached: its certificate is for other names.
	if err == nil || !strings.Contains(err.Error(), "not nowhere.invalid") {
		t.Error(err)
	}
	if err := smoketests.Kubernetes(t.Context(), kubeconfig(t, server, "nowhere.invalid"), nil, 0); err == nil || strings.Contains(err.Error(), "not nowhere.invalid") {
		t.Error(err)
	}
	if err := smoketests.Kubernetes(t.Context(), v1.Kubeconfig(`{"clusters":7}`), nil, 0); err == nil || !strings.Contains(err.Error(), "read the credentials") {
		t.Error(err)
	}
}
