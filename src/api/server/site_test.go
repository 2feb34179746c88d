package server_test

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
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/pks-community/pks-release/src/api/server"
)

// site is a folder with a configuration, and a UAA and a broker to go with it.
type site struct {
	folder, config string
	key            *rsa.PrivateKey
	roots          *x509.CertPool
	uaa            *httptest.Server

	mu    sync.Mutex
	calls []string // that the broker got

	polled chan struct{} // gets a value when the broker is asked for news
}

func newSite(t *testing.T) *site {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{folder: t.TempDir(), key: key, roots: x509.NewCertPool(), polled: make(chan struct{}, 1)}
	s.writeCertificate(t)

	s.uaa = httptest.NewTLSServer(http.HandlerFunc(s.serveUAA))
	t.Cleanup(s.uaa.Close)
	broker := httptest.NewTLSServer(http.HandlerFunc(s.serveBroker))
	t.Cleanup(broker.Close)
	s.write(t, "uaa-ca.pem", encode("CERTIFICATE", s.uaa.Certificate().Raw))
	s.write(t, "broker-ca.pem", encode("CERTIFICATE", broker.Certificate().Raw))
	s.config = s.write(t, "pks-api.yml", fmt.Appendf(nil, `
listen: 127.0.0.1:0
tls: {certificate_file: %[1]s/api.crt, private_key_file: %[1]s/api.key}
database: {driver: sqlite, path: %[1]s/pks-api.db}
uaa:
  url: %[2]s
  issuer: %[2]s/oauth/token
  ca_file: %[1]s/uaa-ca.pem
  client_id: pks_client
  client_secret: uaa-secret
broker: {url: %[3]s, ca_file: %[1]s/broker-ca.pem, username: api, password: broker-secret, service_id: svc, timeout: 5s}
kubernetes_version: 1.34.2
plans: [{id: p1, name: small, description: one master, master_instances: 1, worker_instances: 2, max_worker_instances: 5}]
poll_interval: 100ms
log: {level: debug}
`, s.folder, s.uaa.URL, broker.URL))
	return s
}

// serveBroker accepts every provision, and never has news about it.
func (s *site) serveBroker(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls = append(s.calls, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.Method == http.MethodPut:
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"operation":"op-1"}`)
	case strings.HasSuffix(r.URL.Path, "/last_operation"):
		select {
		case s.polled <- struct{}{}:
		default:
		}
		_, _ = io.WriteString(w, `{"state":"in progress","description":"Instance provisioning in progress"}`)
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{}`)
	}
}

func (s *site) provisions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, call := range s.calls {
		if strings.HasPrefix(call, "PUT ") {
			n++
		}
	}
	return n
}

// opaque is a token that only UAA can read.
const opaque = "0123456789abcdef0123456789abcdef"

// serveUAA knows one signing key and one opaque token, which pks_client alone
// may ask about.
func (s *site) serveUAA(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/check_token" || r.URL.Path == "/introspect" {
		id, secret, _ := r.BasicAuth()
		switch {
		case id != "pks_client" || secret != "uaa-secret":
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":"unauthorized","error_description":"Bad credentials"}`)
		case r.PostFormValue("token") != opaque:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_token","error_description":"The token expired, was revoked, or the token ID is incorrect."}`)
		default:
			_ = json.NewEncoder(w).Encode(s.claims(func(c map[string]any) { c["active"] = true }))
		}
		return
	}
	_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: s.key.Public(), KeyID: "key-1", Algorithm: "RS256", Use: "sig"},
	}})
}

// claims are those of an administrator's token, changed as a test needs it.
func (s *site) claims(change ...func(map[string]any)) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": s.uaa.URL + "/oauth/token", "aud": []string{"pks_cli", "pks.clusters"}, "zid": "uaa", "jti": "token-1",
		"sub": "id-of-alana", "user_id": "id-of-alana", "user_name": "alana", "origin": "uaa", "client_id": "pks_cli", "cid": "pks_cli", "azp": "pks_cli",
		"grant_type": "password", "scope": []string{"pks.clusters.admin"}, "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
	}
	for _, f := range change {
		f(claims)
	}
	return claims
}

// token signs claims as UAA does.
func (s *site) token(t *testing.T, change ...func(map[string]any)) string {
	t.Helper()
	return sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: s.key}, "key-1", s.claims(change...))
}

func sign(t *testing.T, key jose.SigningKey, id string, claims map[string]any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT")
	if id != "" {
		options = options.WithHeader("kid", id)
	}
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
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
	s.write(t, "api.crt", encode("CERTIFICATE", raw))
	s.write(t, "api.key", encode("PRIVATE KEY", secret))
	s.roots.AppendCertsFromPEM(encode("CERTIFICATE", raw))
}

func encode(kind string, raw []byte) []byte {
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

// running is one pks-api at work.
type running struct {
	url    string
	client *http.Client
	stop   func() (code int, stderr string)
	logged func() string
}

// start runs the program until stop is called, or the test ends.
func (s *site) start(t *testing.T) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stdout, printed := io.Pipe()
	var stderr lockedBuffer
	ended := make(chan int, 1)
	go func() {
		ended <- server.Run(ctx, server.Build{Version: "1.2.3", Commit: "abc"}, []string{"-config", s.config}, printed, &stderr)
		_ = printed.Close()
	}()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	if err != nil {
		cancel()
		t.Fatalf("pks-api ended with %d: %s", <-ended, stderr.String())
	}
	_, address, found := strings.Cut(strings.TrimSpace(line), "is ready at ")
	if !found {
		t.Errorf("the ready line is %q", line)
	}
	stop := sync.OnceValues(func() (int, string) {
		cancel()
		return <-ended, stderr.String()
	})
	t.Cleanup(func() { _, _ = stop() })
	return &running{
		url:    address,
		client: s.client(),
		stop:   stop,
		logged: stderr.String,
	}
}

func (s *site) client() *http.Client {
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: s.roots}, DisableKeepAlives: true}}
}

// call sends a request and returns the status and body of the answer.
func (r *running) call(t *testing.T, method, path, token, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := r.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
