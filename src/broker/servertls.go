package broker

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"time"

	"github.com/pks-community/pks-release/src/broker/config"
)

// serverTLS loads the server's certificate and refuses one that has expired; nil
// when none is configured (§0.1).
func serverTLS(c config.TLS, now time.Time) (*tls.Config, error) {
	if c.CertFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.CertFile)
	if err != nil {
		return nil, fmt.Errorf("can't read server certificate file %s: %w", c.CertFile, err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("failed to find any PEM data in certificate input from: %s", c.CertFile)
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse server certificate %s: %w", c.CertFile, err)
	}
	if now.After(leaf.NotAfter) {
		return nil, fmt.Errorf("server certificate expired on %s", leaf.NotAfter.Format(time.RFC3339))
	}
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("load server certificate and key: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
