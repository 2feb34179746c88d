package credhub_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/local/credhub"
	"github.com/pks-community/pks-release/src/local/director/auth"
)

// scopes authenticates by a header that lists them.
type scopes struct{}

func (scopes) Authenticate(r *http.Request) (auth.Identity, error) {
	text := r.Header.Get("Scopes")
	if text == "" {
		return auth.Identity{}, auth.ErrNotAuthenticated
	}
	return auth.Identity{User: "client", Scopes: strings.Split(text, ",")}, nil
}

func (scopes) UAAURL() string { return "https://uaa:8443" }

func server(t *testing.T) (*credhub.Store, func(who, method, path, body string) (int, string)) {
	t.Helper()
	store := fresh(t)
	web := httptest.NewServer(credhub.Handler(store, scopes{}, slog.New(slog.DiscardHandler)))
	t.Cleanup(web.Close)
	return store, func(who, method, path, body string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, web.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Scopes", who)
		response, err := web.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(text)
	}
}

func TestCredentialsAreReadByNameAndByID(t *testing.T) {
	t.Parallel()
	store, do := server(t)
	c := generate(t, store, credhub.Request{Name: "/d/dep/pw", Type: "password"})
	one := fmt.Sprintf(`{"type":"password","version_created_at":"%s","id":"%s","name":"/d/dep/pw","metadata":null,"value":"%s"}`,
		c.CreatedAt.Format("2006-01-02T15:04:05Z07:00"), c.ID, c.Value)
	for path, want := range map[string]string{
		"/api/v1/data?name=/d/dep/pw&current=true": `{"data":[` + one + `]}`,
		"/api/v1/data?name=%2Fd%2Fdep%2Fpw":        `{"data":[` + one + `]}`,
		"/api/v1/data?name=d/dep/pw&versions=3":    `{"data":[` + one + `]}`,
		"/api/v1/data/" + c.ID:                     one,
		"/api/v1/data?id=" + c.ID:                  one,
	} {
		status, body := do("credhub.read", "GET", path, "")
		if diff := cmp.Diff(want, body); diff != "" || status != 200 {
			t.Errorf("%s: %d %s", path, status, diff)
		}
	}
	if _, body := do("credhub.read", "GET", "/api/v1/data?path=/d", ""); !strings.Contains(body, `"name":"/d/dep/pw"`) || strings.Contains(body, fmt.Sprint(c.Value)) {
		t.Errorf("path lists %s", body)
	}
}

func TestCredentialsAreSetGeneratedAndDeleted(t *testing.T) {
	t.Parallel()
	_, do := server(t)
	const writer = "credhub.read,credhub.write"
	if status, body := do(writer, "PUT", "/api/v1/data", `{"name":"/x","type":"json","value":{"a":1}}`); status != 200 || !strings.Contains(body, `"value":{"a":1}`) {
		t.Errorf("set: %d %s", status, body)
	}
	status, body := do(writer, "POST", "/api/v1/data", `{"name":"/pw","type":"password","parameters":{"length":12}}`)
	var made struct{ Value string }
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != 200 || len(made.Value) != 12 {
		t.Errorf("generate: %d %v", status, err)
	}
	if status, again := do(writer, "POST", "/api/v1/data", `{"name":"/pw","type":"password","mode":"no-overwrite"}`); status != 200 || again != body {
		t.Errorf("generate again: %d", status)
	}
	if status, other := do(writer, "POST", "/api/v1/data", `{"name":"/pw","type":"password","overwrite":true}`); status != 200 || other == body {
		t.Errorf("overwrite: %d", status)
	}
	if status, _ := do(writer, "DELETE", "/api/v1/data?name=/pw", ""); status != http.StatusNoContent {
		t.Errorf("delete: %d", status)
	}
}

func TestRequestsAreRefusedAsCredHubDoes(t *testing.T) {
	t.Parallel()
	_, do := server(t)
	const writer = "credhub.read,credhub.write"
	for _, c := range []struct {
		who, method, path, body string
		status                  int
	}{
		{"", "GET", "/api/v1/data?name=/x", "", 401},
		{"other", "GET", "/api/v1/data?name=/x", "", 403},
		{"credhub.read", "PUT", "/api/v1/data", `{"name":"/x","type":"value","value":"y"}`, 403},
		{writer, "GET", "/api/v1/data?name=/x", "", 404},
		{writer, "GET", "/api/v1/data/nope", "", 404},
		{writer, "GET", "/api/v1/data", "", 400},
		{writer, "GET", "/api/v1/data?name=/x&current=true&versions=2", "", 400},
		{writer, "GET", "/api/v1/data?name=/x&versions=many", "", 400},
		{writer, "PUT", "/api/v1/data", `nojson`, 400},
		{writer, "PUT", "/api/v1/data", `{"type":"value","value":"y"}`, 400},
		{writer, "PUT", "/api/v1/data", `{"name":"/x","type":"password","value":{}}`, 400},
		{writer, "PUT", "/api/v1/data", `{"name":"/x","type":"json","value":"y"}`, 400},
		{writer, "PUT", "/api/v1/data", `{"name":"/x","type":"poem","value":"y"}`, 400},
		{writer, "POST", "/api/v1/data", `{"name":"/x","type":"certificate","parameters":{"common_name":"x","ca":"/nope"}}`, 400},
		{writer, "DELETE", "/api/v1/data?name=/x", "", 404},
		{writer, "DELETE", "/api/v1/data", "", 400},
	} {
		status, body := do(c.who, c.method, c.path, c.body)
		var problem struct{ Error string }
		if err := json.Unmarshal([]byte(body), &problem); status != c.status || err != nil || problem.Error == "" {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, status, body, c.status)
		}
	}
}

func TestInfoTellsWhereTheUAAIs(t *testing.T) {
	t.Parallel()
	_, do := server(t)
	if status, body := do("", "GET", "/info", ""); status != 200 || body != `{"app":{"name":"CredHub"},"auth-server":{"url":"https://uaa:8443"}}` {
		t.Errorf("info: %d %s", status, body)
	}
	if status, body := do("", "GET", "/health", ""); status != 200 || body != `{"status":"UP"}` {
		t.Errorf("health: %d %s", status, body)
	}
}
