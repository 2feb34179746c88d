package stack

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"time"

	"github.com/google/renameio/v2"
)

const (
	caLifetime     = 10 * 365 * 24 * time.Hour
	serverLifetime = 365 * 24 * time.Hour
	renewBefore    = 30 * 24 * time.Hour
)

// ensureCertificates makes the CA at first start, and the server certificate
// then, whenever it is about to expire and when it cannot be used. The CA stays,
// so that clients which trust it go on working.
func ensureCertificates(l Layout, now time.Time) (tls.Certificate, error) {
	ca, caKey, err := loadOrMakeCA(l, now)
	if err != nil {
		return tls.Certificate{}, err
	}
	// Nobody keeps a copy of the server certificate, so one that cannot be used
	// is made anew, whatever is the matter with it.
	pair, err := tls.LoadX509KeyPair(l.ServerCertificate(), l.ServerKey())
	if err == nil && !now.Before(pair.Leaf.NotBefore) && pair.Leaf.NotAfter.After(now.Add(renewBefore)) && pair.Leaf.CheckSignatureFrom(ca) == nil {
		return pair, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make the server key: %w", err)
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "pks-local"},
		NotBefore:   now.Add(-time.Hour),
		NotAfter:    now.Add(serverLifetime),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.ParseIP(host), net.IPv6loopback},
	}
	if err := sign(template, ca, &key.PublicKey, caKey, l.ServerCertificate()); err != nil {
		return tls.Certificate{}, err
	}
	if err := writeKey(l.ServerKey(), key); err != nil {
		return tls.Certificate{}, err
	}
	return tls.LoadX509KeyPair(l.ServerCertificate(), l.ServerKey())
}

func loadOrMakeCA(l Layout, now time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	pair, err := tls.LoadX509KeyPair(l.CACertificate(), l.caKey())
	if err == nil {
		key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
		if !ok {
			return nil, nil, fmt.Errorf("%s is not an ECDSA key: run 'pks-local reset' to begin anew", l.caKey())
		}
		if now.Before(pair.Leaf.NotBefore) || now.After(pair.Leaf.NotAfter) {
			return nil, nil, fmt.Errorf("the CA in %s is valid from %s to %s: set the clock of this machine right, or begin anew with 'pks-local reset'",
				l.CACertificate(), pair.Leaf.NotBefore.Format(time.DateTime), pair.Leaf.NotAfter.Format(time.DateTime))
		}
		return pair.Leaf, key, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("the CA in %s and %s is damaged: %w: restore it, or begin anew with 'pks-local reset'", l.CACertificate(), l.caKey(), err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make the CA key: %w", err)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "pks-local CA"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(caLifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	if err := writeKey(l.caKey(), key); err != nil {
		return nil, nil, err
	}
	if err := sign(template, template, &key.PublicKey, key, l.CACertificate()); err != nil {
		return nil, nil, err
	}
	return loadOrMakeCA(l, now)
}

func sign(template, parent *x509.Certificate, public *ecdsa.PublicKey, signer *ecdsa.PrivateKey, path string) error {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return fmt.Errorf("draw a serial number: %w", err)
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return fmt.Errorf("sign %s: %w", path, err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := renameio.WriteFile(path, block, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := renameio.WriteFile(path, block, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// trust is the pool with the stack's CA alone.
func trust(l Layout) (*x509.CertPool, error) {
	raw, err := os.ReadFile(l.CACertificate())
	if err != nil {
		return nil, fmt.Errorf("read the CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s holds no certificate", l.CACertificate())
	}
	return pool, nil
}
