package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/broker/credhub"
	"github.com/pks-community/pks-release/src/director"
	localcredhub "github.com/pks-community/pks-release/src/local/credhub"
	"github.com/pks-community/pks-release/src/local/director/auth"
)

// runtimeCredHub is the embedded CredHub with the one call that it has not: to let
// somebody read a credential. It answers that as CredHub does.
type runtimeCredHub struct {
	client *credhub.Client

	mu      sync.Mutex
	grants  []string
	failing string // method of the requests that are refused
}

func newRuntimeCredHub(t *testing.T) *runtimeCredHub {
	t.Helper()
	c := &runtimeCredHub{}
	store, err := localcredhub.Open(t.Context(), filepath.Join(t.TempDir(), "credhub.db"), localcredhub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	uaa := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"good","token_type":"bearer","expires_in":600}`)
	}))
	t.Cleanup(uaa.Close)
	bearer := auth.Bearer{URL: uaa.URL, Verify: func(context.Context, string) (auth.Identity, error) {
		return auth.Identity{User: "broker", Scopes: []string{"credhub.read", "credhub.write"}}, nil
	}}
	mux := http.NewServeMux()
	mux.Handle("/", localcredhub.Handler(store, bearer, slog.New(slog.DiscardHandler)))
	mux.HandleFunc("POST /api/v2/permissions", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		c.grants = append(c.grants, string(body))
		c.mu.Unlock()
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(body)
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		fails := r.Method == c.failing
		c.mu.Unlock()
		if fails {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	if c.client, err = credhub.New(credhub.Config{URL: server.URL, ClientID: "broker", ClientSecret: "s"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.client.Close)
	return c
}

func (c *runtimeCredHub) fail(method string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failing = method
}

func (c *runtimeCredHub) granted() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.grants
	c.grants = nil
	return all
}

// kept is what is there under a name: its type and value; empty for nothing.
func (c *runtimeCredHub) kept(t *testing.T, name string) string {
	t.Helper()
	one, err := c.client.ByName(t.Context(), name)
	if errors.Is(err, credhub.ErrNotFound) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return one.Type + " " + string(one.Value)
}

const (
	bindingB1     = "/service_bindings/b1"
	credentialsB1 = "/c/service-1/i1/b1/credentials"
)

// bindsTo makes a broker whose bindings go to a CredHub and whose adapter writes
// down what it is asked.
func bindsTo(t *testing.T, c *runtimeCredHub, f *fakeDirector, script string) (h *harness, asked func() string) {
	t.Helper()
	h = newHarnessOn(t, f, scripted(t, `cat >/dev/null; echo "$1" >> "$0.asked"; `+script))
	h.broker.handedOut = c.client
	return h, func() string {
		text, err := os.ReadFile(h.broker.config.ServiceAdapter.Path + ".asked")
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", ",")
	}
}

func (h *harness) bindFor(more string) answer {
	h.t.Helper()
	return h.send("PUT", instancePath("i1")+bindingB1, `{"service_id":"service-1","plan_id":"plan-1"`+more+`}`)
}

func (h *harness) unbind() answer {
	h.t.Helper()
	return h.send("DELETE", instancePath("i1")+bindingB1+"?service_id=service-1&plan_id=plan-1", "")
}

func TestCredentialsGoToTheApplicationsCredHub(t *testing.T) {
	t.Parallel()
	store := newRuntimeCredHub(t)
	f := newFakeDirector(t)
	newHarnessOn(t, f).created("i1", `{}`)
	h, asked := bindsTo(t, store, f, `echo '{"credentials":{"password":"topsecret"},"syslog_drain_url":"syslog://x"}'`)
	for more, actor := range map[string]string{
		`,"app_guid":"a1"`: "mtls-app:a1",
		`,"bind_resource":{"app_guid":"a2","credential_client_id":"c1"}`: "mtls-app:a2",
		`,"bind_resource":{"credential_client_id":"c1"}`:                 "uaa-client:c1",
	} {
		h.want(h.bindFor(more), 201, `{"credentials":{"credhub-ref":"`+credentialsB1+`"},"syslog_drain_url":"syslog://x"}`)
		if got := store.kept(t, credentialsB1); got != `json {"password":"topsecret"}` {
			t.Errorf("%s: kept %s", more, got)
		}
		want := []string{`{"actor":"` + actor + `","operations":["read"],"path":"` + credentialsB1 + `"}`}
		if diff := cmp.Diff(want, store.granted()); diff != "" {
			t.Errorf("%s: %s", more, diff)
		}
		h.want(h.unbind(), 200, `{}`)
		if got := store.kept(t, credentialsB1); got != "" {
			t.Errorf("%s: left behind: %s", more, got)
		}
	}
	if got := asked(); got != strings.TrimPrefix(strings.Repeat(",create-binding,delete-binding", 3), ",") {
		t.Errorf("the adapter was asked for %s", got)
	}
	if strings.Contains(h.log.String(), "topsecret") {
		t.Error("a credential is in the log")
	}
}

func TestBindingForNobodyIsRefusedBeforeItIsMade(t *testing.T) {
	t.Parallel()
	f := newFakeDirector(t)
	newHarnessOn(t, f).created("i1", `{}`)
	h, asked := bindsTo(t, newRuntimeCredHub(t), f, `echo '{"credentials":{"a":1}}'`)
	for _, more := range []string{``, `,"bind_resource":{}`, `,"bind_resource":null`, `,"app_guid":""`} {
		h.want(h.bindFor(more), 500, `{"description":"No app-guid or credential client ID were provided in the binding request, you must configure one of these"}`)
	}
	if got := asked(); got != "" {
		t.Errorf("the adapter was asked for %s", got)
	}
}

func TestFormsOfCredentials(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		credentials, kept, told string
		status                  int
	}{
		"text":       {`"topsecret"`, `value "topsecret"`, `"credhub-ref"`, 201},
		"empty text": {`""`, ``, `"credentials":""`, 201},
		"empty":      {`{}`, ``, `"credentials":{}`, 201},
		"none":       {`null`, ``, `{`, 201},
		"list":       {`["topsecret"]`, ``, generic, 500},
		"number":     {`7`, ``, generic, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newRuntimeCredHub(t)
			f := newFakeDirector(t)
			newHarnessOn(t, f).created("i1", `{}`)
			h, asked := bindsTo(t, store, f, `echo '{"credentials":`+c.credentials+`}'`)
			got := h.bindFor(`,"app_guid":"a1"`)
			if got.Status != c.status || !strings.Contains(got.Body, c.told) || strings.Contains(got.Body, "topsecret") {
				t.Errorf("%d %s", got.Status, got.Body)
			}
			if kept := store.kept(t, credentialsB1); kept != c.kept {
				t.Errorf("kept %s", kept)
			}
			if want := map[int]string{201: "create-binding", 500: "create-binding,delete-binding"}[c.status]; asked() != want {
				t.Errorf("the adapter was asked for %s", asked())
			}
		})
	}
}

// In the original a user of the service was left that nobody knew.
func TestBindingWhoseCredentialsCannotBeKeptIsUndone(t *testing.T) {
	t.Parallel()
	for _, fails := range []string{http.MethodPut, http.MethodPost} {
		store := newRuntimeCredHub(t)
		f := newFakeDirector(t)
		newHarnessOn(t, f).created("i1", `{}`)
		h, asked := bindsTo(t, store, f, `echo '{"credentials":{"password":"topsecret"}}'`)
		store.fail(fails)
		if got := h.bindFor(`,"app_guid":"a1"`); got.Status != 500 || !strings.Contains(got.Body, generic) || strings.Contains(got.Body, "topsecret") {
			t.Errorf("%s: %d %s", fails, got.Status, got.Body)
		}
		store.fail("")
		if got := store.kept(t, credentialsB1); got != "" {
			t.Errorf("%s: left behind: %s", fails, got)
		}
		if got := asked(); got != "create-binding,delete-binding" {
			t.Errorf("%s: the adapter was asked for %s", fails, got)
		}
		if strings.Contains(h.log.String(), "topsecret") {
			t.Errorf("%s: a credential is in the log", fails)
		}
	}
}

func TestUnbindGoesOnWithoutTheCredHub(t *testing.T) {
	t.Parallel()
	store := newRuntimeCredHub(t)
	f := newFakeDirector(t)
	newHarnessOn(t, f).created("i1", `{}`)
	h, _ := bindsTo(t, store, f, `echo '{"credentials":{"a":1}}'`)
	h.bindFor(`,"app_guid":"a1"`)
	store.fail(http.MethodDelete)
	h.want(h.unbind(), 200, `{}`)
	if want := "WARNING: failed to remove key '" + credentialsB1 + "' from credential store"; !strings.Contains(h.log.String(), want) {
		t.Error(h.log.String())
	}
}

func TestCredentialsOfABindingThatIsGoneAreRemoved(t *testing.T) {
	t.Parallel()
	store := newRuntimeCredHub(t)
	f := newFakeDirector(t)
	first := newHarnessOn(t, f)
	first.created("i1", `{}`)
	h, _ := bindsTo(t, store, f, `[ "$1" = create-binding ] || exit 41; echo '{"credentials":{"a":1}}'`)
	h.bindFor(`,"app_guid":"a1"`)
	h.want(h.unbind(), 410, `{}`)
	if got := store.kept(t, credentialsB1); got != "" {
		t.Errorf("the binding is gone: %s", got)
	}
	h.bindFor(`,"app_guid":"a1"`)
	op := first.accepted(first.deprovision("i1", testPlan))
	f.finish(taskOf(t, op), director.Done)
	h.want(h.unbind(), 410, `{}`)
	if got := store.kept(t, credentialsB1); got != "" {
		t.Errorf("the instance is gone: %s", got)
	}
}

func TestWithoutARuntimeCredHubThePlatformGetsTheCredentials(t *testing.T) {
	t.Parallel()
	f := newFakeDirector(t)
	newHarnessOn(t, f).created("i1", `{}`)
	h := newHarnessOn(t, f, scripted(t, `cat >/dev/null; echo '{"credentials":{"a":1}}'`))
	h.want(h.bindFor(``), 201, `{"credentials":{"a":1}}`)
}

func TestConfigurationOfARuntimeCredHubTurnsItOn(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	logger := slog.New(slog.DiscardHandler)
	parts, err := assemble(c, logger, NewMetrics())
	if err != nil || parts.Bindings != nil {
		t.Fatal(parts.Bindings, err)
	}
	c.CredHub = config.RuntimeCredHub{APIURL: "https://credhub.example.com:8844", ClientID: "c", ClientSecret: "s"}
	if parts, err = assemble(c, logger, NewMetrics()); err != nil || parts.Bindings == nil {
		t.Fatal(parts.Bindings, err)
	}
	c.CredHub.CACert = "no certificate"
	if _, err = assemble(c, logger, NewMetrics()); err == nil {
		t.Error("a CA that is none was taken")
	}
}

func TestStartWaitsForTheHostOfCredHub(t *testing.T) {
	t.Parallel()
	unknown := errors.New("no such host")
	for _, c := range []struct {
		after int // lookups that fail
		took  time.Duration
		err   error
	}{
		{0, 0, nil}, {1, 16 * time.Millisecond, nil}, {3, 112 * time.Millisecond, nil},
		{10, 16368 * time.Millisecond, nil}, {11, 16368 * time.Millisecond, unknown},
	} {
		synctest.Test(t, func(t *testing.T) {
			began, asked := time.Now(), []string{}
			err := awaitHost(t.Context(), "https://credhub.service.cf.internal:8844/", func(_ context.Context, host string) ([]string, error) {
				asked = append(asked, host)
				if len(asked) <= c.after {
					return nil, unknown
				}
				return []string{"10.0.0.1"}, nil
			})
			if !errors.Is(err, c.err) || time.Since(began) != c.took || asked[0] != "credhub.service.cf.internal" {
				t.Errorf("after %d lookups: %v, %s, %q", c.after, err, time.Since(began), asked)
			}
		})
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := awaitHost(ctx, "https://x", func(context.Context, string) ([]string, error) { return nil, unknown }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := awaitHost(ctx, "credhub", nil); err == nil {
		t.Error("an address without a host")
	}
}

func TestStartFailsWithoutTheHostOfCredHub(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.broker.config.CredHub.APIURL = "not an address"
	err := h.broker.checkStartup(t.Context())
	if err == nil || !strings.Contains(err.Error(), "error starting broker: The following broker startup checks failed: CredHub error: ") {
		t.Error(err)
	}
}
