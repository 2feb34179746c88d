package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/api"
	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
)

func TestRequestIDIsTheCallersOrANewOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for given, kept := range map[string]bool{
		"my-id.1:2_3": true, strings.Repeat("a", 128): true,
		"": false, strings.Repeat("a", 129): false, "two words": false, "line\nbreak": false, "-x": false, `"quoted"`: false,
	} {
		got := w.send(request{method: "GET", path: "/v1/plans", token: "admin", header: http.Header{"X-Request-Id": {given}}})
		id := got.header.Get("X-Request-Id")
		if id == "" || (id == given) != kept {
			t.Errorf("%q becomes %q", given, id)
		}
	}
}

func TestCallerAndRequestIDReachTheEngine(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody).with("old", cody)
	for _, r := range []request{
		{method: "POST", path: "/v1/clusters", token: "naomi", body: createWith("demo", "other")},
		{method: "PATCH", path: "/v1/clusters/demo", token: "cody", body: `{"kubernetes_worker_instances":2}`},
		{method: "DELETE", path: "/v1/clusters/old", token: "admin"},
		{method: "POST", path: "/v1/clusters/demo/binds", token: "cody"},
	} {
		r.header = http.Header{"X-Request-Id": {"trace-" + r.method}}
		w.send(r)
	}
	want := []string{"create naomi trace-POST", "update cody trace-PATCH", "delete alana trace-DELETE"}
	if diff := cmp.Diff(want, w.asked); diff != "" {
		t.Error(diff)
	}
	binds := []lifecycle.BindRequest{{ClusterID: w.clusters["demo"].ID, User: "cody", By: cody, RequestID: "trace-POST"}}
	if diff := cmp.Diff(binds, w.binds); diff != "" {
		t.Error(diff)
	}
	var ids []any
	for _, line := range w.logs.lines(t, "audit") {
		ids = append(ids, line["request_id"])
	}
	if diff := cmp.Diff([]any{"trace-POST", "trace-PATCH", "trace-DELETE", "trace-POST"}, ids); diff != "" {
		t.Error(diff)
	}
}

func TestEveryChangeLeavesOneAuditLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody)
	for _, r := range []request{
		{method: "POST", path: "/v1/clusters", token: "cody", body: createWith("demo", "other")},
		{method: "PATCH", path: "/v1/clusters/demo", token: "naomi", body: `{"kubernetes_worker_instances":2}`},
		{method: "DELETE", path: "/v1/clusters/demo"},
		{method: "DELETE", path: "/v1/clusters/demo/", token: "admin"},
		{method: "GET", path: "/v1/clusters/demo/binds/alana", token: "cody"},
		{method: "GET", path: "/v1/clusters/demo", token: "cody"}, // leaves none
	} {
		w.send(r)
	}
	var got []string
	for _, line := range w.logs.lines(t, "audit") {
		got = append(got, fmt.Sprintf("%v %v %v %v/%v/%v %v %v %v", line["user"], line["method"], line["path"], line["user_kind"], line["user_origin"], line["user_id"], line["cluster"], line["status"], line["outcome"]))
		if line["remote"] == "" || line["request_id"] == "" {
			t.Errorf("audit line without remote or request_id: %v", line)
		}
	}
	want := []string{
		"cody POST /v1/clusters user/uaa/id-of-cody other 202 accepted",
		"naomi PATCH /v1/clusters/demo user/uaa/id-of-naomi demo 403 forbidden",
		" DELETE /v1/clusters/demo // demo 401 unauthenticated",
		"alana DELETE /v1/clusters/demo user/uaa/id-of-alana demo 204 accepted",
		"cody GET /v1/clusters/demo/binds/alana user/uaa/id-of-cody demo 200 accepted",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPathsAreReadLeniently(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("My_Team---x.1", cody)
	for _, path := range []string{
		"/v1/clusters/", "//v1/clusters", "/v1//clusters//", "/v1/clusters/My_Team---x.1", "/v1/clusters/My_Team---x.1/",
		"/v1/clusters/My%5FTeam%2D%2D%2dx%2E1", "/v1/clusterdetails/My_Team---x.1/", "/v1/plans/", "/actuator/health/",
	} {
		got := w.send(request{method: "GET", path: path, token: "cody", body: "ignored"})
		if got.status != http.StatusOK || strings.Contains(path, "eam") && !strings.Contains(got.body, "My_Team---x.1") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

func TestEncodedSlashStaysInTheName(t *testing.T) {
	t.Parallel()
	got := newWorld(t).send(request{method: "GET", path: "/v1/clusters/a%2Fb", token: "admin"})
	want := "Cluster a/b not found. List the clusters you can see with 'pks clusters'."
	if diff := cmp.Diff(want, problemBody(t, got)); diff != "" || got.status != http.StatusNotFound {
		t.Errorf("%d %s", got.status, diff)
	}
}

// The web framework of the original answered these two in its own shape; "body"
// is there for clients that know the other one.
func TestUnknownPathAndMethodAnswerInBothShapes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, test := range []struct {
		method, path, allow string
		want                map[string]any
	}{
		{"GET", "/v1/ghosts", "", map[string]any{"status": 404.0, "error": "Not Found", "message": "There is nothing at /v1/ghosts.", "path": "/v1/ghosts",
			"body": "There is nothing at /v1/ghosts. See the API reference for the paths there are.", "code": "route_not_found",
			"remedy": "See the API reference for the paths there are."}},
		{"PUT", "/v1/clusters", "GET, HEAD, PATCH, POST", map[string]any{"status": 405.0, "error": "Method Not Allowed", "message": "PUT does not work on /v1/clusters.",
			"path": "/v1/clusters", "body": "PUT does not work on /v1/clusters. Use GET, HEAD, PATCH, POST.", "code": "method_not_allowed", "remedy": "Use GET, HEAD, PATCH, POST."}},
		{"POST", "/v1/clusters/demo", "DELETE, GET, HEAD, PATCH", map[string]any{"status": 405.0, "error": "Method Not Allowed", "message": "POST does not work on /v1/clusters/demo.",
			"path": "/v1/clusters/demo", "body": "POST does not work on /v1/clusters/demo. Use DELETE, GET, HEAD, PATCH.", "code": "method_not_allowed", "remedy": "Use DELETE, GET, HEAD, PATCH."}},
	} {
		got := w.send(request{method: test.method, path: test.path, token: "admin"})
		var document map[string]any
		got.decode(t, &document)
		stamp, _ := document["timestamp"].(string)
		if _, err := time.Parse("2006-01-02T15:04:05.000-0700", stamp); err != nil {
			t.Errorf("timestamp: %v", err)
		}
		delete(document, "timestamp")
		test.want["request_id"] = got.header.Get("X-Request-Id")
		if diff := cmp.Diff(test.want, document); diff != "" || got.status != int(test.want["status"].(float64)) {
			t.Errorf("%s %s: %d %s", test.method, test.path, got.status, diff)
		}
		if diff := cmp.Diff(test.allow, got.header.Get("Allow")); diff != "" {
			t.Errorf("%s %s: Allow %s", test.method, test.path, diff)
		}
	}
}

func TestHeadWorksWhereGetDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t).with("demo", cody)
	server := httptest.NewServer(w.api.Handler())
	defer server.Close()
	for path, want := range map[string]int{"/actuator/info": 200, "/v1/clusters": 401} {
		answer, err := http.Head(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want || answer.ContentLength <= 0 {
			t.Errorf("%s: %d, %d bytes", path, answer.StatusCode, answer.ContentLength)
		}
	}
}

func TestPanicIsAnInternalErrorWithItsStackInTheLogAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *api.Config) { c.Clusters = panicking{} })
	got := w.send(request{method: "GET", path: "/v1/clusters", token: "admin"})
	want := "An error occurred in the PKS API when processing the request. Report it with the request id; the log of pks-api has the cause."
	if diff := cmp.Diff(want, problemBody(t, got)); diff != "" || got.status != http.StatusInternalServerError {
		t.Errorf("%d %s", got.status, diff)
	}
	if strings.Contains(got.body, "goroutine") || strings.Contains(got.body, "index out of bounds") {
		t.Errorf("the answer gives the panic away: %s", got.body)
	}
	lines := w.logs.lines(t, "request panicked")
	if len(lines) != 1 || lines[0]["panic"] != "index out of bounds" || !strings.Contains(fmt.Sprint(lines[0]["stack"]), "middleware_test.go") {
		t.Errorf("log: %v", lines)
	}
}

type panicking struct{ reads }

type reads = api.Clusters

func (panicking) Ping(context.Context) error { panic(http.ErrAbortHandler) }

func (panicking) Clusters(context.Context, store.ClusterFilter) ([]*pks.Cluster, error) {
	panic("index out of bounds")
}

// An answer that is cut off by a panic must not look whole to the client.
func TestAbortedHandlerDropsTheConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *api.Config) { c.Clusters = panicking{} })
	server := httptest.NewServer(w.api.Handler())
	defer server.Close()
	answer, err := http.Get(server.URL + "/actuator/health")
	if err == nil {
		_ = answer.Body.Close()
		t.Errorf("got %d", answer.StatusCode)
	}
}

// A panic after the answer has begun must not let it look whole.
func TestPanicHalfWayDropsTheConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *api.Config) { c.Logger = slog.New(panickyLog{c.Logger.Handler()}) }).with("demo", cody)
	server := httptest.NewServer(w.api.Handler())
	defer server.Close()
	sent, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, server.URL+"/v1/clusters/demo", nil)
	if err != nil {
		t.Fatal(err)
	}
	sent.Header.Set("Authorization", "Bearer cody")
	answer, err := http.DefaultClient.Do(sent)
	if err == nil {
		_ = answer.Body.Close()
		t.Errorf("got %d", answer.StatusCode)
	}
}

// panickyLog panics on the audit line, which is written after the answer.
type panickyLog struct{ slog.Handler }

func (p panickyLog) Handle(ctx context.Context, record slog.Record) error {
	if record.Message == "audit" {
		panic("disk is full")
	}
	return p.Handler.Handle(ctx, record)
}

// The rest of a body that is refused by its length is not waited for.
func TestHugeBodyIsRefusedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := httptest.NewServer(w.api.Handler())
	defer server.Close()
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	_, err = io.WriteString(connection, "POST /v1/clusters HTTP/1.1\r\nHost: x\r\nAuthorization: bearer admin\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d", answer.StatusCode)
	}
}

func TestChunkedBodyOverTheLimitIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := httptest.NewServer(w.api.Handler())
	defer server.Close()
	endless := io.LimitReader(zeros{}, 5<<20)
	sent, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/clusters", io.NopCloser(endless))
	if err != nil {
		t.Fatal(err)
	}
	sent.Header.Set("Content-Type", "application/json")
	sent.Header.Set("Authorization", "Bearer admin")
	answer, err := http.DefaultClient.Do(sent)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d", answer.StatusCode)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
