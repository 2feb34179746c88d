package stack

import (
	"bytes"
	"crypto/x509"
	"os"
	"strings"
	"testing"
	"time"
)

func TestCAStaysAndServerCertificateIsRenewed(t *testing.T) {
	t.Parallel()
	l := layoutOf(t)
	now := time.Now()
	first, err := ensureCertificates(l, now)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(l.CACertificate())
	if err != nil {
		t.Fatal(err)
	}
	again, err := ensureCertificates(l, now.Add(24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Certificate[0], again.Certificate[0]) {
		t.Error("the server certificate changed although it was far from its end")
	}
	later, err := ensureCertificates(l, now.Add(serverLifetime-renewBefore+time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(first.Certificate[0], later.Certificate[0]) {
		t.Error("the server certificate was not renewed before its end")
	}
	after, err := os.ReadFile(l.CACertificate())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(ca, after) {
		t.Error("the CA changed: clients that trust it would fail")
	}
	pool, err := trust(l)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"localhost", "127.0.0.1"} {
		if _, err := later.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: pool, CurrentTime: now.Add(serverLifetime)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDamagedServerCertificateIsMadeAnew(t *testing.T) {
	t.Parallel()
	for _, damage := range []string{"", "not a certificate"} {
		l := layoutOf(t)
		now := time.Now()
		if _, err := ensureCertificates(l, now); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{l.ServerCertificate(), l.ServerKey()} {
			if err := os.WriteFile(path, []byte(damage), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := ensureCertificates(l, now); err != nil {
				t.Errorf("%s with %q: %v", path, damage, err)
			}
		}
	}
}

func TestCAOfAnotherTimeIsReportedWithItsTimes(t *testing.T) {
	t.Parallel()
	l := layoutOf(t)
	now := time.Now()
	if _, err := ensureCertificates(l, now.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, clock := range []time.Time{now, now.Add(caLifetime + 100*time.Hour)} {
		if _, err := ensureCertificates(l, clock); err == nil || !strings.Contains(err.Error(), "clock") {
			t.Errorf("at %s: %v", clock, err)
		}
	}
	// A server certificate from the future is replaced.
	l = layoutOf(t)
	if _, err := ensureCertificates(l, now); err != nil {
		t.Fatal(err)
	}
	if _, err := ensureCertificates(l, now.Add(serverLifetime)); err != nil {
		t.Fatal(err)
	}
	pair, err := ensureCertificates(l, now)
	if err != nil || pair.Leaf.NotBefore.After(now) {
		t.Errorf("valid from %s: %v", pair.Leaf.NotBefore, err)
	}
}

func TestDamagedCAIsReportedNotReplaced(t *testing.T) {
	t.Parallel()
	l := layoutOf(t)
	if _, err := ensureCertificates(l, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.CACertificate(), []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ensureCertificates(l, time.Now()); err == nil || !strings.Contains(err.Error(), l.CACertificate()) || !strings.Contains(err.Error(), "reset") {
		t.Errorf("a damaged CA: %v", err)
	}
}
