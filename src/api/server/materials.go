package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/pks-community/pks-release/src/api/config"
	"github.com/pks-community/pks-release/src/pks"
)

// materials is what the files hold that the configuration names.
type materials struct {
	certificate tls.Certificate
	uaaCA       []byte     // PEM; empty: the system's roots
	brokerCA    []byte     // PEM; empty: the system's roots
	dsn         pks.Secret // postgres only
}

// load reads them all, so that a missing one is found before anything starts.
func load(settings config.Config) (materials, error) {
	certificate, certificateErr := tls.LoadX509KeyPair(settings.TLS.CertificateFile, settings.TLS.PrivateKeyFile)
	if certificateErr != nil {
		certificateErr = fmt.Errorf("tls.certificate_file and tls.private_key_file: %w", certificateErr)
	}
	uaaCA, uaaErr := readCA("uaa.ca_file", settings.UAA.CAFile)
	brokerCA, brokerErr := readCA("broker.ca_file", settings.Broker.CAFile)
	dsn, dsnErr := readDSN(settings.Database)
	return materials{certificate, uaaCA, brokerCA, dsn}, errors.Join(certificateErr, uaaErr, brokerErr, dsnErr)
}

func readCA(key, path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: %s holds no PEM certificate", key, path)
	}
	return pem, nil
}

func readDSN(database config.Database) (pks.Secret, error) {
	if database.Driver != config.Postgres {
		return "", nil
	}
	content, err := os.ReadFile(database.DSNFile)
	if err != nil {
		return "", fmt.Errorf("database.dsn_file: %w", err)
	}
	dsn := strings.TrimSpace(string(content))
	if dsn == "" {
		return "", fmt.Errorf("database.dsn_file: %s is empty", database.DSNFile)
	}
	return pks.Secret(dsn), nil
}
