package pks

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"time"
)

// CustomCA is an authority of the asker's own: it signs the certificate of the
// cluster's Kubernetes API instead of one that is made for the cluster
// (reference/pks-cli.md §16.3).
type CustomCA struct {
	Certificate string `json:"certificate"` // one, PEM
	PrivateKey  Secret `json:"private_key"` // PEM, RSA
}

const (
	// minCALife is how long an authority must still be good for, in months.
	minCALife = 6
	// maxCredential is the longest certificate or key that CredHub stores, in bytes.
	maxCredential = 7000
	minRSABits    = 2048
)

// Validate refuses a pair that could not sign: not a root authority, not RSA, or a
// key of another certificate. now is for the certificate's end, which must be six
// months away; the zero time leaves that unchecked. field is the member's path in
// the request.
func (ca CustomCA) Validate(field string, now time.Time) error {
	const remedy = "Give a self-signed root certificate with basicConstraints CA:TRUE in PEM form, and its unencrypted RSA key."
	certificate, err := ca.certificate()
	if err != nil {
		return Failf(CodeInvalidRequest, "%s.certificate %s.", field, err.Error()).WithRemedy(remedy)
	}
	key, err := ca.privateKey()
	if err != nil {
		return Failf(CodeInvalidRequest, "%s.private_key %s.", field, err.Error()).WithRemedy(remedy)
	}
	if public, ok := certificate.PublicKey.(*rsa.PublicKey); !ok || !public.Equal(key.Public()) {
		return Failf(CodeInvalidRequest, "%s.private_key is not the key of %[1]s.certificate.", field).WithRemedy(remedy)
	}
	if end := certificate.NotAfter; !now.IsZero() && end.Before(now.AddDate(0, minCALife, 0)) {
		return Failf(CodeInvalidRequest, "%s.certificate ends on %s, which is less than %d months away.", field, end.UTC().Format(time.DateOnly), minCALife).
			WithRemedy("Give one that lasts longer.")
	}
	return nil
}

func (ca CustomCA) certificate() (*x509.Certificate, error) {
	der, err := onlyBlock(ca.Certificate, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	switch {
	case err != nil:
		return nil, errors.New("cannot be read")
	case !certificate.BasicConstraintsValid || !certificate.IsCA:
		return nil, errors.New("is not a certificate authority")
	case certificate.KeyUsage != 0 && certificate.KeyUsage&x509.KeyUsageCertSign == 0:
		return nil, errors.New("may not sign certificates")
	case !bytes.Equal(certificate.RawIssuer, certificate.RawSubject) || certificate.CheckSignatureFrom(certificate) != nil:
		return nil, errors.New("is not a root: another authority has signed it")
	}
	return certificate, nil
}

func (ca CustomCA) privateKey() (crypto.Signer, error) {
	der, err := onlyBlock(ca.PrivateKey.Reveal(), "RSA PRIVATE KEY", "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		var parsed any
		if parsed, err = x509.ParsePKCS8PrivateKey(der); err != nil {
			return nil, errors.New("cannot be read")
		}
		var ok bool
		if key, ok = parsed.(*rsa.PrivateKey); !ok {
			return nil, errors.New("is not an RSA key")
		}
	}
	if key.N.BitLen() < minRSABits {
		return nil, errors.New("is shorter than 2048 bits")
	}
	return key, nil
}

// onlyBlock is the content of a PEM text that holds one block of one of the types.
func onlyBlock(text string, types ...string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, errors.New("is missing")
	}
	if len(text) > maxCredential {
		return nil, errors.New("is longer than 7000 bytes")
	}
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return nil, errors.New("is not in PEM form")
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, errors.New("holds more than one PEM block")
	case len(block.Headers) > 0:
		return nil, errors.New("is encrypted or has PEM headers")
	}
	for _, t := range types {
		if block.Type == t {
			return block.Bytes, nil
		}
	}
	return nil, errors.New("holds a PEM block of type " + block.Type)
}
