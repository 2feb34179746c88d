package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// site is a folder with a pks-api's configuration and database, a UAA and a
// broker to go with it, and an administrator's token.
type site struct {
	folder, config, token string
	broker                *standInBroker
	roots                 *x509.CertPool
	binary                string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{folder: t.TempDir(), broker: newStandInBroker(t), roots: x509.NewCertPool(), binary: program(t, "pks-api")}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	uaa := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "key-1", Algorithm: "RS256", Use: "sig"}}})
	}))
	t.Cleanup(uaa.Close)
	s.token = administrator(t, key, uaa.URL)
	s.writeCertificate(t)
	s.write(t, "uaa-ca.pem", pemOf("CERTIFICATE", uaa.Certificate().Raw))
	s.write(t, "broker-ca.pem", pemOf("CERTIFICATE", s.broker.Certificate().Raw))
	s.config = s.write(t, "pks-api.yml", fmt.Appendf(nil, `
listen: 127.0.0.1:%[4]d
tls: {certificate_file: %[1]s/api.crt, private_key_file: %[1]s/api.key}
database: {driver: sqlite, path: %[1]s/pks-api.db}
uaa: {url: %[2]s, issuer: %[2]s/oauth/token, ca_file: %[1]s/uaa-ca.pem, client_id: pks_client, client_secret: uaa-secret}
broker: {url: %[3]s, ca_file: %[1]s/broker-ca.pem, username: api, password: broker-secret, service_id: svc}
kubernetes_version: %[5]s
plans: [{id: p1, name: small, description: one master, master_instances: 1, worker_instances: 2, max_worker_instances: 5}]
poll_interval: 1s
`, s.folder, uaa.URL, s.broker.URL, freePort(t), targetKubernetes))
	return s
}

func administrator(t *testing.T, key *rsa.PrivateKey, uaa string) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "key-1")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	token, err := jwt.Signed(signer).Claims(map[string]any{
		"iss": uaa + "/oauth/token", "aud": []string{"pks_cli", "pks.clusters"}, "zid": "uaa", "jti": "token-1",
		"sub": "id-of-alana", "user_id": "id-of-alana", "user_name": "alana", "origin": "uaa", "client_id": "pks_cli", "cid": "pks_cli",
		"grant_type": "password", "scope": []string{"pks.clusters.admin"}, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (s *site) writeCertificate(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "pks-api"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "api.crt", pemOf("CERTIFICATE", raw))
	s.write(t, "api.key", pemOf("PRIVATE KEY", secret))
	s.roots.AppendCertsFromPEM(pemOf("CERTIFICATE", raw))
}

func pemOf(kind string, raw []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw})
}

func (s *site) write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(s.folder, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// version is the product version that the program has.
func (s *site) version(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), s.binary, "-version").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, version, _ := strings.Cut(string(out), " ")
	version, _, _ = strings.Cut(version, " ")
	return version
}

// runningAPI is a pks-api process.
type runningAPI struct {
	site    *site
	address string
	pid     int
	client  *http.Client
	stop    func()
	kill    func()
}

// start runs pks-api until stop is called, or the test ends. It returns when the
// program answers.
func (s *site) start(t *testing.T) *runningAPI {
	t.Helper()
	cmd := exec.Command(s.binary, "-config", s.config)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=2")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	address := ""
	for address == "" && lines.Scan() {
		_, address, _ = strings.Cut(lines.Text(), "is ready at https://")
	}
	stop := sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	})
	t.Cleanup(stop)
	kill := func() {
		_ = cmd.Process.Kill()
		stop()
	}
	if address == "" {
		stop()
		t.Fatalf("pks-api does not start: %s", stderr.String())
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots}, MaxIdleConnsPerHost: 1000}
	t.Cleanup(transport.CloseIdleConnections)
	return &runningAPI{site: s, address: address, pid: cmd.Process.Pid, stop: stop, kill: kill, client: &http.Client{Timeout: time.Minute, Transport: transport}}
}

// call sends a request, decodes the answer into out unless that is nil, and
// returns how long the answer took.
func (a *runningAPI) call(ctx context.Context, method, path, body string, status int, out any) (time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, method, "https://"+a.address+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+a.site.token)
	request.Header.Set("Content-Type", "application/json")
	began := time.Now()
	answer, err := a.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	document, err := io.ReadAll(answer.Body)
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	if answer.StatusCode != status {
		return 0, fmt.Errorf("%s %s answered %d instead of %d: %.300s", method, path, answer.StatusCode, status, document)
	}
	if out == nil {
		return took, nil
	}
	return took, json.Unmarshal(document, out)
}

// reads asks for a path again and again.
func (a *runningAPI) reads(path func(n int64) string) *load {
	return &load{
		request: func(n int64) string {
			return "GET " + path(n) + " HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer " + a.site.token + "\r\n\r\n"
		},
		status: http.StatusOK,
		dial: func(address string) (net.Conn, error) {
			return tls.Dial("tcp", address, &tls.Config{RootCAs: a.site.roots})
		},
	}
}

// busyFor is how much processor time the process has used.
func (a *runningAPI) busyFor(t *testing.T) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", a.pid))
	if err != nil {
		t.Skipf("processor time cannot be read here: %v", err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		t.Fatal(err)
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux
	return time.Duration(user+system) * tick
}

// peakMB is the most memory that the process has held.
func (a *runningAPI) peakMB(t *testing.T) float64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.pid))
	if err != nil {
		t.Skipf("memory cannot be read here: %v", err)
	}
	for line := range strings.Lines(string(status)) {
		var kb float64
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kb); err == nil {
			return kb / 1024
		}
	}
	t.Fatal("no VmHWM")
	return 0
}
