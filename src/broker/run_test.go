package broker

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/director"
)

// certificate writes a self-signed certificate and its key.
func certificate(t *testing.T, notAfter time.Time) config.TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "broker"}, NotAfter: notAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := config.TLS{CertFile: filepath.Join(dir, "cert"), KeyFile: filepath.Join(dir, "key")}
	for path, block := range map[string]*pem.Block{files.CertFile: {Type: "CERTIFICATE", Bytes: der}, files.KeyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func configFile(t *testing.T, directorURL, more string) string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "broker.yml")
	text := fmt.Sprintf(`
broker: {port: %d, bind_address: 127.0.0.1, username: broker, password: secret, use_stdin: true, disable_cf_startup_checks: true%s}
bosh: {url: %q, authentication: {basic: {username: admin, password: pw}}}
service_adapter: {path: %q}
service_catalog: {id: s, service_name: p.pks, plans: [{plan_id: p, name: small}]}
`, freePort(t), more, directorURL, program)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestFatalMessages(t *testing.T) {
	t.Parallel()
	refusing := newFakeDirector(t)
	refusing.setFault(func(w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprint(w, `{"version":"283.1.6 (00000000)","user":null}`)
		return true
	})
	old := newFakeDirector(t)
	old.setFault(func(w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprint(w, `{"version":"1.3200.0.0 (0)","user":"admin"}`)
		return true
	})
	expired := certificate(t, time.Now().Add(-time.Hour))
	sound := certificate(t, time.Now().Add(time.Hour))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	behind := func(cert, key string) []string {
		return []string{"-configFilePath", configFile(t, newFakeDirector(t).server.URL, fmt.Sprintf(", tls: {cert_file: %q, key_file: %q}", cert, key))}
	}
	onTakenPort := configFile(t, newFakeDirector(t).server.URL, "")
	text, err := os.ReadFile(onTakenPort)
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`port: \d+`).ReplaceAll(text, fmt.Appendf(nil, "port: %d", taken.Addr().(*net.TCPAddr).Port))
	if err := os.WriteFile(onTakenPort, text, 0o600); err != nil {
		t.Fatal(err)
	}
	uaa := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":"unauthorized","error_description":"Bad credentials"}`)
	}))
	t.Cleanup(uaa.Close)
	byUAA := newFakeDirector(t)
	byUAA.setFault(func(w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprintf(w, `{"version":"283.1.6","user":null,"user_authentication":{"type":"uaa","options":{"url":%q}}}`, uaa.URL)
		return true
	})
	asClient := configFile(t, byUAA.server.URL, "")
	if text, err = os.ReadFile(asClient); err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("basic: {username: admin, password: pw}"), []byte("uaa: {client_credentials: {client_id: c, client_secret: s}}"), 1)
	if err := os.WriteFile(asClient, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"refused by UAA":     {[]string{"-configFilePath", asClient}, "error starting broker: The following broker startup checks failed: BOSH Director error: "},
		"no file named":      {nil, "must supply -configFilePath"},
		"no such file":       {[]string{"-configFilePath", "/nowhere"}, "error parsing config: open /nowhere: no such file or directory"},
		"no YAML":            {[]string{"-configFilePath", sound.CertFile}, "error parsing config: "},
		"no Director":        {[]string{"-configFilePath", configFile(t, "http://127.0.0.1:1", "")}, "error creating bosh client: error fetching BOSH director information: "},
		"bad credentials":    {[]string{"-configFilePath", configFile(t, refusing.server.URL, "")}, "error starting broker: The following broker startup checks failed: BOSH Director error: the Director does not accept the credentials"},
		"old Director":       {[]string{"-configFilePath", configFile(t, old.server.URL, "")}, "error starting broker: The following broker startup checks failed: BOSH Director error: API version is insufficient, ODB requires BOSH v257+."},
		"certificate":        {behind(expired.CertFile, expired.KeyFile), "server certificate expired on "},
		"no certificate":     {behind("/nowhere", sound.KeyFile), "can't read server certificate file /nowhere"},
		"no PEM":             {behind(os.Args[0], sound.KeyFile), "failed to find any PEM data in certificate input from: " + os.Args[0]},
		"key in its place":   {behind(sound.KeyFile, sound.KeyFile), "parse server certificate " + sound.KeyFile},
		"another's key":      {behind(sound.CertFile, expired.KeyFile), "load server certificate and key: "},
		"port that is taken": {[]string{"-configFilePath", onTakenPort}, "error starting broker HTTP(s) server: listen tcp "},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := Run(t.Context(), c.args, "1.0", &stdout, &stderr)
			if code != 1 || !strings.Contains(stdout.String(), "[on-demand-service-broker] "+c.want) || strings.Contains(stdout.String(), "goroutine") {
				t.Errorf("exit %d: %s%s", code, stdout.String(), stderr.String())
			}
		})
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	if code := Run(t.Context(), []string{"-version"}, "1.2.3 (abc)", &stdout, &stderr); code != 0 || stdout.String() != "pks-broker 1.2.3 (abc)\n" {
		t.Errorf("%d %s", code, stdout.String())
	}
	if code := Run(t.Context(), []string{"-dance"}, "", &stdout, &stderr); code != 2 {
		t.Errorf("%d %s", code, stderr.String())
	}
	if code := Run(t.Context(), []string{"-check-config", "-configFilePath", configFile(t, "http://127.0.0.1:1", "")}, "", &stdout, &stderr); code != 0 {
		t.Errorf("%d %s", code, stdout.String())
	}
}

// announced tells when the program has written a text.
type announced struct {
	text  string
	found chan struct{}
	once  sync.Once
	logText
}

func (a *announced) Write(p []byte) (int, error) {
	n, err := a.logText.Write(p)
	if strings.Contains(a.String(), a.text) {
		a.once.Do(func() { close(a.found) })
	}
	return n, err
}

func TestProgramServesAndShutsDownGracefully(t *testing.T) {
	t.Parallel()
	files := certificate(t, time.Now().Add(time.Hour))
	path := configFile(t, newFakeDirector(t).server.URL, fmt.Sprintf(", tls: {cert_file: %q, key_file: %q}", files.CertFile, files.KeyFile))
	c, _, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out := &announced{text: "Listening on ", found: make(chan struct{})}
	code := make(chan int, 1)
	go func() { code <- Run(ctx, []string{"-configFilePath", path}, "1.0", out, io.Discard) }()
	select {
	case <-out.found:
	case c := <-code:
		t.Fatalf("exit %d: %s", c, out.String())
	}
	pem, err := os.ReadFile(files.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	for _, p := range []string{"/v2/catalog", "/metrics"} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://127.0.0.1:%d%s", c.Broker.Port, p), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("broker", "secret")
		req.Header.Set("X-Broker-API-Version", "2.17")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != 200 || (p == "/metrics" && (!strings.Contains(string(body), "pks_broker_operations_running 0") || !strings.Contains(string(body), `route="catalog",status="200"`))) {
			t.Errorf("%s: %d %s", p, resp.StatusCode, body)
		}
	}
	stop()
	if got := <-code; got != 0 || !strings.Contains(out.String(), "Server gracefully shut down") {
		t.Errorf("exit %d: %s", got, out.String())
	}
}

func TestDirectorVersions(t *testing.T) {
	t.Parallel()
	c := testConfig(t).ServiceCatalog
	dns := c
	dns.Plans = append(dns.Plans[:1:1], config.Plan{BindingWithDNS: []config.BindingDNS{{Name: "x"}}})
	for _, test := range []struct {
		version string
		catalog config.ServiceCatalog
		want    string
	}{
		{"283.1.6 (00000000)", c, ""},
		{"260.0 (0)", c, "BOSH Director error: API version is insufficient, lifecycle errands require BOSH v261+."},
		{"1.3262.0.0 (0)", config.ServiceCatalog{}, ""},
		{"1.3261.0.0 (0)", config.ServiceCatalog{}, "BOSH Director error: API version is insufficient, ODB requires BOSH v257+."},
		{"267.5 (0)", dns, "BOSH Director error: API version is insufficient, binding_with_dns requires BOSH v266.12+ or v267.6+."},
		{"266.12.0 (0)", dns, ""},
		{"x", c, `BOSH Director error: the version "x" cannot be read`},
		{"", c, `BOSH Director error: the version "" cannot be read`},
	} {
		got := ""
		if err := checkVersion(director.Info{Version: test.version}, test.catalog); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.version, diff)
		}
	}
}

func TestSameProvisionSentAtOnceBeginsOneDeploy(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	answers := make([]answer, 5)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = h.provision("i1", testPlan, `{}`) })
	}
	all.Wait()
	for _, a := range answers {
		if diff := cmp.Diff(answers[0], a); diff != "" {
			t.Error(diff)
		}
	}
	if diff := cmp.Diff([]string{"create deployment"}, h.director.began()); diff != "" {
		t.Error(diff)
	}
	if n := len(h.broker.changes.held); n != 0 {
		t.Errorf("%d locks are left over", n)
	}
}

func TestClientThatHangsUpDoesNotLoseItsDeploy(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	ctx, hangUp := context.WithCancel(t.Context())
	served := make(chan struct{})
	h.director.setFault(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			hangUp() // just before the Director takes the deploy
		}
		return false
	})
	handler := h.broker.Handler(nil)
	go func() {
		defer close(served)
		req := newOSBRequest(ctx, http.MethodPut, instancePath("i1")+"?accepts_incomplete=true", `{"service_id":"service-1","plan_id":"plan-1"}`)
		handler.ServeHTTP(discard{http.Header{}}, req)
	}()
	<-served
	if got := h.broker.view.count(); got != 1 {
		t.Errorf("%d operations are watched", got)
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header       { return d.header }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

func newOSBRequest(ctx context.Context, method, path, body string) *http.Request {
	req, err := http.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	if err != nil {
		return nil
	}
	req.SetBasicAuth("broker", "secret")
	req.Header.Set("X-Broker-API-Version", "2.17")
	return req
}

func TestGroupChanges(t *testing.T) {
	t.Parallel()
	before := `
stemcells: [{alias: default, os: j, version: "1"}]
releases: [{name: a, version: "1"}, {name: b, version: "1"}]
instance_groups:
- {name: same, instances: 1, stemcell: default2}
- {name: scaled, instances: 1}
- {name: moved, instances: 1, vm_type: small}
- {name: renewed, instances: 1, jobs: [{name: x, release: a}]}
- {name: stemmed, instances: 1, stemcell: default}
- {name: errand, lifecycle: errand, instances: 1, stemcell: default}
- {name: gone, instances: 2}
`
	after := `
stemcells: [{alias: default, os: j, version: "2"}]
releases: [{name: a, version: "2"}, {name: b, version: "1"}]
instance_groups:
- {name: same, instances: 1, stemcell: default2, update: {serial: true}}
- {name: scaled, instances: 3}
- {name: moved, instances: 1, vm_type: large}
- {name: renewed, instances: 1, jobs: [{name: x, release: a}]}
- {name: stemmed, instances: 1, stemcell: default}
- {name: errand, lifecycle: errand, instances: 1, stemcell: default}
- {name: new, instances: 4}
`
	got, err := groupChanges(before, after)
	if err != nil {
		t.Fatal(err)
	}
	want := []groupChange{
		{"same", "none", 1, 1}, {"scaled", "scale", 1, 3}, {"moved", "recreate", 1, 1}, {"renewed", "restart", 1, 1},
		{"stemmed", "recreate", 1, 1}, {"errand", "none", 1, 1}, {"new", "create", 0, 4}, {"gone", "delete", 2, 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestChangedPathsNameWhatDiffers(t *testing.T) {
	t.Parallel()
	got, err := changedPaths(`{update: 1, x: {y: 1}, instance_groups: [{name: w, update: 1, jobs: [{name: j, a: 1}]}]}`, `{update: 2, x: {y: 2, z: 1}, instance_groups: [{name: w, jobs: [{name: j, a: 2}]}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/instance_groups/w/jobs/j/a", "/x/y", "/x/z"}, got); diff != "" {
		t.Error(diff)
	}
}
