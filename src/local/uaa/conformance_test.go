package uaa_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/pks-community/pks-release/src/local/uaa"
	"github.com/pks-community/pks-release/src/uaa/uaatest"
)

var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

const adminSecret = "admin-secret"

// start runs a stand-in over TLS and returns it with its CA.
func start(t testing.TB, change ...func(*uaa.Config)) (*uaa.Server, uaatest.Target) {
	t.Helper()
	listener := httptest.NewUnstartedServer(nil)
	config := uaa.Config{
		Dir: t.TempDir(), SigningKey: signingKey(), Groups: uaa.DefaultGroups(),
		Clients: uaa.DefaultClients(uaa.Secrets{Admin: adminSecret, PKSClient: "pks-client-secret"}, "https://app.example.com/back"),
		Users:   []uaa.User{{Name: "alana", Password: "alana-password", Groups: []string{"pks.clusters.admin"}}},
		BaseURL: "https://" + listener.Listener.Addr().String(),
	}
	for _, c := range change {
		c(&config)
	}
	server, err := uaa.New(config)
	if err != nil {
		t.Fatal(err)
	}
	listener.Config.Handler = server.Handler()
	listener.StartTLS()
	t.Cleanup(func() {
		listener.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: listener.Certificate().Raw})
	return server, uaatest.Target{URL: config.BaseURL, CA: ca, AdminID: "admin", AdminSecret: adminSecret}
}

func TestStandInConforms(t *testing.T) {
	t.Parallel()
	_, target := start(t)
	uaatest.Run(t, target)
}
