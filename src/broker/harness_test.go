package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pivotal-cf/on-demand-services-sdk/serviceadapter"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/broker/runner"
	"github.com/pks-community/pks-release/src/director"
)

const (
	testService = "service-1"
	testPlan    = "plan-1"
	withErrands = "plan-with-errands"
)

// harness is a broker in front of a fake Director, as its clients see it.
type harness struct {
	t        *testing.T
	broker   *Broker
	director *fakeDirector
	url      string
	log      *logText
}

func testConfig(t *testing.T) config.Config {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	errands := serviceadapter.LifecycleErrands{
		PostDeploy: []serviceadapter.Errand{{Name: "apply-addons"}},
		PreDelete:  []serviceadapter.Errand{{Name: "drain-cluster"}},
	}
	groups := []serviceadapter.InstanceGroup{{Name: "worker", VMType: "small", Instances: 3, Networks: []string{"default"}, AZs: []string{"z1"}}}
	return config.Config{
		Broker: config.Broker{
			Port: 1, Username: "broker", Password: "secret", UseStdin: true,
			DisableCFStartupChecks: true, ExposeOperationalErrors: true,
		},
		BOSH: config.BOSH{URL: "http://unused"},
		ServiceAdapter: config.ServiceAdapter{
			Path: program, TimeoutSeconds: 30,
		},
		ServiceDeployment: config.ServiceDeployment{
			Releases:  []config.Release{{Name: "kubo", Version: "1.0", Jobs: []string{"kubelet"}}},
			Stemcells: []config.Stemcell{{OS: "ubuntu-jammy", Version: "1.500"}},
		},
		ServiceCatalog: config.ServiceCatalog{
			ID: testService, ServiceName: "p.pks", Description: "Kubernetes", Bindable: true,
			Plans: []config.Plan{
				{ID: testPlan, Name: "small", Description: "small", InstanceGroups: groups},
				{ID: withErrands, Name: "medium", Description: "medium", InstanceGroups: groups, LifecycleErrands: errands},
			},
		},
	}
}

func newHarness(t *testing.T, change ...func(*config.Config)) *harness {
	t.Helper()
	return newHarnessOn(t, newFakeDirector(t), change...)
}

// newHarnessOn starts another broker before the same Director: what a restart is.
func newHarnessOn(t *testing.T, f *fakeDirector, change ...func(*config.Config)) *harness {
	t.Helper()
	c := testConfig(t)
	for _, f := range change {
		f(&c)
	}
	d, err := director.New(director.Config{URL: f.server.URL, Username: "admin", Password: "pw", Repeats: []time.Duration{time.Millisecond, time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	log := &logText{}
	logger := slog.New(slog.NewJSONHandler(log, nil))
	b, err := New(Parts{
		Config: c, Director: d, Logger: logger,
		Adapter: runner.New(runner.Config{
			Path: c.ServiceAdapter.Path, Stdin: c.Broker.UseStdin, Timeout: c.ServiceAdapter.Timeout(), Logger: logger,
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(b.Handler(nil))
	t.Cleanup(server.Close)
	return &harness{t: t, broker: b, director: f, url: server.URL, log: log}
}

// logText keeps what was logged; requests are still logged when their clients
// have their answers.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// answer is what a client got.
type answer struct {
	Status int
	Body   string
}

func (h *harness) send(method, path, body string) answer {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.SetBasicAuth("broker", "secret")
	req.Header.Set("X-Broker-API-Version", "2.17")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer{resp.StatusCode, strings.TrimSpace(string(text))}
}

func instancePath(id string) string { return "/v2/service_instances/" + id }

func (h *harness) provision(id, plan, parameters string) answer {
	h.t.Helper()
	return h.send("PUT", instancePath(id)+"?accepts_incomplete=true", fmt.Sprintf(
		`{"service_id":%q,"plan_id":%q,"organization_guid":"pks","space_guid":"pks","context":{"platform":"pks"},"parameters":%s}`,
		testService, plan, parameters))
}

func (h *harness) update(id, plan, parameters string) answer {
	h.t.Helper()
	return h.send("PATCH", instancePath(id)+"?accepts_incomplete=true", fmt.Sprintf(
		`{"service_id":%q,"plan_id":%q,"parameters":%s,"previous_values":{"plan_id":%q}}`, testService, plan, parameters, plan))
}

func (h *harness) deprovision(id, plan string) answer {
	h.t.Helper()
	return h.send("DELETE", instancePath(id)+"?accepts_incomplete=true&service_id="+testService+"&plan_id="+plan, "")
}

func (h *harness) lastOperation(id, operation string) answer {
	h.t.Helper()
	return h.send("GET", instancePath(id)+"/last_operation?operation="+url.QueryEscape(operation), "")
}

// accepted takes the operation out of a 202.
func (h *harness) accepted(a answer) string {
	h.t.Helper()
	var body struct {
		Operation string `json:"operation"`
	}
	if err := json.Unmarshal([]byte(a.Body), &body); err != nil || a.Status != http.StatusAccepted || body.Operation == "" {
		h.t.Fatalf("not accepted: %d %s", a.Status, a.Body)
	}
	return body.Operation
}

// tick lets the task view look once and waits for what it began.
func (h *harness) tick() {
	h.t.Helper()
	h.broker.view.tick(h.t.Context())
	h.broker.view.steps.Wait()
}

// created makes an instance and ends its creation well.
func (h *harness) created(id, parameters string) {
	h.t.Helper()
	op := h.accepted(h.provision(id, testPlan, parameters))
	h.director.finish(taskOf(h.t, op), director.Done)
	h.tick()
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func taskOf(t *testing.T, operation string) int {
	t.Helper()
	d, err := parseOperation(operation)
	if err != nil {
		t.Fatal(err)
	}
	return d.BoshTaskID
}

func (h *harness) want(got answer, status int, body string) {
	h.t.Helper()
	if got.Status != status || got.Body != body {
		h.t.Errorf("got  %d %s\nwant %d %s", got.Status, got.Body, status, body)
	}
}
