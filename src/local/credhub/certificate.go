package credhub

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"
)

const (
	defaultDurationDays = 365
	maxDurationDays     = 3650
)

// certificate makes a certificate and its key: value fields ca, certificate, private_key. It is
// signed by the CA named by parameter ca, or by itself.
func (s *Store) certificate(ctx context.Context, name string, parameters map[string]any) (any, error) {
	template, err := template(name, parameters)
	if err != nil {
		return nil, err
	}
	var signer *authority
	if ca, _ := parameters["ca"].(string); ca != "" {
		if signer, err = s.authority(ctx, ca); err != nil {
			return nil, err
		}
	}
	key, err := s.keyFor(parameters)
	if err != nil {
		return nil, err
	}
	template.SubjectKeyId, err = keyID(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	if signer == nil {
		signer = &authority{certificate: template, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer.certificate, &key.PublicKey, signer.key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate %s: %w", name, err)
	}
	text := encodePEM("CERTIFICATE", der)
	if signer.text == "" && (template.IsCA || boolean(parameters, "self_sign")) {
		signer.text = text
	}
	return map[string]any{
		"ca":          signer.text,
		"certificate": text,
		"private_key": encodePEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)),
	}, nil
}

func template(name string, parameters map[string]any) (*x509.Certificate, error) {
	subject := pkix.Name{}
	for key, field := range map[string]*[]string{
		"organization": &subject.Organization, "organization_unit": &subject.OrganizationalUnit,
		"country": &subject.Country, "state": &subject.Province, "locality": &subject.Locality,
	} {
		if value, _ := parameters[key].(string); value != "" {
			*field = []string{value}
		}
	}
	subject.CommonName, _ = parameters["common_name"].(string)
	isCA := boolean(parameters, "is_ca")
	ca, _ := parameters["ca"].(string)
	alternatives, err := texts(parameters, "alternative_names")
	if err != nil {
		return nil, err
	}
	if subject.CommonName == "" && len(alternatives) == 0 && len(subject.Organization) == 0 {
		return nil, badRequest("certificate %s needs a common_name, alternative_names or an organization", name)
	}
	if ca == "" && !isCA && !boolean(parameters, "self_sign") {
		return nil, badRequest("certificate %s needs ca, is_ca or self_sign", name)
	}
	days, err := integer(parameters, "duration", defaultDurationDays)
	if err != nil {
		return nil, err
	}
	if days < 1 || days > maxDurationDays {
		return nil, badRequest("duration of %s must be between 1 and %d days", name, maxDurationDays)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 158))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	certificate := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               subject,
		NotBefore:             now,
		NotAfter:              now.AddDate(0, 0, days),
		BasicConstraintsValid: true,
		IsCA:                  isCA,
	}
	for _, alternative := range alternatives {
		if ip := net.ParseIP(alternative); ip != nil {
			certificate.IPAddresses = append(certificate.IPAddresses, ip)
		} else {
			certificate.DNSNames = append(certificate.DNSNames, alternative)
		}
	}
	if err := usages(certificate, parameters); err != nil {
		return nil, err
	}
	return certificate, nil
}

// usages sets what the key may be used for. Without a word about it a CA may sign certificates and a
// leaf may do anything, as with CredHub.
func usages(certificate *x509.Certificate, parameters map[string]any) error {
	wanted, err := texts(parameters, "key_usage")
	if err != nil {
		return err
	}
	for _, usage := range wanted {
		bit, ok := keyUsages()[usage]
		if !ok {
			return badRequest("unknown key_usage %q", usage)
		}
		certificate.KeyUsage |= bit
	}
	if certificate.IsCA && len(wanted) == 0 {
		certificate.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
	if wanted, err = texts(parameters, "extended_key_usage"); err != nil {
		return err
	}
	for _, usage := range wanted {
		extended, ok := extendedKeyUsages()[usage]
		if !ok {
			return badRequest("unknown extended_key_usage %q", usage)
		}
		certificate.ExtKeyUsage = append(certificate.ExtKeyUsage, extended)
	}
	return nil
}

func keyUsages() map[string]x509.KeyUsage {
	return map[string]x509.KeyUsage{
		"digital_signature": x509.KeyUsageDigitalSignature, "non_repudiation": x509.KeyUsageContentCommitment,
		"key_encipherment": x509.KeyUsageKeyEncipherment, "data_encipherment": x509.KeyUsageDataEncipherment,
		"key_agreement": x509.KeyUsageKeyAgreement, "key_cert_sign": x509.KeyUsageCertSign,
		"crl_sign": x509.KeyUsageCRLSign, "encipher_only": x509.KeyUsageEncipherOnly,
		"decipher_only": x509.KeyUsageDecipherOnly,
	}
}

func extendedKeyUsages() map[string]x509.ExtKeyUsage {
	return map[string]x509.ExtKeyUsage{
		"client_auth": x509.ExtKeyUsageClientAuth, "server_auth": x509.ExtKeyUsageServerAuth,
		"code_signing": x509.ExtKeyUsageCodeSigning, "email_protection": x509.ExtKeyUsageEmailProtection,
		"timestamping": x509.ExtKeyUsageTimeStamping,
	}
}

// authority is who signs a certificate.
type authority struct {
	text        string
	certificate *x509.Certificate
	key         *rsa.PrivateKey
}

func (s *Store) authority(ctx context.Context, name string) (*authority, error) {
	credential, err := s.Get(ctx, name)
	if errors.Is(err, ErrNotFound) {
		return nil, badRequest("the CA %s does not exist", absolute(name))
	}
	if err != nil {
		return nil, err
	}
	fields, _ := credential.Value.(map[string]any)
	text, _ := fields["certificate"].(string)
	keyText, _ := fields["private_key"].(string)
	block, _ := pem.Decode([]byte(text))
	keyBlock, _ := pem.Decode([]byte(keyText))
	if block == nil || keyBlock == nil {
		return nil, badRequest("%s is not a certificate with a key", absolute(name))
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, badRequest("%s is not a certificate", absolute(name))
	}
	if !certificate.IsCA {
		return nil, badRequest("%s is not a certificate authority", absolute(name))
	}
	key, err := parseKey(keyBlock.Bytes)
	if err != nil {
		return nil, badRequest("the key of %s is not an RSA key", absolute(name))
	}
	return &authority{text: strings.TrimSpace(text) + "\n", certificate: certificate, key: key}, nil
}

func parseKey(der []byte) (*rsa.PrivateKey, error) {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("parse private key: %w", err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("not an RSA key")
	}
	return key, nil
}

// keyID is the subject key identifier of RFC 5280 §4.2.1.2 (1), which CredHub sets on leaves too.
func keyID(key *rsa.PublicKey) ([]byte, error) {
	sum := sha1.Sum(x509.MarshalPKCS1PublicKey(key)) // an identifier, not a signature
	return sum[:], nil
}

// texts reads a parameter that is a text or a list of texts.
func texts(parameters map[string]any, key string) ([]string, error) {
	switch value := parameters[key].(type) {
	case nil:
		return nil, nil
	case string:
		return []string{value}, nil
	case []string:
		return value, nil
	case []any:
		out := make([]string, len(value))
		for i, item := range value {
			text, ok := item.(string)
			if !ok {
				return nil, badRequest("%s must be a list of texts", key)
			}
			out[i] = text
		}
		return out, nil
	}
	return nil, badRequest("%s must be a list of texts", key)
}
