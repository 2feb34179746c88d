package osb

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"code.cloudfoundry.org/brokerapi/v13/domain"

	"github.com/pks-community/pks-release/src/pks"
)

const password = "s3cr3t-of-the-broker"

// exchangeSeen is a request as a broker gets it.
type exchangeSeen struct {
	Method, Path, Query string
	Header              map[string]string
	Body                string
}

// fakeServer answers every request with one answer and keeps the last request.
type fakeServer struct {
	*httptest.Server
	seen exchangeSeen
}

func serve(t *testing.T, status int, header map[string]string, body string) (*fakeServer, *Client) {
	t.Helper()
	f := &fakeServer{}
	f.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, pass, _ := r.BasicAuth()
		document, _ := io.ReadAll(r.Body)
		f.seen = exchangeSeen{
			Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Body: string(document),
			Header: map[string]string{"auth": user + ":" + pass},
		}
		for _, key := range []string{"X-Broker-Api-Version", "X-Broker-Api-Request-Identity", "X-Request-Id", "Content-Type"} {
			if v := r.Header.Get(key); v != "" {
				f.seen.Header[key] = v
			}
		}
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(f.Close)
	return f, clientOf(t, f.Server, time.Minute)
}

func clientOf(t *testing.T, s *httptest.Server, timeout time.Duration) *Client {
	t.Helper()
	c, err := New(Config{
		URL: s.URL + "/", CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}),
		Username: "api", Password: password, ServiceID: "svc", Timeout: timeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func demo() Instance {
	return Instance{
		ID: "1d2e", Name: "demo", Owner: "alice", PlanID: "p1",
		Spec:        pks.ClusterSpec{ClusterName: "demo", MasterHost: "k.example.com", MasterPort: 8443, WorkerInstances: 3},
		OperationID: "op-1", RequestID: "req-1",
	}
}

var demoBinding = Binding{InstanceID: "1d2e", ID: "b1", PlanID: "p1", ClusterName: "demo", User: "bob", RequestID: "req-1"}

func TestRequestsAreWhatTheContractSays(t *testing.T) {
	t.Parallel()
	const (
		spec       = `{"cluster_name":"demo","kubernetes_master_host":"k.example.com","kubernetes_master_port":8443,"kubernetes_worker_instances":3}`
		brokerCtx  = `{"platform":"pks","cluster_name":"demo","owner":"alice"}`
		instance   = "/v2/service_instances/1d2e"
		withBody   = "application/json"
		identified = "op-1"
	)
	osbHeader := func(contentType, identity string) map[string]string {
		h := map[string]string{"auth": "api:" + password, "X-Broker-Api-Version": "2.17", "X-Request-Id": "req-1"}
		if contentType != "" {
			h["Content-Type"] = contentType
		}
		if identity != "" {
			h["X-Broker-Api-Request-Identity"] = identity
		}
		return h
	}
	upgradeHeader := osbHeader(withBody, identified)
	delete(upgradeHeader, "X-Broker-Api-Version") // the management API has none
	for name, tc := range map[string]struct {
		status int
		answer string
		call   func(context.Context, *Client) (any, error)
		want   any
		seen   exchangeSeen
	}{
		"provision": {
			202, `{"operation":"{\"BoshTaskID\":1}"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.Provision(ctx, demo()) },
			Submission{Operation: `{"BoshTaskID":1}`},
			exchangeSeen{"PUT", instance, "accepts_incomplete=true", osbHeader(withBody, identified),
				`{"service_id":"svc","plan_id":"p1","organization_guid":"pks","space_guid":"pks","context":` + brokerCtx + `,"parameters":` + spec + `}`},
		},
		"cancel": {
			200, `{"task_id":7,"state":"cancelled","deployment":"inconsistent","message":"some VMs may have been changed"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.Cancel(ctx, "1d2e", "req-1") },
			Cancelled{TaskID: 7, State: "cancelled", Deployment: DeploymentInconsistent, Message: "some VMs may have been changed"},
			exchangeSeen{"POST", "/mgmt/service_instances/1d2e/cancel", "", map[string]string{"auth": "api:" + password, "X-Request-Id": "req-1"}, ""},
		},
		"preview": {
			200, `{"changes":true,"diff":[["a:",null],["b: 1","added"]],"instance_groups":[{"name":"worker","action":"scale","instances_before":1,"instances_after":3}]}`,
			func(ctx context.Context, c *Client) (any, error) {
				in := demo()
				in.OperationID = ""
				return c.Preview(ctx, in)
			},
			Preview{Diff: [][]any{{"a:", nil}, {"b: 1", "added"}}, Groups: []GroupChange{{"worker", "scale", 1, 3}}},
			exchangeSeen{"POST", "/mgmt/service_instances/1d2e/preview", "", map[string]string{"auth": "api:" + password, "X-Request-Id": "req-1", "Content-Type": withBody},
				`{"service_id":"svc","plan_id":"p1","parameters":` + spec + `,"previous_values":{"plan_id":"p1","service_id":"svc","organization_id":"pks","space_id":"pks"},"context":` + brokerCtx + `}`},
		},
		"preview of an upgrade": {
			200, `{}`,
			func(ctx context.Context, c *Client) (any, error) {
				in := demo()
				in.OperationID, in.Upgrade = "", true
				return c.Preview(ctx, in)
			},
			Preview{},
			exchangeSeen{"POST", "/mgmt/service_instances/1d2e/preview", "operation_type=upgrade", map[string]string{"auth": "api:" + password, "X-Request-Id": "req-1", "Content-Type": withBody},
				`{"service_id":"svc","plan_id":"p1","parameters":` + spec + `,"previous_values":{"plan_id":"p1","service_id":"svc","organization_id":"pks","space_id":"pks"},"context":` + brokerCtx + `}`},
		},
		"preview of a new instance": {
			200, `{}`,
			func(ctx context.Context, c *Client) (any, error) {
				in := demo()
				in.OperationID, in.New = "", true
				return c.Preview(ctx, in)
			},
			Preview{},
			exchangeSeen{"POST", "/mgmt/service_instances/1d2e/preview", "", map[string]string{"auth": "api:" + password, "X-Request-Id": "req-1", "Content-Type": withBody},
				`{"service_id":"svc","plan_id":"p1","parameters":` + spec + `,"previous_values":{"plan_id":"","service_id":"svc","organization_id":"pks","space_id":"pks"},"context":` + brokerCtx + `}`},
		},
		"bind without rights": {
			201, `{"credentials":{"kind":"Config"}}`,
			func(ctx context.Context, c *Client) (any, error) {
				b := demoBinding
				b.WithoutRights = true
				credentials, err := c.Bind(ctx, b)
				return string(credentials), err
			},
			`{"kind":"Config"}`,
			exchangeSeen{"PUT", instance + "/service_bindings/b1", "", osbHeader(withBody, ""),
				`{"app_guid":"","plan_id":"p1","service_id":"svc","bind_resource":{},"context":{"platform":"pks","cluster_name":"demo","owner":"bob"},"parameters":{"user":"bob","cluster_name":"demo","suppress_cluster_role_binding":true}}`},
		},
		"provision that is done": {
			200, `{}`,
			func(ctx context.Context, c *Client) (any, error) { return c.Provision(ctx, demo()) },
			Submission{Done: true},
			exchangeSeen{"PUT", instance, "accepts_incomplete=true", osbHeader(withBody, identified),
				`{"service_id":"svc","plan_id":"p1","organization_guid":"pks","space_guid":"pks","context":` + brokerCtx + `,"parameters":` + spec + `}`},
		},
		"update": {
			202, `{"operation":"o"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.Update(ctx, demo()) },
			Submission{Operation: "o"},
			exchangeSeen{"PATCH", instance, "accepts_incomplete=true", osbHeader(withBody, identified),
				`{"service_id":"svc","plan_id":"p1","parameters":` + spec + `,"previous_values":{"plan_id":"p1","service_id":"svc","organization_id":"pks","space_id":"pks"},"context":` + brokerCtx + `}`},
		},
		"upgrade": {
			202, `{"BoshTaskID":7,"OperationType":"upgrade"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.Upgrade(ctx, demo()) },
			Submission{Operation: `{"BoshTaskID":7,"OperationType":"upgrade"}`},
			exchangeSeen{"PATCH", "/mgmt/service_instances/1d2e", "operation_type=upgrade", upgradeHeader,
				`{"service_id":"svc","plan_id":"p1","parameters":` + spec + `,"previous_values":{"plan_id":"p1","service_id":"svc","organization_id":"pks","space_id":"pks"},"context":` + brokerCtx + `}`},
		},
		"upgrade of what is up to date": {
			204, ``,
			func(ctx context.Context, c *Client) (any, error) { return c.Upgrade(ctx, demo()) },
			Submission{Done: true},
			exchangeSeen{"PATCH", "/mgmt/service_instances/1d2e", "operation_type=upgrade", upgradeHeader,
				`{"service_id":"svc","plan_id":"p1","parameters":` + spec + `,"previous_values":{"plan_id":"p1","service_id":"svc","organization_id":"pks","space_id":"pks"},"context":` + brokerCtx + `}`},
		},
		"deprovision": {
			202, `{"operation":"o"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.Deprovision(ctx, demo()) },
			Submission{Operation: "o"},
			exchangeSeen{"DELETE", instance, "accepts_incomplete=true&plan_id=p1&service_id=svc", osbHeader("", identified), ""},
		},
		"last operation": {
			200, `{"state":"in progress","description":"Instance provisioning in progress"}`,
			func(ctx context.Context, c *Client) (any, error) { return c.LastOperation(ctx, demo(), `{"a":"&"}`) },
			LastOperation{State: domain.InProgress, Description: "Instance provisioning in progress"},
			exchangeSeen{"GET", instance + "/last_operation", "operation=%7B%22a%22%3A%22%26%22%7D&plan_id=p1&service_id=svc", osbHeader("", identified), ""},
		},
		"progress": {
			200, `{"task_id":12,"state":"processing","percent":40,"offset":5120,"events":[{"time":1795192053,"stage":"Updating instance","tags":["worker"],"task":"worker/U (0)","index":1,"total":3,"state":"finished","progress":100,"error":"","message":""}],"new":1}`,
			func(ctx context.Context, c *Client) (any, error) { return c.Progress(ctx, "1d2e", "o p", 7) },
			Progress{TaskID: 12, State: "processing", Percent: 40, Offset: 5120, Events: []ProgressEvent{{
				Time: 1795192053, Stage: "Updating instance", Tags: []string{"worker"}, Task: "worker/U (0)", Index: 1, Total: 3, State: "finished", Progress: 100,
			}}},
			exchangeSeen{"GET", "/mgmt/service_instances/1d2e/progress", "offset=7&operation=o+p", map[string]string{"auth": "api:" + password}, ""},
		},
		"vms": {
			200, `{"deployment":"service-instance_1d2e","instance_groups":{"master":["10.0.0.2"],"worker":[]}}`,
			func(ctx context.Context, c *Client) (any, error) { return c.VMs(ctx, "1d2e") },
			VMs{Deployment: "service-instance_1d2e", InstanceGroups: map[string][]netip.Addr{"master": {netip.MustParseAddr("10.0.0.2")}, "worker": {}}},
			exchangeSeen{"GET", "/mgmt/service_instances/1d2e/vms", "", map[string]string{"auth": "api:" + password}, ""},
		},
		"machines": {
			200, `{"deployment":"service-instance_1d2e","machines":[{"group":"master","id":"m0","ips":["10.0.0.2"],"state":"running","desired":"started","disks":[{"name":"system","percent":38}],"processes":[{"name":"etcd","state":"running"}]}]}`,
			func(ctx context.Context, c *Client) (any, error) { return c.Machines(ctx, "1d2e") },
			Machines{Machines: []Machine{{Group: "master", ID: "m0", IPs: []string{"10.0.0.2"}, State: "running", Desired: "started",
				Disks: []Disk{{Name: "system", Percent: 38}}, Processes: []MachineProcess{{Name: "etcd", State: "running"}}}}},
			exchangeSeen{"GET", "/mgmt/service_instances/1d2e/machines", "", map[string]string{"auth": "api:" + password}, ""},
		},
		"bind": {
			201, `{"credentials":{"kind":"Config", "n":1.0}}`,
			func(ctx context.Context, c *Client) (any, error) {
				raw, err := c.Bind(ctx, demoBinding)
				return string(raw), err
			},
			`{"kind":"Config", "n":1.0}`,
			exchangeSeen{"PUT", instance + "/service_bindings/b1", "", osbHeader(withBody, ""),
				`{"app_guid":"","plan_id":"p1","service_id":"svc","bind_resource":{},"context":{"platform":"pks","cluster_name":"demo","owner":"bob"},"parameters":{"user":"bob","cluster_name":"demo"}}`},
		},
		"unbind": {
			200, `{}`,
			func(ctx context.Context, c *Client) (any, error) { return nil, c.Unbind(ctx, demoBinding) },
			nil,
			exchangeSeen{"DELETE", instance + "/service_bindings/b1", "plan_id=p1&service_id=svc", osbHeader("", ""), ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, client := serve(t, tc.status, nil, tc.answer)
			got, err := tc.call(t.Context(), client)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.seen, server.seen); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnswersThatAreNoSuccess(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		header map[string]string
		body   string
		want   Error
	}{
		"refused":              {400, nil, `{"description":"bad"}`, Error{Kind: Refused, Status: 400, Description: "bad"}},
		"not allowed":          {401, nil, `Not Authorized`, Error{Kind: Fault, Status: 401, Description: "Unauthorized"}},
		"not found":            {404, nil, `404 page not found`, Error{Kind: NotFound, Status: 404, Description: "Not Found"}},
		"conflict":             {409, nil, `{}`, Error{Kind: Conflict, Status: 409}},
		"gone":                 {410, nil, `{}`, Error{Kind: Gone, Status: 410}},
		"async required":       {422, nil, `{"error":"AsyncRequired","description":"no"}`, Error{Kind: Refused, Status: 422, Code: "AsyncRequired", Description: "no"}},
		"busy":                 {422, nil, `{"error":"ConcurrencyError","description":"later"}`, Error{Kind: Busy, Status: 422, Code: "ConcurrencyError", Description: "later"}},
		"too many":             {429, map[string]string{"Retry-After": "7"}, `{}`, Error{Kind: Unavailable, Status: 429, RetryAfter: 7}},
		"fault":                {500, nil, `{"description":"There was a problem"}`, Error{Kind: Fault, Status: 500, Description: "There was a problem"}},
		"quota":                {500, nil, `{"error":"QuotaExceeded","description":"full"}`, Error{Kind: Refused, Status: 500, Code: "QuotaExceeded", Description: "full"}},
		"director away":        {500, nil, `{"description":"Currently unable to create service instance, please try again later"}`, Error{Kind: Unavailable, Status: 500, Description: "Currently unable to create service instance, please try again later"}},
		"gateway":              {502, nil, `<html>`, Error{Kind: Unavailable, Status: 502, Description: "Bad Gateway"}},
		"odd success":          {204, nil, ``, Error{Kind: Fault, Status: 204, Description: "No Content"}},
		"redirect is not gone": {302, map[string]string{"Location": "https://127.0.0.1:1/"}, ``, Error{Kind: Fault, Status: 302, Description: "Found"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := serve(t, tc.status, tc.header, tc.body)
			_, err := client.Deprovision(t.Context(), demo())
			e, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("error %v", err)
			}
			tc.want.Call = "deprovision"
			got := *e
			got.cause = nil
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(Error{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if KindOf(fmt.Errorf("wrapped: %w", err)) != tc.want.Kind {
				t.Error("kind is lost when wrapped")
			}
		})
	}
}

func TestAnswersThatMakeNoSenseAreFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		body   string
		call   func(context.Context, *Client) error
	}{
		"not JSON":        {202, `<html>`, func(ctx context.Context, c *Client) error { _, err := c.Provision(ctx, demo()); return err }},
		"too long":        {202, `{"operation":"` + strings.Repeat("x", maxAnswer) + `"}`, func(ctx context.Context, c *Client) error { _, err := c.Provision(ctx, demo()); return err }},
		"unknown state":   {200, `{"state":"maybe"}`, func(ctx context.Context, c *Client) error { _, err := c.LastOperation(ctx, demo(), "o"); return err }},
		"no credentials":  {201, `{"credentials":null}`, func(ctx context.Context, c *Client) error { _, err := c.Bind(ctx, demoBinding); return err }},
		"bad address":     {200, `{"instance_groups":{"master":["x"]}}`, func(ctx context.Context, c *Client) error { _, err := c.VMs(ctx, "i"); return err }},
		"number for text": {200, `{"state":1}`, func(ctx context.Context, c *Client) error { _, err := c.LastOperation(ctx, demo(), "o"); return err }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, client := serve(t, tc.status, nil, tc.body)
			err := tc.call(t.Context(), client)
			if KindOf(err) != Fault {
				t.Fatalf("error %v", err)
			}
			if e, _ := errors.AsType[*Error](err); !strings.HasSuffix(e.UserText(), "ResponseError: the broker's answer could not be read") {
				t.Errorf("user is told %q", e.UserText())
			}
		})
	}
}

func TestNoAnswerIsUnavailable(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	hanging := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(hang); hanging.Close() })
	dropping := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"operation":`)
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(dropping.Close)
	closed := httptest.NewTLSServer(http.NotFoundHandler())
	closed.Close()
	stranger, err := New(Config{URL: hanging.URL, ServiceID: "svc"}) // does not trust the certificate
	if err != nil {
		t.Fatal(err)
	}
	for name, client := range map[string]*Client{
		"hanging":  clientOf(t, hanging, 50*time.Millisecond),
		"dropping": clientOf(t, dropping, time.Minute),
		"closed":   clientOf(t, closed, time.Minute),
		"stranger": stranger,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := client.Provision(t.Context(), demo())
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Kind != Unavailable {
				t.Fatalf("error %v", err)
			}
			if want := "Status: 0; ErrorMessage: <nil>; Description: <nil>; ResponseError: the broker did not answer"; e.UserText() != want {
				t.Errorf("user is told %q, want %q", e.UserText(), want)
			}
			if strings.Contains(err.Error(), password) {
				t.Errorf("error shows the password: %v", err)
			}
		})
	}
}

func TestCallersOwnEndIsNotTheBrokers(t *testing.T) {
	t.Parallel()
	_, client := serve(t, 202, nil, `{}`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client.Provision(ctx, demo())
	if !errors.Is(err, context.Canceled) || KindOf(err) != "" {
		t.Errorf("error %v of kind %q", err, KindOf(err))
	}
}

func TestUserTextIsTheOriginals(t *testing.T) {
	t.Parallel()
	// reference/pks-api.md §3.3
	e := Error{Kind: Fault, Status: 500, Description: "There was a problem completing your request."}
	want := "Status: 500; ErrorMessage: <nil>; Description: There was a problem completing your request.; ResponseError: <nil>"
	if got := e.UserText(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestBadConfigurationRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cfg  Config
		want string
	}{
		"no url":        {Config{ServiceID: "s"}, "not of the form"},
		"no scheme":     {Config{URL: "broker:8080", ServiceID: "s"}, "not of the form"},
		"control chars": {Config{URL: "https://a\x00b", ServiceID: "s"}, "broker url"},
		"no service":    {Config{URL: "https://b"}, "service_id"},
		"bad ca":        {Config{URL: "https://b", ServiceID: "s", CA: []byte("no pem")}, "ca"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := New(tc.cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestClipNeverCutsACharacter(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", maxErrorText)
	if got := clip(long + "x"); !strings.HasSuffix(got, "é…") || len(got) > maxErrorText+len("…") {
		t.Errorf("clipped to %d bytes", len(got))
	}
	if got := clip("a" + long); !strings.HasSuffix(got, "é…") {
		t.Errorf("ends with %q", got[len(got)-5:])
	}
}

// FuzzAnswers: whatever a broker says, the client returns an answer or an *Error.
func FuzzAnswers(f *testing.F) {
	f.Add(200, []byte(`{"state":"succeeded"}`))
	f.Add(202, []byte(`{"operation":"x"}`))
	f.Add(422, []byte(`{"error":"ConcurrencyError"}`))
	f.Add(500, []byte(`{"description":12}`))
	f.Add(410, []byte(``))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			t.Skip("not a status of an answer")
		}
		client, err := New(Config{URL: "https://broker", ServiceID: "svc"})
		if err != nil {
			t.Fatal(err)
		}
		client.http.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
		})
		calls := map[string]func() error{
			"provision":   func() error { _, err := client.Provision(t.Context(), demo()); return err },
			"deprovision": func() error { _, err := client.Deprovision(t.Context(), demo()); return err },
			"last":        func() error { _, err := client.LastOperation(t.Context(), demo(), "o"); return err },
			"progress":    func() error { _, err := client.Progress(t.Context(), "i", "o", 0); return err },
			"vms":         func() error { _, err := client.VMs(t.Context(), "i"); return err },
			"bind":        func() error { _, err := client.Bind(t.Context(), demoBinding); return err },
		}
		for name, call := range calls {
			if err := call(); err != nil && KindOf(err) == "" {
				t.Errorf("%s: error of no kind: %v", name, err)
			}
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
