package broker

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/api/server"
	v1 "github.com/pks-community/pks-release/src/api/v1"
	localuaa "github.com/pks-community/pks-release/src/local/uaa"
	"github.com/pks-community/pks-release/src/uaa"
)

// platform is pks-api and pks-broker as operators run them, each from a
// configuration file and behind TLS, with the embedded UAA beside them and a
// Director whose tasks end well.
type platform struct {
	t        *testing.T
	director *fakeDirector
	api      string
	broker   string
	client   *http.Client
	token    string
	stopAPI  func() string // gives its log
	brokers  *logText
}

const listPassword = "list-password"

// newPlatform runs both. brokerKnows is the password by which the broker asks for
// the list of instances.
func newPlatform(t *testing.T, brokerKnows string) *platform {
	t.Helper()
	p := &platform{t: t, director: newFakeDirector(t)}
	p.director.selfEnding = true
	folder := t.TempDir()
	files := certificate(t, time.Now().Add(time.Hour))
	identity, roots := p.startUAA(t), x509.NewCertPool()
	caFile := filepath.Join(folder, "ca.pem")
	own, err := os.ReadFile(files.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	ca := append(own, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: identity.Certificate().Raw})...)
	roots.AppendCertsFromPEM(ca)
	if err := os.WriteFile(caFile, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	p.client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}

	apiPort, brokerPort := freePort(t), freePort(t)
	p.api, p.broker = fmt.Sprintf("https://127.0.0.1:%d", apiPort), fmt.Sprintf("https://127.0.0.1:%d", brokerPort)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, document map[string]any) string {
		text, err := yaml.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	type section = map[string]any
	resources := func(cost int) section { return section{"resources": section{"ips": section{"cost": cost}}} }
	p.startBroker(t, write("broker.yml", section{
		"broker": section{
			"port": brokerPort, "bind_address": "127.0.0.1", "username": "broker", "password": "secret", "use_stdin": true,
			"disable_cf_startup_checks": true, "expose_operational_errors": true, "task_poll_interval_in_milliseconds": 5,
			"tls": section{"cert_file": files.CertFile, "key_file": files.KeyFile},
		},
		"bosh": section{"url": p.director.server.URL, "authentication": section{"basic": section{"username": "admin", "password": "pw"}}},
		"service_instances_api": section{
			"url": p.api + "/service_instances", "root_ca_cert": string(ca),
			"authentication": section{"basic": section{"username": "broker", "password": brokerKnows}},
		},
		"service_adapter": section{"path": program},
		"service_catalog": section{
			"id": testService, "service_name": "p.pks", "service_description": "Kubernetes",
			"global_quotas": section{"resources": section{"ips": section{"limit": 5}}},
			"plans": []any{
				section{"plan_id": testPlan, "name": "small", "description": "small", "quotas": resources(2)},
				section{"plan_id": withErrands, "name": "large", "description": "large", "quotas": resources(3)},
			},
		},
	}))
	plan := func(id, name string) section {
		return section{"id": id, "name": name, "description": name, "master_instances": 1, "worker_instances": 1, "max_worker_instances": 3}
	}
	p.startAPI(t, write("api.yml", section{
		"listen":             fmt.Sprintf("127.0.0.1:%d", apiPort),
		"tls":                section{"certificate_file": files.CertFile, "private_key_file": files.KeyFile},
		"database":           section{"path": filepath.Join(folder, "pks-api.db")},
		"uaa":                section{"url": identity.URL, "issuer": identity.URL + "/oauth/token", "ca_file": caFile, "client_id": "pks_client", "client_secret": "s"},
		"broker":             section{"url": p.broker, "ca_file": caFile, "username": "broker", "password": "secret", "service_id": testService},
		"service_instances":  section{"username": "broker", "password": listPassword},
		"kubernetes_version": "1.34.2",
		"plans":              []any{plan(testPlan, "small"), plan(withErrands, "large")},
		"poll_interval":      "10ms",
	}))
	return p
}

// startUAA gives the platform a token of an administrator's as well.
func (p *platform) startUAA(t *testing.T) *httptest.Server {
	t.Helper()
	var serve http.Handler
	listener := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve.ServeHTTP(w, r) }))
	t.Cleanup(listener.Close)
	embedded, err := localuaa.New(localuaa.Config{
		Dir: t.TempDir(), BaseURL: listener.URL,
		Clients: localuaa.DefaultClients(localuaa.Secrets{Admin: "s", PKSClient: "s"}), Groups: localuaa.DefaultGroups(),
		Users: []localuaa.User{{Name: "alana", Password: "pw", Groups: []string{uaa.ScopeAdmin}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	serve = embedded.Handler()
	t.Cleanup(func() {
		listener.Close()
		if err := embedded.Close(); err != nil {
			t.Error(err)
		}
	})
	client, err := uaa.NewClient(uaa.ClientConfig{
		ClientID: "pks_cli", Connection: uaa.Connection{
			URL: listener.URL, CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: listener.Certificate().Raw}),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	tokens, err := client.Password(t.Context(), "alana", "pw")
	if err != nil {
		t.Fatal(err)
	}
	p.token = tokens.Access.Reveal()
	return listener
}

func (p *platform) startBroker(t *testing.T, configuration string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	out, code := &announced{text: "Listening on ", found: make(chan struct{})}, make(chan int, 1)
	go func() { code <- Run(ctx, []string{"-configFilePath", configuration}, "1.0", out, io.Discard) }()
	t.Cleanup(func() {
		stop()
		<-code
	})
	p.brokers = &out.logText
	select {
	case <-out.found:
	case c := <-code:
		code <- c
		t.Fatalf("pks-broker: exit %d: %s", c, out.String())
	}
}

func (p *platform) startAPI(t *testing.T, configuration string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	stdout, printed := io.Pipe()
	log, code := &logText{}, make(chan int, 1)
	go func() {
		code <- server.Run(ctx, server.Build{Version: "1.0"}, []string{"-config", configuration}, printed, log)
		_ = printed.Close()
	}()
	p.stopAPI = sync.OnceValue(func() string {
		stop()
		<-code
		return log.String()
	})
	t.Cleanup(func() { p.stopAPI() })
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatalf("pks-api: %s", p.stopAPI())
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
}

func (p *platform) send(method, url, body string, authorise func(*http.Request)) answer {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Broker-API-Version", "2.17")
	authorise(req)
	resp, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer{resp.StatusCode, strings.TrimSpace(string(text))}
}

// asUser asks pks-api, asPlatform the broker.
func (p *platform) asUser(method, path, body string) answer {
	p.t.Helper()
	return p.send(method, p.api+path, body, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+p.token) })
}

func (p *platform) asPlatform(method, path, body string) answer {
	p.t.Helper()
	return p.send(method, p.broker+path, body, func(r *http.Request) { r.SetBasicAuth("broker", "secret") })
}

// create asks for a cluster and gives it when its creation has ended.
func (p *platform) create(name, plan string) v1.Cluster {
	p.t.Helper()
	got := p.asUser("POST", "/v1/clusters", fmt.Sprintf(`{"name":%q,"plan_name":%q,"parameters":{"kubernetes_master_host":"%s.example.com"}}`, name, plan, name))
	if got.Status != http.StatusAccepted {
		p.t.Fatalf("create %s: %d %s", name, got.Status, got.Body)
	}
	cluster, _ := p.ended(name)
	return cluster
}

// ended waits until nothing is under way for a cluster; exists is false when it is
// gone.
func (p *platform) ended(name string) (cluster v1.Cluster, exists bool) {
	p.t.Helper()
	for seen := int64(0); ; {
		got := p.asUser("GET", "/v1/clusters/"+name, "")
		if got.Status == http.StatusNotFound {
			return v1.Cluster{}, false
		}
		if err := json.Unmarshal([]byte(got.Body), &cluster); err != nil || got.Status != http.StatusOK {
			p.t.Fatalf("%d %s", got.Status, got.Body)
		}
		if cluster.LastActionState != "in progress" {
			return cluster, true
		}
		var events []v1.Event
		news := p.asUser("GET", fmt.Sprintf("/v1/clusters/%s/events?wait=10&after=%d", name, seen), "")
		if news.Status == http.StatusOK && json.Unmarshal([]byte(news.Body), &events) == nil && len(events) > 0 {
			seen = events[len(events)-1].Seq
		}
	}
}

// metrics are the numbers of GET /mgmt/metrics by the end of their keys.
func (p *platform) metrics() map[string]float64 {
	p.t.Helper()
	got := p.asPlatform("GET", "/mgmt/metrics", "")
	var all []serviceMetric
	if err := json.Unmarshal([]byte(got.Body), &all); err != nil || got.Status != http.StatusOK {
		p.t.Fatalf("%d %s", got.Status, got.Body)
	}
	numbers := map[string]float64{}
	for _, m := range all {
		numbers[strings.TrimPrefix(m.Key, "/on-demand-broker/p.pks/")] = m.Value
	}
	return numbers
}

func TestPlatformAndBrokerKnowEachOthersInstances(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, listPassword)
	if got := p.asPlatform("GET", "/mgmt/service_instances", ""); got != (answer{200, "[]"}) {
		t.Errorf("before anything: %v", got)
	}
	one, two := p.create("one", "small"), p.create("two", "large")
	if one.LastActionState != "succeeded" || two.LastActionState != "succeeded" {
		t.Fatalf("%+v\n%+v", one, two)
	}
	list := fmt.Sprintf(`[{"service_instance_id":%q,"plan_id":"plan-1"},{"service_instance_id":%q,"plan_id":"plan-with-errands"}]`, one.UUID, two.UUID)
	if got := p.asPlatform("GET", "/mgmt/service_instances", ""); got != (answer{200, list}) {
		t.Errorf("%v", got)
	}
	want := map[string]float64{
		"small/total_instances": 1, "small/ips/used": 2, "large/total_instances": 1, "large/ips/used": 3,
		"total_instances": 2, "ips/used": 5, "ips/remaining": 0,
	}
	if diff := cmp.Diff(want, p.metrics()); diff != "" {
		t.Error(diff)
	}

	// Every address is in use: the next cluster is refused, at once and for good.
	three := p.create("three", "small")
	if three.LastActionState != "failed" || !strings.Contains(three.LastActionDescription, "global quotas [ips: (limit 5, used 5, requires 2)] would be exceeded by this deployment") {
		t.Errorf("%s: %s", three.LastActionState, three.LastActionDescription)
	}
	if n := strings.Count(p.brokers.String(), "global quotas [ips"); n != 1 {
		t.Errorf("the platform asked %d times", n)
	}
	p.wantDeployed(one.UUID, two.UUID)
	// What was refused stays listed and takes no place: after the deletion of another
	// there is room again.
	p.asUser("DELETE", "/v1/clusters/one", "")
	if cluster, exists := p.ended("one"); exists {
		t.Fatalf("%+v", cluster)
	}
	four := p.create("four", "small")
	if four.LastActionState != "succeeded" {
		t.Errorf("%s: %s", four.LastActionState, four.LastActionDescription)
	}
	p.wantDeployed(two.UUID, four.UUID)

	// An orphan is what the Director has and the platform does not know.
	if got := p.asPlatform("GET", "/mgmt/orphan_deployments", ""); got != (answer{200, "[]"}) {
		t.Errorf("%v", got)
	}
	p.director.mu.Lock()
	p.director.deployments["service-instance_lost"] = nil
	p.director.deployments["concourse"] = nil
	p.director.mu.Unlock()
	if got := p.asPlatform("GET", "/mgmt/orphan_deployments", ""); got != (answer{200, `[{"deployment_name":"service-instance_lost"}]`}) {
		t.Errorf("%v", got)
	}

	// Without the platform nobody guesses.
	if log := p.stopAPI(); strings.Contains(log, listPassword) || strings.Contains(p.brokers.String(), listPassword) {
		t.Error("the password is in a log")
	}
	for _, path := range []string{"/mgmt/service_instances", "/mgmt/orphan_deployments", "/mgmt/metrics"} {
		if got := p.asPlatform("GET", path, ""); got != (answer{500, ""}) {
			t.Errorf("%s without the platform: %v", path, got)
		}
	}
	got := p.asPlatform("PUT", instancePath("i9")+"?accepts_incomplete=true", `{"service_id":"service-1","plan_id":"plan-1"}`)
	if got.Status != 500 || !strings.Contains(got.Body, "count the instances: ") {
		t.Errorf("a creation without the platform: %v", got)
	}
}

// wantDeployed holds the deployments there are against the instances that should
// have one.
func (p *platform) wantDeployed(ids ...string) {
	p.t.Helper()
	want, got := map[string]bool{}, map[string]bool{}
	for _, id := range ids {
		want[deploymentName(id)] = true
	}
	p.director.mu.Lock()
	defer p.director.mu.Unlock()
	for name := range p.director.deployments {
		got[name] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		p.t.Error(diff)
	}
}

func TestPlatformRefusesABrokerWithAnotherPassword(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, "another")
	for _, path := range []string{"/mgmt/service_instances", "/mgmt/orphan_deployments", "/mgmt/metrics"} {
		if got := p.asPlatform("GET", path, ""); got != (answer{500, ""}) {
			t.Errorf("%s: %v", path, got)
		}
	}
	if want := "HTTP response status: 401 Unauthorized. The user name or the password is wrong."; !strings.Contains(p.brokers.String(), want) {
		t.Error(p.brokers.String())
	}
}
