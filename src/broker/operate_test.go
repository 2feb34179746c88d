package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/director"
)

// program is a broker that runs as its operators run it.
type program struct {
	url     string
	port    int
	out     *announced
	closing *announced // that it shuts down
	stop    context.CancelFunc
	code    chan int
}

func startProgram(t *testing.T, directorURL, more string) *program {
	t.Helper()
	path := configFile(t, directorURL, more)
	c, _, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	p := &program{
		url: fmt.Sprintf("http://127.0.0.1:%d", c.Broker.Port), port: c.Broker.Port, stop: stop,
		out: &announced{text: "Listening on ", found: make(chan struct{})}, closing: &announced{text: "Broker shutting down on signal", found: make(chan struct{})}, code: make(chan int, 1),
	}
	go func() {
		p.code <- Run(ctx, []string{"-configFilePath", path}, "1.0", io.MultiWriter(p.out, p.closing), io.Discard)
	}()
	select {
	case <-p.out.found:
	case code := <-p.code:
		t.Fatalf("exit %d: %s", code, p.out.String())
	}
	return p
}

func (p *program) send(t *testing.T, method, path, body string) (answer, error) {
	t.Helper()
	req := newOSBRequest(t.Context(), method, p.url+path, body)
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, strings.TrimSpace(string(text))}, err
}

func TestShutdownLetsRequestsUnderWayEnd(t *testing.T) {
	t.Parallel()
	f := newFakeDirector(t)
	reached, let := make(chan struct{}), make(chan struct{})
	p := startProgram(t, f.server.URL, ", shutdown_timeout_in_seconds: 60")
	f.setFault(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			close(reached)
			<-let
		}
		return false
	})
	got := make(chan answer, 1)
	go func() {
		a, err := p.send(t, "PUT", instancePath("i1")+"?accepts_incomplete=true", `{"service_id":"s","plan_id":"p"}`)
		if err != nil {
			a.Body = err.Error()
		}
		got <- a
	}()
	<-reached
	p.stop()
	<-p.closing.found
	close(let)
	if a := <-got; a.Status != http.StatusAccepted {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if code := <-p.code; code != 0 || !strings.Contains(p.out.String(), "Broker shutting down on signal (timeout 60 secs)...") {
		t.Errorf("exit %d: %s", code, p.out.String())
	}
}

func TestShutdownGivesUpAfterItsTimeout(t *testing.T) {
	t.Parallel()
	f := newFakeDirector(t)
	reached, let := make(chan struct{}), make(chan struct{})
	p := startProgram(t, f.server.URL, ", shutdown_timeout_in_seconds: 1")
	f.setFault(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			close(reached)
			<-let
		}
		return false
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = p.send(t, "PUT", instancePath("i1")+"?accepts_incomplete=true", `{"service_id":"s","plan_id":"p"}`)
	}()
	<-reached
	p.stop()
	if code := <-p.code; code != 1 || !strings.Contains(p.out.String(), "Error gracefully shutting down server: ") {
		t.Errorf("exit %d: %s", code, p.out.String())
	}
	close(let)
	<-ended
}

func TestMetricsCountRequestsAdapterRunsAndDirectorCalls(t *testing.T) {
	t.Parallel()
	f := newFakeDirector(t)
	p := startProgram(t, f.server.URL, "")
	for _, id := range []string{"i1", "i2"} {
		if a, err := p.send(t, "PUT", instancePath(id)+"?accepts_incomplete=true", `{"service_id":"s","plan_id":"p"}`); err != nil || a.Status != 202 {
			t.Fatalf("%v %d %s", err, a.Status, a.Body)
		}
	}
	f.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/deployments/service-instance_i3" {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	})
	if a, err := p.send(t, "PUT", instancePath("i3")+"?accepts_incomplete=true", `{"service_id":"s","plan_id":"p"}`); err != nil || a.Status != 500 {
		t.Fatalf("%v %d %s", err, a.Status, a.Body)
	}
	got, err := p.send(t, "GET", "/metrics", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`pks_broker_request_duration_seconds_count{method="PUT",route="instance",status="202"} 2`,
		`pks_broker_request_duration_seconds_count{method="PUT",route="instance",status="500"} 1`,
		`pks_broker_adapter_run_duration_seconds_count{exit_code="0",subcommand="generate-manifest"} 2`,
		`pks_broker_adapter_run_duration_seconds_count{exit_code="10",subcommand="dashboard-url"} 2`,
		`pks_broker_director_request_duration_seconds_count{kind="deploy",status="302"} 2`,
		`pks_broker_director_request_duration_seconds_count{kind="deployment",status="404"} 2`,
		`pks_broker_director_request_duration_seconds_count{kind="deployment",status="403"} 1`,
		`pks_broker_operations_running 2`,
		`go_goroutines `,
	} {
		if !strings.Contains(got.Body, want) {
			t.Errorf("lacks %s", want)
		}
	}
	if t.Failed() {
		t.Log(got.Body)
	}
}

func TestOnlyTheConfiguredAddressIsListenedOn(t *testing.T) {
	t.Parallel()
	p := startProgram(t, newFakeDirector(t).server.URL, "")
	if a, err := p.send(t, "GET", "/healthz", ""); err != nil || a.Status != 200 {
		t.Fatal(a, err)
	}
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", fmt.Sprintf("127.0.0.2:%d", p.port))
	if err == nil {
		_ = c.Close()
		t.Error("it answers at an address that is not configured")
	}
}

func TestFilesAreNotServed(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, path := range []string{"/public/", "/doc.go", "/v2/../doc.go", "/metrics/../broker.go", "/index.html"} {
		req := httptest.NewRequest(http.MethodGet, "http://x"+path, nil)
		w := httptest.NewRecorder()
		h.broker.Handler(http.NotFoundHandler()).ServeHTTP(w, req)
		if w.Code != 404 && w.Code != 401 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestTelemetryCountsInstancesOnceForEachOperation(t *testing.T) {
	t.Parallel()
	h := newHarness(t, withInstances(t, 200, `[{"service_instance_id":"i1","plan_id":"plan-1"}]`), func(c *config.Config) { c.Broker.EnableTelemetry = true })
	op := h.accepted(h.provision("i1", testPlan, `{}`))
	h.director.finish(1, director.Done)
	h.tick()
	for range 5 {
		h.want(h.lastOperation("i1", op), 200, completed)
	}
	type line struct {
		Source   string                `json:"telemetry-source"`
		Offering struct{ Name string } `json:"service-offering"`
		Event    struct{ Item, Operation string }
		Total    *struct{ Total int } `json:"service-instances"`
		PerPlan  *struct {
			PlanID string `json:"plan-id"`
			Total  int
		} `json:"service-instances-per-plan"`
	}
	var got []string
	for text := range strings.Lines(h.log.String()) {
		var l line
		if json.Unmarshal([]byte(text), &l) != nil || l.Source != telemetrySource {
			continue
		}
		figure := ""
		if l.Total != nil {
			figure = fmt.Sprint("all ", l.Total.Total)
		}
		if l.PerPlan != nil {
			figure = fmt.Sprint(l.PerPlan.PlanID, " ", l.PerPlan.Total)
		}
		got = append(got, l.Offering.Name+" "+l.Event.Item+"/"+l.Event.Operation+" "+figure)
	}
	want := []string{"p.pks instance/create all 1", "p.pks instance/create plan-1 1", "p.pks instance/create plan-with-errands 0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTelemetryWithoutAListSaysSo(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(c *config.Config) { c.Broker.EnableTelemetry = true })
	h.created("i1", `{}`)
	if !strings.Contains(h.log.String(), "Failed to query list of instances for telemetry (cause: ") {
		t.Error(h.log.String())
	}
}

func TestCancelWaitsForTheTasksEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end   director.State
		lands string
	}{
		"stopped in the middle": {director.Cancelled, landedInconsistent},
		"too late":              {director.Done, landedChanged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			h.created("i1", `{"a":1}`)
			h.accepted(h.update("i1", testPlan, `{"a":2}`))
			looks := 0
			h.director.setFault(func(w http.ResponseWriter, r *http.Request) bool {
				switch {
				case r.Method == http.MethodDelete:
					h.director.mu.Lock()
					h.director.tasks[1].State = director.Cancelling
					h.director.mu.Unlock()
					w.WriteHeader(http.StatusNoContent)
					return true
				case r.URL.Path == "/tasks/2":
					if looks++; looks == 3 {
						h.director.finish(2, c.end)
					}
				}
				return false
			})
			var got cancelled
			a := h.send("POST", "/mgmt/service_instances/i1/cancel", "")
			if err := json.Unmarshal([]byte(a.Body), &got); err != nil || a.Status != 200 || got.State != c.end || got.Deployment != c.lands || looks != 3 {
				t.Errorf("after %d looks: %d %s", looks, a.Status, a.Body)
			}
		})
	}
}

func TestCancelByATeamsClientSaysWhatItLacks(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.accepted(h.provision("i1", testPlan, `{}`))
	h.director.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodDelete {
			return false
		}
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"code":600000,"description":"Require one of the scopes: bosh.admin, bosh.UUID.admin"}`)
		return true
	})
	h.want(h.send("POST", "/mgmt/service_instances/i1/cancel", ""), 403,
		`{"description":"the broker's BOSH client may not cancel tasks: it needs bosh.admin, a team's admin does not suffice"}`)
}

func TestTwoSecondOperationTakesFewRequests(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{"a":1}`)
	for name, c := range map[string]struct {
		send func() answer
		most int
	}{
		"update": {func() answer { return h.update("i1", testPlan, `{"a":2}`) }, 6},
		"upgrade": {func() answer {
			h.director.mu.Lock()
			h.director.diff = `{"diff":[["a","added"]]}`
			h.director.mu.Unlock()
			a := h.process("upgrade", "i1", testPlan)
			text, _ := json.Marshal(a.Body)
			return answer{a.Status, `{"operation":` + string(text) + `}`}
		}, 6},
		"delete": {func() answer { return h.deprovision("i1", testPlan) }, 6},
	} {
		h.director.asked()
		op := h.accepted(c.send())
		if asked := h.director.asked(); len(asked) > c.most {
			t.Errorf("%s: %v", name, asked)
		}
		h.director.finish(taskOf(t, op), director.Done)
		h.tick()
		if name == "delete" {
			h.created("i1", `{"a":1}`)
		}
	}
}

func TestHangingDirectorCallsUseUpOnlyTheirOwnTime(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	let := make(chan struct{})
	h.director.setFault(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "_slow") {
			<-let
		}
		return false
	})
	hung := make(chan answer, 2)
	go func() { hung <- h.provision("slow", testPlan, `{}`) }()
	go func() {
		hung <- h.send("PUT", instancePath("slow")+"/service_bindings/b", `{"service_id":"service-1","plan_id":"plan-1"}`)
	}()
	started := time.Now()
	h.created("i1", `{"a":1}`)
	for _, send := range requestKinds() {
		send(h)
	}
	if took := time.Since(started); took > 30*time.Second {
		t.Errorf("took %s", took)
	}
	close(let)
	<-hung
	<-hung
}
