package api_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pks-community/pks-release/src/api"
	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/store"
	"github.com/pks-community/pks-release/src/uaa"
)

// world is everything behind the HTTP layer, held in memory: the engine, the
// store and UAA. Clusters whose names are set busy refuse changes.
type world struct {
	offers

	t   testing.TB
	api *api.Server

	mu       sync.Mutex
	clusters map[string]pks.Cluster // by name
	events   []pks.Event
	binds    []lifecycle.BindRequest
	changes  int      // that the engine accepted
	asked    []string // of the engine: verb, caller, request id
	next     int
	down     error // of the database
	failNext error // of the engine

	operations map[string]pks.Operation // by id
	receipts   map[string]store.Receipt
	landing    pks.Landing // of cancels; empty: they take their time
	previews   []pks.Cluster
	previewErr error
	pings      int
	expires    time.Time // of all tokens; zero: never

	rollouts []pks.Rollout // newest first
	started  []lifecycle.RolloutRequest

	logs *syncBuffer
}

var _ interface {
	api.Engine
	api.Clusters
	api.Verifier
} = (*world)(nil)

var (
	alana = pks.Principal{Kind: pks.PrincipalUser, Origin: "uaa", ID: "id-of-alana", Name: "alana"}
	cody  = pks.Principal{Kind: pks.PrincipalUser, Origin: "uaa", ID: "id-of-cody", Name: "cody"}
	naomi = pks.Principal{Kind: pks.PrincipalUser, Origin: "uaa", ID: "id-of-naomi", Name: "naomi"}
)

// tokens are the bearer tokens that world.Verify knows.
func tokens() map[string]uaa.Token {
	return map[string]uaa.Token{
		"admin":      {Principal: alana, Scopes: []string{uaa.ScopeAdmin}},
		"cody":       {Principal: cody, Scopes: []string{"openid", uaa.ScopeManage}},
		"naomi":      {Principal: naomi, Scopes: []string{uaa.ScopeManage}},
		"reader":     {Principal: naomi, Scopes: []string{uaa.ScopeAdminRead}},
		"both":       {Principal: naomi, Scopes: []string{uaa.ScopeManage, uaa.ScopeAdminRead}},
		"scopeless":  {Principal: naomi, Scopes: []string{"openid"}},
		"lookalike":  {Principal: naomi, Scopes: []string{"pks.clusters.administrator", "pks.clusters", "PKS.CLUSTERS.ADMIN"}},
		"cody-ldap":  {Principal: pks.Principal{Kind: pks.PrincipalUser, Origin: "ldap", ID: "id-of-cody", Name: "cody"}, Scopes: []string{uaa.ScopeManage}},
		"cody-robot": {Principal: pks.Principal{Kind: pks.PrincipalClient, ID: "id-of-cody", Name: "cody"}, Scopes: []string{uaa.ScopeManage}},
	}
}

func testPlans() []pks.Plan {
	return []pks.Plan{
		{ID: "8A0E21A8-8072-4D80-B365-D1F502085560", Name: "small", Description: "one master", MasterInstances: 1, WorkerInstances: 3, MaxWorkerInstances: 5,
			Drain: pks.DrainSettings{TimeoutMinutes: new(10)}},
		{ID: "58375a45-17f7-4291-acf1-455bfdc8e3710", Name: "large", Description: "three masters", MasterInstances: 3, WorkerInstances: 4, MaxWorkerInstances: 50, AllowPrivilegedContainers: true},
	}
}

func newWorld(t testing.TB, change ...func(*api.Config)) *world {
	w := &world{t: t, offers: newOffers(), clusters: map[string]pks.Cluster{}, operations: map[string]pks.Operation{}, receipts: map[string]store.Receipt{}, rollouts: []pks.Rollout{codysRollout()}, logs: &syncBuffer{}}
	config := api.Config{
		Engine:            w,
		Clusters:          w,
		Rollouts:          w,
		Verifier:          w,
		Plans:             testPlans(),
		KubernetesVersion: "1.34.2",
		Build:             v1.BuildInfo{Version: "1.0.0-dev", Commit: "abc123"},
		UAAURL:            "https://uaa.example.com:8443",
		Logger:            slog.New(slog.NewJSONHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&config)
	}
	w.api = api.New(config)
	return w
}

// with puts a finished cluster into the world.
func (w *world) with(name string, owner pks.Principal, change ...func(*pks.Cluster)) *world {
	w.next++
	c := pks.Cluster{
		ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", w.next), Name: name, Owner: owner,
		PlanID: testPlans()[0].ID, PlanName: "small",
		Spec:              pks.ClusterSpec{ClusterName: name, MasterHost: name + ".example.com", MasterPort: 8443, WorkerInstances: 3},
		MasterIPs:         []netip.Addr{netip.MustParseAddr("10.0.0.2")},
		KubernetesVersion: "1.34.2", ProductVersion: "1.0.0-dev",
		LastAction: pks.ActionCreate, LastActionState: pks.ActionSucceeded, LastActionDescription: "Instance provisioning completed",
		OperationID: fmt.Sprintf("operation-%d", w.next), Revision: 1,
	}
	for _, f := range change {
		f(&c)
	}
	w.clusters[name] = c
	w.record(c, nil)
	return w
}

func (w *world) Verify(_ context.Context, token string) (uaa.Token, error) {
	if known, ok := tokens()[token]; ok {
		known.ExpiresAt = w.expires
		return known, nil
	}
	if token == "unchecked" {
		return uaa.Token{}, pks.Failf(pks.CodeUAAUnavailable, "The access token cannot be checked at the moment.")
	}
	return uaa.Token{}, pks.Failf(pks.CodeUnauthenticated, "The access token is not valid or has expired.").WithCause(errors.New("signature is wrong"))
}

func (w *world) Cluster(_ context.Context, name string) (pks.Cluster, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down != nil {
		return pks.Cluster{}, w.down
	}
	c, ok := w.clusters[name]
	if !ok {
		return pks.Cluster{}, pks.Failf(pks.CodeClusterNotFound, "Cluster %s not found.", name)
	}
	return c, nil
}

func (w *world) Clusters(_ context.Context, filter store.ClusterFilter) ([]*pks.Cluster, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down != nil {
		return nil, w.down
	}
	var found []*pks.Cluster
	for _, c := range w.clusters {
		if filter.NotAt != nil && *filter.NotAt == c.Versions() {
			continue
		}
		if (filter.Owner == nil || filter.Owner.Same(c.Owner)) && (filter.OwnerName == "" || filter.OwnerName == c.Owner.Name) {
			found = append(found, &c)
		}
	}
	slices.SortFunc(found, func(a, b *pks.Cluster) int { return cmp.Compare(a.Name, b.Name) })
	return found, nil
}

func (w *world) Events(_ context.Context, _ string, after int64, limit int) ([]pks.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []pks.Event
	for _, e := range w.events {
		if e.Seq > after && len(found) < limit {
			found = append(found, e)
		}
	}
	return found, w.down
}

func (w *world) Ping(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pings++
	return w.down
}

func (w *world) Create(_ context.Context, r lifecycle.CreateRequest) (pks.Cluster, error) {
	w.onCreate(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, "create "+r.Owner.Name+" "+r.RequestID)
	if err := w.failNext; err != nil {
		return pks.Cluster{}, err
	}
	if _, used := w.receipts[r.Receipt.ID]; used {
		return pks.Cluster{}, store.ErrReceiptExists
	}
	if _, taken := w.clusters[r.Name]; taken {
		return pks.Cluster{}, pks.Failf(pks.CodeNameTaken, "A cluster named %s exists already.", r.Name)
	}
	w.next++
	c := pks.Cluster{
		ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", w.next), Name: r.Name, Owner: r.Owner,
		PlanID: r.Plan.ID, PlanName: r.Plan.Name, Spec: r.Spec.Clone(),
		KubernetesVersion: r.KubernetesVersion, ProductVersion: r.ProductVersion,
		LastAction: pks.ActionCreate, LastActionState: pks.ActionInProgress, LastActionDescription: pks.ActionCreate.Accepted(),
		OperationID: fmt.Sprintf("operation-%d", w.next), Revision: 1,
	}
	if r.DryRun {
		return c, nil
	}
	if err := w.keep(r.Keyed, c); err != nil {
		return pks.Cluster{}, err
	}
	w.clusters[r.Name] = c
	w.record(c, nil)
	w.changes++
	return c, nil
}

func (w *world) Update(_ context.Context, r lifecycle.UpdateRequest) (pks.Cluster, error) {
	w.onUpdate(r)
	w.ask("update", r.By, r.RequestID)
	return w.change(r.ClusterID, pks.ActionUpdate, changeAsked{r.Precondition, r.DeletionLock, r.DryRun}, r.Change)
}

func (w *world) Delete(_ context.Context, r lifecycle.DeleteRequest) (pks.Cluster, error) {
	w.ask("delete", r.By, r.RequestID)
	return w.change(r.ClusterID, pks.ActionDelete, changeAsked{precondition: r.Precondition}, func(s pks.ClusterSpec) (pks.ClusterSpec, error) { return s, nil })
}

type changeAsked struct {
	precondition func(pks.Cluster) error
	lock         *bool
	dryRun       bool
}

func (w *world) ask(verb string, by pks.Principal, requestID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, verb+" "+by.Name+" "+requestID)
}

func (w *world) change(id string, action pks.Action, asked changeAsked, change func(pks.ClusterSpec) (pks.ClusterSpec, error)) (pks.Cluster, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.failNext; err != nil {
		return pks.Cluster{}, err
	}
	c, err := w.byID(id)
	if err != nil {
		return pks.Cluster{}, err
	}
	if asked.precondition != nil {
		if err := asked.precondition(c); err != nil {
			return pks.Cluster{}, err
		}
	}
	if asked.lock != nil {
		c.DeletionLock = *asked.lock
	}
	if change == nil {
		c.Revision++
		w.clusters[c.Name] = c
		w.changes++
		return c, nil
	}
	if action == pks.ActionDelete && c.DeletionLock {
		return pks.Cluster{}, pks.Failf(pks.CodeDeletionLocked, "Cluster %s is locked against deletion.", c.Name)
	}
	if c.Busy() {
		return pks.Cluster{}, pks.Failf(pks.CodeOperationInProgress, "Cluster %s has an operation in progress.", c.Name).WithOperation(c.OperationID)
	}
	spec, err := change(c.Spec.Clone())
	if err != nil {
		return pks.Cluster{}, err
	}
	w.next++
	previous := c.Spec
	c.Spec, c.OperationID = spec, fmt.Sprintf("operation-%d", w.next)
	c.LastAction, c.LastActionState, c.LastActionDescription = action, pks.ActionInProgress, action.Accepted()
	c.Revision++
	if asked.dryRun {
		return c, nil
	}
	w.clusters[c.Name] = c
	w.record(c, &previous)
	w.changes++
	return c, nil
}

func (w *world) byID(id string) (pks.Cluster, error) {
	for _, c := range w.clusters {
		if c.ID == id {
			return c, nil
		}
	}
	return pks.Cluster{}, pks.Failf(pks.CodeClusterNotFound, "Cluster %s not found.", id)
}

func (w *world) Bind(_ context.Context, r lifecycle.BindRequest) (json.RawMessage, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.failNext; err != nil {
		return nil, err
	}
	w.binds = append(w.binds, r)
	c, err := w.byID(r.ClusterID)
	if err != nil {
		return nil, err
	}
	user := cmp.Or(r.User, "019fc2e1-0000-4714-bd1e-3d29eb951d38")
	return fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Config","preferences":{},"current-context":%[1]q,`+
		`"contexts":[{"name":%[1]q,"context":{"cluster":%[1]q,"user":%[2]q}}],`+
		`"clusters":[{"name":%[1]q,"cluster":{"server":"https://%[3]s:8443"}}],`+
		`"users":[{"name":%[2]q,"user":{"token":"secret-token"}}]}`, c.Name, user, c.Spec.MasterHost), nil
}

// request is what a test sends.
type request struct {
	method, path, token, body string
	header                    http.Header
	ctx                       context.Context // nil: the test's own
}

// reply is what it got.
type reply struct {
	status int
	header http.Header
	body   string
}

// send hands the request to the server, and holds what comes back against the
// OpenAPI document.
func (w *world) send(r request) reply {
	w.t.Helper()
	var body io.Reader
	if r.body != "" {
		body = strings.NewReader(r.body)
	}
	sent := httptest.NewRequest(r.method, "https://api.example.com:9021"+r.path, body)
	if r.ctx != nil {
		sent = sent.WithContext(r.ctx)
	}
	if r.body != "" {
		sent.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		sent.Header.Set("Authorization", "Bearer "+r.token)
	}
	for name, values := range r.header {
		sent.Header[name] = values
	}
	recorder := httptest.NewRecorder()
	w.api.Handler().ServeHTTP(recorder, sent)
	got := reply{recorder.Code, recorder.Header(), recorder.Body.String()}
	checkContract(w.t, r, sent, got)
	return got
}

func (r reply) decode(t testing.TB, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), into); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
}

// snapshot is all that could have been stored, for comparison.
func (w *world) snapshot() map[string]pks.Cluster {
	w.mu.Lock()
	defer w.mu.Unlock()
	copied := map[string]pks.Cluster{}
	for name, c := range w.clusters {
		c.Spec = c.Spec.Clone()
		copied[name] = c
	}
	return copied
}

// syncBuffer collects log lines from many goroutines.
type syncBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

// lines are the log records with the given message.
func (b *syncBuffer) lines(t testing.TB, message string) []map[string]any {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []map[string]any
	for line := range strings.Lines(b.buffer.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		if record["msg"] == message {
			found = append(found, record)
		}
	}
	return found
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// addresses lets cmp look at netip.Addr.
var addresses = cmpopts.EquateComparable(netip.Addr{})

func marshal(t testing.TB, v any) string {
	t.Helper()
	document, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(document)
}
