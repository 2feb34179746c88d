package broker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pks-community/pks-release/src/broker/credhub"
	"github.com/pks-community/pks-release/src/director"
)

// versions is a SecretStore of credentials by the ids of their versions.
type versions struct {
	SecretStore
	byID map[string]credhub.Credential
	err  error
}

func (v versions) ByID(_ context.Context, id string) (credhub.Credential, error) {
	if v.err != nil {
		return credhub.Credential{}, v.err
	}
	c, ok := v.byID[id]
	if !ok {
		return c, credhub.ErrNotFound
	}
	return c, nil
}

func certificateUntil(t *testing.T, authority bool, until time.Time) json.RawMessage {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "c"}, NotAfter: until, IsCA: authority, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	value, err := json.Marshal(map[string]string{"certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), "private_key": "never told"})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestCertificatesAreTheVersionsInUse(t *testing.T) {
	t.Parallel()
	root, leaf := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2027, 6, 7, 8, 9, 10, 0, time.UTC)
	b := &Broker{secrets: versions{byID: map[string]credhub.Credential{
		"1": {Type: "password", Value: json.RawMessage(`"x"`)},
		"2": {Type: "certificate", Value: certificateUntil(t, true, root)},
		"3": {Type: "certificate", Value: certificateUntil(t, false, leaf)},
		"4": {Type: "certificate", Value: json.RawMessage(`{}`)},
	}}}
	got, err := b.certificates(t.Context(), []director.Variable{
		{ID: "3", Name: "/d/i/tls"}, {ID: "1", Name: "/d/i/pw"}, {ID: "2", Name: "/d/i/ca"}, {ID: "4", Name: "/d/i/empty"}, {ID: "9", Name: "/d/i/gone"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []usedCertificate{{Name: "/d/i/ca", Authority: true, NotAfter: root}, {Name: "/d/i/tls", NotAfter: leaf}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCertificatesThatCannotBeTold(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.created("i1", `{}`)
	if got := h.send("GET", "/mgmt/service_instances/i1/certificates", ""); got.Status != 501 {
		t.Errorf("without a CredHub: %d %s", got.Status, got.Body)
	}
	e := newEmbedded(t)
	e.want(e.send("GET", "/mgmt/service_instances/i1/certificates", ""), 410, `{}`)
	e.ended("i1", e.accepted(e.provision("i1", testPlan, `{}`)))
	e.want(e.send("GET", "/mgmt/service_instances/i1/certificates", ""), 200, `{"deployment":"service-instance_i1","certificates":[]}`)
	e.broker.secrets = versions{err: errors.New("down")}
	if got := e.send("GET", "/mgmt/service_instances/i1/certificates", ""); got.Status != 500 {
		t.Errorf("CredHub is down: %d %s", got.Status, got.Body)
	}
}
