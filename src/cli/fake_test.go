package cli_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/pks-community/pks-release/src/api/v1"
)

// world is an API server and a UAA, as strict about tokens, bodies and methods as
// the command line needs them to be, and with switches for what can go wrong.
type world struct {
	api, uaa *httptest.Server

	mu       sync.Mutex
	clusters map[string]*fakeCluster
	access   map[string]bool // tokens that are good
	refresh  map[string]bool
	minted   int
	lifetime time.Duration
	requests []string // "METHOD path" of the API, in order
	watched  chan struct{}

	noInfo, noEvents, hang, fails bool
	stuck, broken                 bool // operations never end; or end in failure
	sick                          bool // machines are not well
	goodCertificates, expired     bool // no certificate expires soon; one has already
	disk                          int  // percent of the workers' ephemeral disks

	tasks                       []*fakeTask
	upToDate, queues, failTurns bool                         // clusters need no upgrade; wait for their turn; fail at it
	profiles                    map[string][]json.RawMessage // by path
	quotas                      map[string]v1.Quota
}

type fakeCluster struct {
	v1.Cluster
	events []v1.Event
	shown  int // how many of the events are out
}

func newWorld(t testing.TB, dir string) *world {
	t.Helper()
	w := &world{
		clusters: map[string]*fakeCluster{}, access: map[string]bool{}, refresh: map[string]bool{},
		profiles: map[string][]json.RawMessage{}, quotas: map[string]v1.Quota{}, lifetime: 10 * time.Minute, watched: make(chan struct{}, 1000),
	}
	w.api = httptest.NewUnstartedServer(w.apiHandler())
	w.uaa = httptest.NewUnstartedServer(w.uaaHandler())
	w.api.StartTLS()
	w.uaa.StartTLS()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.api.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), ca, 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) close() {
	w.mu.Lock()
	w.hang = false
	w.mu.Unlock()
	w.api.CloseClientConnections()
	w.api.Close()
	w.uaa.Close()
}

func (w *world) uaaHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/token", func(res http.ResponseWriter, req *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		id, secret, _ := req.BasicAuth()
		refresh := false
		switch grant := req.PostFormValue("grant_type"); {
		case grant == "password" && id == "pks_cli" && req.PostForm.Has("passcode"):
			if req.PostFormValue("passcode") != "0neT1me" {
				oauthError(res, 401, "unauthorized", "Invalid passcode")
				return
			}
			refresh = true
		case grant == "password" && id == "pks_cli" && secret == "":
			if req.PostFormValue("username") != "alana" || req.PostFormValue("password") != "pa55 wörd" {
				oauthError(res, 401, "invalid_client", "Bad credentials")
				return
			}
			refresh = true
		case id == "pks_cluster_client":
			w.introduce(res, req)
			return
		case grant == "client_credentials" && id == "ci-bot" && secret == "s3cret":
		case grant == "client_credentials" && id == "nobody":
			oauthError(res, 400, "invalid_scope", "[] is invalid.")
			return
		case grant == "refresh_token" && id == "pks_cli" && w.refresh[req.PostFormValue("refresh_token")]:
			delete(w.refresh, req.PostFormValue("refresh_token"))
			refresh = true
		case grant == "refresh_token":
			oauthError(res, 401, "invalid_token", "Invalid refresh token expired at Mon")
			return
		default:
			oauthError(res, 401, "unauthorized", "Bad credentials")
			return
		}
		w.minted++
		answer := map[string]any{"access_token": w.token(), "token_type": "bearer", "expires_in": int(w.lifetime.Seconds()), "scope": "pks.clusters.admin", "jti": "j"}
		w.access[answer["access_token"].(string)] = true
		if refresh {
			answer["refresh_token"] = fmt.Sprintf("refresh-%d", w.minted)
			w.refresh[answer["refresh_token"].(string)] = true
		}
		writeJSON(res, 200, answer)
	})
	mux.HandleFunc("GET /.well-known/openid-configuration", func(res http.ResponseWriter, _ *http.Request) {
		writeJSON(res, 200, map[string]string{"issuer": w.uaa.URL + "/oauth/token"})
	})
	mux.HandleFunc("GET /info", func(res http.ResponseWriter, _ *http.Request) {
		writeJSON(res, 200, map[string]any{"app": map[string]any{"version": "77"}, "prompts": map[string]any{
			"passcode": []string{"password", "Temporary Authentication Code ( Get one at https://sso.example.com/passcode )"},
		}})
	})
	return mux
}

// token is a JWT whose signature nobody checks.
func (w *world) token() string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	return part(`{"alg":"RS256","typ":"JWT"}`) + "." +
		part(fmt.Sprintf(`{"jti":"%d","exp":%d,"user_name":"sam"}`, w.minted, time.Now().Add(w.lifetime).Unix())) + "." + part("signature")
}

func oauthError(res http.ResponseWriter, status int, code, description string) {
	writeJSON(res, status, map[string]string{"error": code, "error_description": description})
}

func writeJSON(res http.ResponseWriter, status int, body any) {
	res.Header().Set("Content-Type", "application/json")
	res.WriteHeader(status)
	_ = json.NewEncoder(res).Encode(body)
}

func (w *world) apiHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /actuator/info", func(res http.ResponseWriter, _ *http.Request) {
		if w.noInfo {
			writeJSON(res, 404, map[string]any{"status": 404, "error": "Not Found"})
			return
		}
		writeJSON(res, 200, v1.Info{UAA: v1.UAAInfo{URL: w.uaa.URL}})
	})
	mux.HandleFunc("GET /v1/plans", func(res http.ResponseWriter, _ *http.Request) {
		writeJSON(res, 200, []v1.Plan{
			{ID: "8A0E21A8-8072-4D80-B365-D1F502085560", Name: "small", Description: "Example: one master", WorkerInstances: 3, MasterInstances: 1},
			{ID: "58375a45-17f7-4291-acf1-455bfdc8e371", Name: "large", Description: "Three masters", WorkerInstances: 5, MasterInstances: 3},
		})
	})
	mux.HandleFunc("GET /v1/clusters", w.list)
	mux.HandleFunc("POST /v1/clusters", w.create)
	mux.HandleFunc("GET /v1/clusters/{name}", w.one(w.get))
	mux.HandleFunc("PATCH /v1/clusters/{name}", w.one(w.update))
	mux.HandleFunc("DELETE /v1/clusters/{name}", w.one(w.remove))
	mux.HandleFunc("GET /v1/clusters/{name}/events", w.one(w.listEvents))
	mux.HandleFunc("POST /v1/clusters/{name}/binds", w.one(w.bind))
	w.taskRoutes(mux)
	w.operationRoutes(mux)
	w.profileRoutes(mux)
	w.certificateRoutes(mux)
	return w.guard(mux)
}

// guard wants a good token for everything below /v1.
func (w *world) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(res http.ResponseWriter, req *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		body, _ := io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(body))
		w.requests = append(w.requests, strings.TrimSpace(req.Method+" "+req.URL.RequestURI()+" "+string(body)))
		switch {
		case w.hang:
			w.mu.Unlock()
			<-req.Context().Done()
			w.mu.Lock()
		case w.fails:
			writeJSON(res, 503, v1.ErrorResponse{Body: "The database cannot be reached; try again later.", Code: "store_unavailable", RequestID: "r-1"})
		case strings.HasPrefix(req.URL.Path, "/v1/") && !w.access[strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")]:
			oauthError(res, 401, "invalid_token", "Access token expired")
		default:
			next.ServeHTTP(res, req)
		}
	})
}

func (w *world) one(next func(http.ResponseWriter, *http.Request, *fakeCluster)) http.HandlerFunc {
	return func(res http.ResponseWriter, req *http.Request) {
		name := req.PathValue("name")
		if name == "foreign" {
			writeJSON(res, 403, v1.ErrorResponse{Body: "You do not have enough privileges to perform this action. Please contact the PKS administrator.", Code: "forbidden", Remedy: "Ask the owner."})
			return
		}
		c := w.clusters[name]
		if c == nil {
			writeJSON(res, 404, v1.ErrorResponse{Body: "Cluster " + name + " not found", Code: "cluster_not_found", Remedy: "List the clusters you can see with 'pks clusters'."})
			return
		}
		next(res, req, c)
	}
}

func (w *world) get(res http.ResponseWriter, _ *http.Request, c *fakeCluster) {
	writeJSON(res, 200, c.Cluster)
	if w.noEvents {
		w.step(c)
	}
}

func (w *world) list(res http.ResponseWriter, _ *http.Request) {
	all := []v1.Cluster{}
	for _, name := range []string{"demo", "other"} {
		if c := w.clusters[name]; c != nil {
			all = append(all, c.Cluster)
		}
	}
	writeJSON(res, 200, all)
}

func (w *world) create(res http.ResponseWriter, req *http.Request) {
	var body v1.ClusterRequest
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil || req.Header.Get("Content-Type") != "application/json" {
		writeJSON(res, 400, v1.ErrorResponse{Body: "The body is not JSON.", Code: "malformed_body"})
		return
	}
	switch {
	case body.PlanName != "small":
		writeJSON(res, 400, v1.ErrorResponse{Body: "Plan " + body.PlanName + " not found. There are: small, large.", Code: "plan_not_found", Remedy: "List the plans with 'pks plans'."})
		return
	case w.clusters[body.Name] != nil:
		writeJSON(res, 409, v1.ErrorResponse{Body: "A cluster named " + body.Name + " exists.", Code: "name_taken", Remedy: "Choose another name."})
		return
	case body.Name == "toomuch":
		writeJSON(res, 403, v1.ErrorResponse{Body: "The quota is used up.", Code: "quota_exceeded"})
		return
	}
	workers := 3
	if n := body.Parameters.KubernetesWorkerInstances; n != nil {
		workers = *n
	}
	if workers < 1 || workers > 10 {
		writeJSON(res, 400, v1.ErrorResponse{Body: fmt.Sprintf("parameters.kubernetes_worker_instances is %d; plan small allows 1 to 10.", workers), Code: "invalid_request", Remedy: "Choose a number from 1 to 10."})
		return
	}
	if req.URL.Query().Get("dry_run") == "true" {
		writeJSON(res, 200, w.preview(v1.Cluster{Name: body.Name}))
		return
	}
	c := w.add(body.Name, workers)
	c.Parameters.ClusterTags = body.Parameters.ClusterTags
	c.Parameters.KubernetesMasterHost = body.Parameters.KubernetesMasterHost
	w.begin(c, "CREATE", "Creating cluster")
	writeJSON(res, 202, c.Cluster)
}

// add makes a cluster that is well.
func (w *world) add(name string, workers int) *fakeCluster {
	c := &fakeCluster{Cluster: v1.Cluster{
		Name: name, PlanName: "small", UUID: "22f78823-0b70-4684-be2f-8457d6f3b1f1",
		KubernetesVersion: "1.34.2", PKSVersion: "1.0.0-build.1",
		KubernetesMasterIPs: []string{"10.0.0.2"},
		LastAction:          "CREATE", LastActionState: "succeeded", LastActionDescription: "Instance provisioning completed",
		Parameters: v1.ClusterParameters{KubernetesMasterHost: name + ".example.com", KubernetesMasterPort: 8443, KubernetesWorkerInstances: workers},
	}}
	w.clusters[name] = c
	return c
}

// begin starts an operation of four events, of which each look shows two more.
func (w *world) begin(c *fakeCluster, action, description string) {
	c.LastAction, c.LastActionState, c.LastActionDescription = action, "in progress", description
	if action == "CREATE" {
		c.KubernetesMasterIPs = []string{v1.InProgress}
	}
	for i, step := range []struct{ subject, state string }{{"", "started"}, {"master/0 (0)", "started"}, {"master/0 (0)", "finished"}, {"", "finished"}} {
		what, stage := "Task 12", ""
		if step.subject != "" {
			what, stage = "Updating instance "+step.subject, "Updating instance"
		}
		if w.broken && i == 3 {
			step.state, what = "failed", "Task 12: no disk space left on master/0"
		}
		c.events = append(c.events, v1.Event{
			Seq: int64(len(c.events) + 1), Time: fmt.Sprintf("2026-01-02T03:04:%02dZ", len(c.events)), OperationID: action,
			BOSHTask: 12, Stage: stage, Subject: step.subject, State: step.state, Percent: 25 * (i + 1),
			Message: fmt.Sprintf("%s %s (%d %%)", what, step.state, 25*(i+1)),
		})
	}
}

func (w *world) listEvents(res http.ResponseWriter, req *http.Request, c *fakeCluster) {
	if w.noEvents {
		writeJSON(res, 404, map[string]any{"status": 404, "error": "Not Found", "path": req.URL.Path})
		return
	}
	after, err := strconv.Atoi(req.URL.Query().Get("after"))
	if err != nil {
		writeJSON(res, 400, v1.ErrorResponse{Body: "after is no number."})
		return
	}
	shown := []v1.Event{}
	for _, e := range c.events[:c.shown] {
		if e.Seq > int64(after) {
			shown = append(shown, e)
		}
	}
	writeJSON(res, 200, shown)
	w.step(c)
}

// step moves the running operation on.
func (w *world) step(c *fakeCluster) {
	if w.stuck {
		c.shown = min(c.shown+1, len(c.events)-2)
		w.watched <- struct{}{}
		return
	}
	if c.LastActionState != "in progress" {
		return
	}
	if c.shown = min(c.shown+2, len(c.events)); c.shown < len(c.events) {
		return
	}
	w.finish(c)
}

func (w *world) finish(c *fakeCluster) {
	noun := map[string]string{"CREATE": "provisioning", "UPDATE": "update", "UPGRADE": "upgrade", "DELETE": "deletion"}[c.LastAction]
	switch {
	case w.broken:
		c.LastActionState, c.LastActionDescription = "failed", "Instance "+noun+" failed: BOSH task 12 failed."
	case c.LastAction == "DELETE":
		delete(w.clusters, c.Name)
	default:
		c.LastActionState, c.LastActionDescription = "succeeded", "Instance "+noun+" completed"
		c.KubernetesMasterIPs = []string{"10.0.0.2", "10.0.0.3"}
	}
}

func (w *world) update(res http.ResponseWriter, req *http.Request, c *fakeCluster) {
	var body v1.UpdateClusterParameters
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil || reflect.ValueOf(body).IsZero() {
		writeJSON(res, 400, v1.ErrorResponse{Body: "At least one of update parameters have to be specified."})
		return
	}
	if req.URL.Query().Get("dry_run") == "true" {
		writeJSON(res, 200, w.preview(c.Cluster))
		return
	}
	if lock := body.DeletionLock; lock != nil {
		c.DeletionLock = *lock
		writeJSON(res, 202, c.Cluster)
		return
	}
	if w.busy(res, c) {
		return
	}
	if body.KubernetesWorkerInstances != nil {
		c.Parameters.KubernetesWorkerInstances = *body.KubernetesWorkerInstances
	}
	w.begin(c, "UPDATE", "Updating cluster")
	res.WriteHeader(202)
}

func (w *world) busy(res http.ResponseWriter, c *fakeCluster) bool {
	if c.LastActionState == "in progress" {
		writeJSON(res, 409, v1.ErrorResponse{Body: "Cluster " + c.Name + " has an operation in progress. Wait until it is done.", Code: "operation_in_progress", Remedy: "Wait until it is done.", OperationID: "op-7"})
		return true
	}
	return false
}

func (w *world) remove(res http.ResponseWriter, _ *http.Request, c *fakeCluster) {
	if c.DeletionLock {
		writeJSON(res, 409, v1.ErrorResponse{Body: "Cluster " + c.Name + " is locked against deletion.", Code: "deletion_locked", Remedy: "Lift the lock first: PATCH it."})
		return
	}
	if w.busy(res, c) {
		return
	}
	w.begin(c, "DELETE", "Deleting cluster")
	res.WriteHeader(204)
}

func (w *world) bind(res http.ResponseWriter, _ *http.Request, c *fakeCluster) {
	if c.Name == "people" {
		writeJSON(res, 201, w.peopleKubeconfig())
		return
	}
	writeJSON(res, 201, json.RawMessage(fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":%[1]q,
"contexts":[{"name":%[1]q,"context":{"cluster":%[1]q,"user":"019fc2e1"}}],
"clusters":[{"name":%[1]q,"cluster":{"server":"https://%[1]s.example.com:8443"}}],
"users":[{"name":"019fc2e1","user":{"token":"kube-token"}}]}`, c.Name)))
}
