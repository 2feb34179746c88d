package kubeapi_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"context"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/pks-community/pks-release/src/local/kubeapi"
	"github.com/pks-community/pks-release/src/local/machine"
)

const (
	deployment = "service-instance_1"
	adminToken = "admin-token"
	version    = "1.34.2"
)

// fixture is a Service whose ports are of the system's choosing, with the
// credentials of one deployment.
type fixture struct {
	*kubeapi.Service
	t       *testing.T
	options kubeapi.Options
	spec    machine.Spec
	ca      []byte

	mu        sync.Mutex
	addresses map[string]string // of the instance → where it really listens
	now       time.Time
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, addresses: map[string]string{}, now: time.Now()}
	ca, certificate, key := serverCertificate(t)
	f.ca = ca
	private, public := rsaKey(t)
	f.spec = machine.Spec{
		Deployment: deployment, Group: "master", ID: "m0", IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1")},
		Jobs: []machine.Job{
			{Name: "kube-apiserver", Properties: map[string]any{
				"admin-username": "admin", "admin-password": adminToken,
				"kubelet-password": "k1", "kubelet-drain-password": "k2", "kube-proxy-password": "k3",
				"kube-controller-manager-password": "k4", "kube-scheduler-password": "k5",
				"service-account-public-key": public,
				"tls":                        map[string]any{"kubernetes": map[string]any{"ca": string(ca), "certificate": certificate, "private_key": key}},
			}},
			{Name: "kube-controller-manager", Properties: map[string]any{"service-account-private-key": private}},
		},
	}
	f.options = kubeapi.Options{
		Dir: t.TempDir(), KubernetesVersion: version,
		Listen: func(ctx context.Context, address netip.AddrPort) (net.Listener, error) {
			l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
			if err == nil {
				f.mu.Lock()
				f.addresses[address.Addr().String()] = l.Addr().String()
				f.mu.Unlock()
			}
			return l, err
		},
		Now: f.clock,
	}
	f.open()
	if err := f.Start(t.Context(), f.spec); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fixture) advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// open makes the Service anew, as after a restart of the process.
func (f *fixture) open() {
	f.t.Helper()
	s, err := kubeapi.New(f.options)
	if err != nil {
		f.t.Fatal(err)
	}
	f.Service = s
	f.t.Cleanup(func() { _ = s.Close() })
}

func (f *fixture) config(token string) *rest.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &rest.Config{
		Host: "https://" + f.addresses[f.spec.IPs[0].String()], BearerToken: token,
		TLSClientConfig: rest.TLSClientConfig{CAData: f.ca, ServerName: "master.cfcr.internal"},
		QPS:             -1,
	}
}

func (f *fixture) client(token string) *kubernetes.Clientset {
	f.t.Helper()
	c, err := kubernetes.NewForConfig(f.config(token))
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func rsaKey(t *testing.T) (private, public string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return pemText("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)), pemText("PUBLIC KEY", der)
}

func serverCertificate(t *testing.T) (ca []byte, certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "master.cfcr.internal"}, DNSNames: []string{"master.cfcr.internal"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	text := pemText("CERTIFICATE", der)
	return []byte(text), text, pemText("PRIVATE KEY", keyDER)
}

func pemText(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
