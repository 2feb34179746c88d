package pks

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"
)

// authority signs a certificate for key with the parent's, by itself without one.
func authority(t *testing.T, key crypto.Signer, change func(*x509.Certificate), parent *x509.Certificate, parentKey crypto.Signer) (*x509.Certificate, string) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if change != nil {
		change(template)
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return parsed, block("CERTIFICATE", der)
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func newRSA(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pkcs8(t *testing.T, key any) Secret {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return Secret(block("PRIVATE KEY", der))
}

func TestCustomCAIsHeldAgainstTheRules(t *testing.T) {
	t.Parallel()
	now := time.Now()
	key, other, short := newRSA(t, 2048), newRSA(t, 2048), newRSA(t, 1024)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root, good := authority(t, key, nil, nil, nil)
	private := Secret(block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)))
	_, leaf := authority(t, key, func(c *x509.Certificate) { c.IsCA = false }, nil, nil)
	_, mute := authority(t, key, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }, nil, nil)
	_, middle := authority(t, other, func(c *x509.Certificate) { c.Subject.CommonName = "middle" }, root, key)
	_, namesake := authority(t, other, nil, root, key)
	_, ending := authority(t, key, func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 5, 0) }, nil, nil)
	_, small := authority(t, short, nil, nil, nil)
	_, elliptic := authority(t, curve, nil, nil, nil)
	padding := strings.Repeat("\n# comment", 800)

	for name, tc := range map[string]struct {
		ca   CustomCA
		want string // part of the text; empty: accepted
	}{
		"good":                    {CustomCA{good, private}, ""},
		"PKCS8, blanks around":    {CustomCA{"\n" + good + "\n\n", pkcs8(t, key)}, ""},
		"no certificate":          {CustomCA{"", private}, "ca.certificate is missing"},
		"no key":                  {CustomCA{good, ""}, "ca.private_key is missing"},
		"certificate is no PEM":   {CustomCA{"MIIB", private}, "ca.certificate is not in PEM form"},
		"certificate is garbage":  {CustomCA{block("CERTIFICATE", []byte("x")), private}, "ca.certificate cannot be read"},
		"key is garbage":          {CustomCA{good, Secret(block("PRIVATE KEY", []byte("x")))}, "ca.private_key cannot be read"},
		"two certificates":        {CustomCA{good + good, private}, "more than one PEM block"},
		"key in certificate":      {CustomCA{private.Reveal(), private}, "block of type RSA PRIVATE KEY"},
		"encrypted":               {CustomCA{good, "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"}, "is encrypted"},
		"too long":                {CustomCA{good + padding, private}, "7000"},
		"leaf":                    {CustomCA{leaf, private}, "is not a certificate authority"},
		"may not sign":            {CustomCA{mute, private}, "may not sign"},
		"intermediate":            {CustomCA{middle, pkcs8(t, other)}, "is not a root"},
		"intermediate with names": {CustomCA{namesake, pkcs8(t, other)}, "is not a root"},
		"other key":               {CustomCA{good, pkcs8(t, other)}, "is not the key of"},
		"short key":               {CustomCA{small, pkcs8(t, short)}, "shorter than 2048"},
		"elliptic key":            {CustomCA{elliptic, pkcs8(t, curve)}, "is not an RSA key"},
		"ends soon":               {CustomCA{ending, private}, "less than 6 months away"},
	} {
		err := tc.ca.Validate("ca", now)
		if tc.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		failure, ok := errors.AsType[*Failure](err)
		if !ok || !strings.Contains(failure.Message(), tc.want) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
		if err != nil && bytes.Contains([]byte(err.Error()), []byte("PRIVATE KEY-----")) {
			t.Errorf("%s: the key is in the error", name)
		}
	}
	if err := (CustomCA{ending, private}).Validate("ca", time.Time{}); err != nil {
		t.Errorf("without a clock: %v", err)
	}
}
