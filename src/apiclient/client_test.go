package apiclient_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/pks"
)

// tokens gives "old" until it is refused, "new" then.
type tokens struct {
	renewed int
	err     error
}

func (s *tokens) Token(context.Context) (pks.Secret, error) { return "old", nil }

func (s *tokens) Renew(_ context.Context, refused pks.Secret) (pks.Secret, error) {
	s.renewed++
	if refused != "old" {
		return "", fmt.Errorf("renewing %q", refused.Reveal())
	}
	return "new", s.err
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	return server
}

func client(t *testing.T, server *httptest.Server, source apiclient.TokenSource) *apiclient.Client {
	t.Helper()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	c, err := apiclient.New(apiclient.Config{URL: server.URL + "/", TLS: apiclient.TLS{CA: ca}, Tokens: source, UserAgent: "test/1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func answerWith(status int, contentType, body string) http.HandlerFunc {
	return func(res http.ResponseWriter, _ *http.Request) {
		res.Header().Set("Content-Type", contentType)
		res.WriteHeader(status)
		_, _ = io.WriteString(res, body)
	}
}

const jsonType = "application/json"

func TestRequestsOnTheWire(t *testing.T) {
	t.Parallel()
	workers := 5
	two := 2
	for want, call := range map[string]func(context.Context, *apiclient.Client) error{
		`PATCH /v1/clusters {"clusters":["a"],"max_in_flight":2}`: func(ctx context.Context, c *apiclient.Client) error {
			_, err := c.UpgradeClusters(ctx, v1.UpgradeClustersRequest{Clusters: []string{"a"}, MaxInFlight: 2})
			return err
		},
		`PATCH /v1/clusters?dry_run=true {"clusters":["a"]}`: func(ctx context.Context, c *apiclient.Client) error {
			_, err := c.PreviewUpgrades(ctx, v1.UpgradeClustersRequest{Clusters: []string{"a"}})
			return err
		},
		"GET /v1/clusters/a%2Fb/machines ": func(ctx context.Context, c *apiclient.Client) error {
			_, err := c.Machines(ctx, "a/b")
			return err
		},
		"GET /v1/tasks ":           func(ctx context.Context, c *apiclient.Client) error { _, err := c.Tasks(ctx, 0); return err },
		"GET /v1/tasks?limit=5 ":   func(ctx context.Context, c *apiclient.Client) error { _, err := c.Tasks(ctx, 5); return err },
		"GET /v1/tasks/t%2F1 ":     func(ctx context.Context, c *apiclient.Client) error { _, err := c.Task(ctx, "t/1"); return err },
		"PUT /v1/tasks/t ":         func(ctx context.Context, c *apiclient.Client) error { _, err := c.CancelTask(ctx, "t"); return err },
		"POST /v1/tasks/t/pause ":  func(ctx context.Context, c *apiclient.Client) error { _, err := c.PauseTask(ctx, "t"); return err },
		"POST /v1/tasks/t/resume ": func(ctx context.Context, c *apiclient.Client) error { _, err := c.ResumeTask(ctx, "t"); return err },
		"GET /v1/upgradable ":      func(ctx context.Context, c *apiclient.Client) error { _, err := c.Upgradable(ctx); return err },
		"POST /v1/clusters/d/cancel ": func(ctx context.Context, c *apiclient.Client) error {
			_, err := c.CancelOperation(ctx, "d")
			return err
		},
		"POST /v1/clusters/d/retry ":  func(ctx context.Context, c *apiclient.Client) error { _, err := c.RetryOperation(ctx, "d"); return err },
		"GET /v1/clusters/d/history ": func(ctx context.Context, c *apiclient.Client) error { _, err := c.History(ctx, "d", 0); return err },
		"GET /v1/clusterdetails/d ":   func(ctx context.Context, c *apiclient.Client) error { _, err := c.ClusterDetails(ctx, "d"); return err },
		"GET /v1/network-profiles ": func(ctx context.Context, c *apiclient.Client) error {
			_, err := c.Profiles(ctx, apiclient.NetworkProfiles)
			return err
		},
		"GET /v1/compute-profiles/p ": func(ctx context.Context, c *apiclient.Client) error {
			_, err := c.Profile(ctx, apiclient.ComputeProfiles, "p")
			return err
		},
		"GET /v1/kubernetes-profiles ": func(ctx context.Context, c *apiclient.Client) error { _, err := c.KubernetesProfiles(ctx); return err },
		"GET /v1/kubernetes-profiles/p ": func(ctx context.Context, c *apiclient.Client) error {
			_, err := c.KubernetesProfile(ctx, "p")
			return err
		},
		"DELETE /v1/network-profiles/p ": func(ctx context.Context, c *apiclient.Client) error {
			return c.DeleteProfile(ctx, apiclient.NetworkProfiles, "p")
		},
		`POST /v1/compute-profiles {"name":"p","future":1}`: func(ctx context.Context, c *apiclient.Client) error {
			_, err := c.CreateProfile(ctx, apiclient.ComputeProfiles, json.RawMessage(`{"name":"p","future":1}`))
			return err
		},
		"GET /v1/quotas ":   func(ctx context.Context, c *apiclient.Client) error { _, err := c.Quotas(ctx); return err },
		"GET /v1/quotas/o ": func(ctx context.Context, c *apiclient.Client) error { _, err := c.Quota(ctx, "o"); return err },
		`POST /v1/quotas {"owner":"o","limit":{"cpu":2}}`: func(ctx context.Context, c *apiclient.Client) error {
			_, err := c.CreateQuota(ctx, v1.Quota{Owner: "o", Limit: v1.Limit{CPU: &two}})
			return err
		},
		`PATCH /v1/quotas/o {"owner":"o","limit":{"cluster":2}}`: func(ctx context.Context, c *apiclient.Client) error {
			_, err := c.UpdateQuota(ctx, v1.Quota{Owner: "o", Limit: v1.Limit{Cluster: &two}})
			return err
		},
		"DELETE /v1/quotas/o ": func(ctx context.Context, c *apiclient.Client) error { return c.DeleteQuota(ctx, "o") },
		"GET /v1/usages ":      func(ctx context.Context, c *apiclient.Client) error { _, err := c.Usages(ctx); return err },
		"GET /v1/usages/o ":    func(ctx context.Context, c *apiclient.Client) error { _, err := c.Usage(ctx, "o"); return err },
		`PATCH /v1/clusters/d?dry_run=true {"kubernetes_worker_instances":2}`: func(ctx context.Context, c *apiclient.Client) error {
			_, err := c.PreviewUpdate(ctx, "d", v1.UpdateClusterParameters{KubernetesWorkerInstances: &two})
			return err
		},
		`POST /v1/clusters?dry_run=true {"name":"d","plan_name":"","parameters":{"kubernetes_master_host":""}}`: func(ctx context.Context, c *apiclient.Client) error {
			_, err := c.PreviewCreate(ctx, v1.ClusterRequest{Name: "d"})
			return err
		},
		"GET /v1/clusters ":                  func(ctx context.Context, c *apiclient.Client) error { _, err := c.Clusters(ctx); return err },
		"GET /v1/clusters/a%20b%2F..%3F ":    func(ctx context.Context, c *apiclient.Client) error { _, err := c.Cluster(ctx, "a b/..?"); return err },
		"GET /v1/clusters/.. ":               func(ctx context.Context, c *apiclient.Client) error { _, err := c.Cluster(ctx, ".."); return err },
		"GET /v1/plans ":                     func(ctx context.Context, c *apiclient.Client) error { _, err := c.Plans(ctx); return err },
		"DELETE /v1/clusters/demo ":          func(ctx context.Context, c *apiclient.Client) error { return c.DeleteCluster(ctx, "demo") },
		"POST /v1/clusters/demo/binds {}":    func(ctx context.Context, c *apiclient.Client) error { _, err := c.Bind(ctx, "demo"); return err },
		"GET /v1/clusters/d/events?after=7 ": func(ctx context.Context, c *apiclient.Client) error { _, err := c.Events(ctx, "d", 7, 0); return err },
		"GET /v1/clusters/d/events?after=0&limit=9 ": func(ctx context.Context, c *apiclient.Client) error {
			_, err := c.Events(ctx, "d", 0, 9)
			return err
		},
		`PATCH /v1/clusters/demo {"kubernetes_worker_instances":5}`: func(ctx context.Context, c *apiclient.Client) error {
			_, err := c.UpdateCluster(ctx, "demo", v1.UpdateClusterParameters{KubernetesWorkerInstances: &workers})
			return err
		},
		`POST /v1/clusters {"name":"demo","plan_name":"small","parameters":{"kubernetes_master_host":"h"}}`: func(ctx context.Context, c *apiclient.Client) error {
			_, err := c.CreateCluster(ctx, v1.ClusterRequest{Name: "demo", PlanName: "small", Parameters: v1.ClusterRequestParameters{KubernetesMasterHost: "h"}})
			return err
		},
	} {
		var got string
		server := serve(t, func(res http.ResponseWriter, req *http.Request) {
			body, _ := io.ReadAll(req.Body)
			got = fmt.Sprintf("%s %s %s", req.Method, req.RequestURI, body)
			if req.Header.Get("Authorization") != "Bearer old" || req.Header.Get("Accept") != jsonType || req.UserAgent() != "test/1" || req.Header.Get("X-Request-Id") == "" {
				t.Errorf("the headers are %v", req.Header)
			}
			if wanted := len(body) > 0; (req.Header.Get("Content-Type") == jsonType) != wanted {
				t.Errorf("%s: the content type is %q", got, req.Header.Get("Content-Type"))
			}
			res.WriteHeader(http.StatusNoContent)
		})
		if err := call(t.Context(), client(t, server, &tokens{})); err != nil {
			t.Error(err)
		}
		if got != want {
			t.Errorf("sent %q, want %q", got, want)
		}
	}
}

func TestAnswersAreKeptAsTheyCame(t *testing.T) {
	t.Parallel()
	const body = `{"name":"demo", "future":[1,2], "kubernetes_master_ips":null, "parameters":{"kubernetes_worker_instances":3,"authorization_mode":null}}`
	for _, media := range []string{jsonType, "application/vnd.spring-boot.actuator.v2+json;charset=UTF-8", ""} {
		server := serve(t, answerWith(200, media, body))
		got, err := client(t, server, &tokens{}).Cluster(t.Context(), "demo")
		if err != nil {
			t.Fatal(err)
		}
		want := apiclient.Answer[v1.Cluster]{
			Value: v1.Cluster{Name: "demo", Parameters: v1.ClusterParameters{KubernetesWorkerInstances: 3}},
			Raw:   json.RawMessage(body),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", media, diff)
		}
	}
}

func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	var bodies []string
	good := "new"
	server := serve(t, func(res http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		bodies = append(bodies, string(body))
		if req.Header.Get("Authorization") != "Bearer "+good {
			answerWith(401, jsonType, `{"error":"invalid_token","error_description":"expired"}`)(res, req)
			return
		}
		res.WriteHeader(http.StatusAccepted)
	})
	source := &tokens{}
	workers := 2
	update := v1.UpdateClusterParameters{KubernetesWorkerInstances: &workers}
	if _, err := client(t, server, source).UpdateCluster(t.Context(), "demo", update); err != nil {
		t.Fatal(err)
	}
	want := []string{`{"kubernetes_worker_instances":2}`, `{"kubernetes_worker_instances":2}`}
	if diff := cmp.Diff(want, bodies); diff != "" || source.renewed != 1 {
		t.Errorf("renewed %d times: %s", source.renewed, diff)
	}

	good, bodies = "none", nil
	_, err := client(t, server, source).UpdateCluster(t.Context(), "demo", update)
	if refusal, ok := errors.AsType[*apiclient.Error](err); !ok || refusal.Status != 401 || refusal.Body != "expired" || len(bodies) != 2 {
		t.Errorf("after %d requests the error is %v", len(bodies), err)
	}
	source.err = errors.New("log in")
	if _, err := client(t, server, source).Clusters(t.Context()); !errors.Is(err, source.err) {
		t.Errorf("the error is %v", err)
	}
}

func TestInfoAndHealthNeedNoToken(t *testing.T) {
	t.Parallel()
	server := serve(t, func(res http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "" {
			t.Error("a token was sent")
		}
		body := map[string]string{"/actuator/info": `{"uaa":{"url":"https://uaa"}}`, "/actuator/health": `{"status":"UP"}`}[req.URL.Path]
		answerWith(200, jsonType, body)(res, req)
	})
	c := client(t, server, &tokens{})
	if info, err := c.Info(t.Context()); err != nil || info.UAA.URL != "https://uaa" {
		t.Errorf("%v, %v", info, err)
	}
	if health, err := c.Health(t.Context()); err != nil || health.Status != "UP" {
		t.Errorf("%v, %v", health, err)
	}
}

func TestErrorsOfEveryForm(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status      int
		media, body string
		want        apiclient.Error
	}{
		"of the application": {404, jsonType, `{"body":"Cluster demo not found"}`, apiclient.Error{Status: 404, Body: "Cluster demo not found"}},
		"of this product": {
			409, jsonType, `{"body":"Busy. Wait.","code":"operation_in_progress","remedy":"Wait.","operation_id":"op","request_id":"r"}`,
			apiclient.Error{Status: 409, Body: "Busy.", Code: pks.CodeOperationInProgress, Remedy: "Wait.", OperationID: "op", RequestID: "r"},
		},
		"whose body is the remedy": {400, jsonType, `{"body":"Wait.","remedy":"Wait."}`, apiclient.Error{Status: 400, Body: "Wait.", Remedy: "Wait."}},
		"of OAuth":                 {403, jsonType, `{"error":"insufficient_scope","error_description":"Insufficient scope"}`, apiclient.Error{Status: 403, Body: "Insufficient scope"}},
		"of OAuth, terse":          {403, jsonType, `{"error":"access_denied"}`, apiclient.Error{Status: 403, Body: "access_denied"}},
		"of Spring":                {405, jsonType, `{"timestamp":1,"status":405,"error":"Method Not Allowed","message":"no PUT","path":"/v1"}`, apiclient.Error{Status: 405, Body: "no PUT"}},
		"of a proxy":               {502, "text/html", `<html>Bad Gateway</html>`, apiclient.Error{Status: 502, Body: "The API answered 502 Bad Gateway."}},
		"in plain text":            {503, "text/plain", "  busy\n", apiclient.Error{Status: 503, Body: "busy"}},
		"without end":              {500, "text/plain", strings.Repeat("x", 600), apiclient.Error{Status: 500, Body: strings.Repeat("x", 500) + "…"}},
		"without a body":           {418, "", "", apiclient.Error{Status: 418, Body: "The API answered 418 I'm a teapot."}},
		"of another type":          {400, jsonType, `{"body":{"a":1}}`, apiclient.Error{Status: 400, Body: "The API answered 400 Bad Request."}},
		"in JSON that is no error": {400, jsonType, `[1]`, apiclient.Error{Status: 400, Body: "The API answered 400 Bad Request."}},
		"that redirect":            {302, "", "", apiclient.Error{Status: 302, Body: "The API answered 302 Found."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, answerWith(c.status, c.media, c.body))
			_, err := client(t, server, &tokens{}).Clusters(t.Context())
			got, ok := errors.AsType[*apiclient.Error](err)
			if !ok {
				t.Fatalf("the error is %v", err)
			}
			if c.want.RequestID == "" {
				if got.RequestID == "" {
					t.Error("there is no request id")
				}
				got.RequestID = ""
			}
			if diff := cmp.Diff(&c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  apiclient.Error
		want bool
	}{
		{apiclient.Error{Status: 404}, true},
		{apiclient.Error{Status: 404, Code: pks.CodeClusterNotFound}, true},
		{apiclient.Error{Status: 404, Code: pks.CodeRouteNotFound}, false},
		{apiclient.Error{Status: 400, Code: pks.CodePlanNotFound}, false},
	} {
		if got := c.err.IsNotFound(); got != c.want {
			t.Errorf("%v: %t", c.err, got)
		}
	}
}

func TestAnswersThatAreNotAnAPIs(t *testing.T) {
	t.Parallel()
	for body, media := range map[string]string{
		"<html>welcome</html>":            "text/html",
		`{"name":`:                        jsonType,
		`{"name":7}`:                      jsonType,
		`"text"`:                          jsonType,
		strings.Repeat(" ", 64<<20) + "x": jsonType,
	} {
		server := serve(t, answerWith(200, media, body))
		_, err := client(t, server, &tokens{}).Cluster(t.Context(), "demo")
		if other, ok := errors.AsType[*apiclient.NotAPIError](err); !ok || !strings.HasPrefix(other.URL, server.URL) {
			t.Errorf("%.20q: the error is %.200v", body, err)
		}
	}
}

func TestServersThatCannotBeSpokenWith(t *testing.T) {
	t.Parallel()
	tlsServer := serve(t, answerWith(200, jsonType, "[]"))
	plain := httptest.NewServer(answerWith(200, jsonType, "[]"))
	t.Cleanup(plain.Close)
	release := make(chan struct{})
	slow := serve(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tlsServer.Certificate().Raw})
	for name, c := range map[string]struct {
		config apiclient.Config
		want   apiclient.Trouble
	}{
		"unknown CA": {apiclient.Config{URL: tlsServer.URL}, apiclient.TroubleUnknownCA},
		"wrong name": {apiclient.Config{URL: strings.Replace(tlsServer.URL, "127.0.0.1", "127.0.0.2", 1), TLS: apiclient.TLS{CA: ca}}, apiclient.TroubleWrongName},
		"not TLS":    {apiclient.Config{URL: strings.Replace(plain.URL, "http:", "https:", 1)}, apiclient.TroubleNotTLS},
		"nobody":     {apiclient.Config{URL: "https://" + gone.Addr().String()}, apiclient.TroubleConnection},
		"slow":       {apiclient.Config{URL: slow.URL, TLS: apiclient.TLS{SkipVerify: true}, Timeout: 100 * time.Millisecond}, apiclient.TroubleTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "wrong name" {
				listenOnAllLoopback(t, &c.config)
			}
			api, err := apiclient.New(c.config)
			if err != nil {
				t.Fatal(err)
			}
			defer api.Close()
			_, err = api.Plans(t.Context())
			got, ok := errors.AsType[*apiclient.UnreachableError](err)
			if !ok || got.Trouble != c.want || got.URL != c.config.URL {
				t.Errorf("the error is %#v, want trouble %q", err, c.want)
			}
		})
	}
}

// listenOnAllLoopback replaces the server by one at an address that is not in its
// certificate.
func listenOnAllLoopback(t *testing.T, config *apiclient.Config) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skip("there is no second loopback address")
	}
	server := httptest.NewUnstartedServer(answerWith(200, jsonType, "[]"))
	_ = server.Listener.Close()
	server.Listener = listener
	server.StartTLS()
	t.Cleanup(server.Close)
	config.URL = server.URL
	config.TLS.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

func TestGivingUpIsNotTheServersTrouble(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := serve(t, func(_ http.ResponseWriter, req *http.Request) {
		cancel()
		<-req.Context().Done()
	})
	if _, err := client(t, server, &tokens{}).Plans(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	t.Parallel()
	for want, config := range map[string]apiclient.Config{
		"is not of the form":           {URL: "http://api:9021"},
		"not of the form https://HOST": {URL: "api:9021"},
		"read the API address":         {URL: "https://a b"},
		"no PEM certificate":           {URL: "https://api", TLS: apiclient.TLS{CA: []byte("x")}},
		"negative":                     {URL: "https://api", Timeout: -1},
	} {
		if _, err := apiclient.New(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: the error is %v, want %q", config.URL, err, want)
		}
	}
}

func TestTokensDoNotShow(t *testing.T) {
	t.Parallel()
	server := serve(t, answerWith(500, jsonType, `{"body":"no"}`))
	api := client(t, server, &tokens{})
	_, err := api.Plans(t.Context())
	if shown := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(shown, "old") {
		t.Errorf("the error shows the token: %s", shown)
	}
}
