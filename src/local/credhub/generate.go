package credhub

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Mode says what generating does when the credential is there already.
type Mode string

// The modes of CredHub.
const (
	// NoOverwrite keeps what is there, even if it was made from other parameters.
	NoOverwrite Mode = "no-overwrite"
	// Overwrite always makes a new version.
	Overwrite Mode = "overwrite"
	// Converge makes a new version when the parameters have changed.
	Converge Mode = "converge"
)

// Request asks for a credential to be generated.
type Request struct {
	// Name and Type say what; Type is one of password, user, rsa, ssh, certificate.
	Name, Type string
	// Parameters are the type's own, as in a manifest's variables[].options. A CA is named by an
	// absolute name.
	Parameters map[string]any
	// Mode is NoOverwrite when empty.
	Mode Mode
}

// ErrBadRequest: the credential cannot be generated as asked. The text says why.
var ErrBadRequest = errors.New("bad request")

// errType is CredHub's answer to whoever gives a credential another type, whatever the mode.
var errType = badRequest("The credential type cannot be modified. Please delete the credential if you wish to create it with a different type.")

func badRequest(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBadRequest, fmt.Sprintf(format, args...))
}

// Generate returns the credential called request.Name and makes it when request.Mode wants it.
// created tells whether it did.
func (s *Store) Generate(ctx context.Context, request Request) (c Credential, created bool, err error) {
	name := absolute(request.Name)
	unlock := s.lock(name)
	defer unlock()

	parameters, err := json.Marshal(request.Parameters)
	if err != nil {
		return Credential{}, false, badRequest("parameters of %s are not JSON", name)
	}
	if len(request.Parameters) == 0 {
		parameters = []byte("{}")
	}
	switch request.Mode {
	case "", NoOverwrite, Overwrite, Converge:
	default:
		return Credential{}, false, badRequest("unknown mode %q", request.Mode)
	}
	switch request.Type {
	case TypePassword, TypeUser, TypeRSA, TypeSSH, TypeCertificate:
	default:
		return Credential{}, false, badRequest("credentials of type %q cannot be generated", request.Type)
	}
	existing, err := s.newest(ctx, name)
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return Credential{}, false, err
	case existing.Type != request.Type:
		return Credential{}, false, errType
	case request.Mode == Overwrite:
	case request.Mode != Converge || existing.convergedTo(request.Type, parameters):
		c, err := existing.decode()
		return c, false, err
	}
	value, err := s.value(ctx, name, request)
	if err != nil {
		return Credential{}, false, err
	}
	c, err = s.insert(ctx, name, request.Type, value, sql.NullString{String: string(parameters), Valid: true})
	return c, err == nil, err
}

func (s *Store) newest(ctx context.Context, name string) (row, error) {
	var r row
	err := s.db.Read.NewSelect().Model(&r).Where("name = ?", name).Order("seq DESC").Limit(1).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return row{}, ErrNotFound
	}
	if err != nil {
		return row{}, fmt.Errorf("read credential %s: %w", name, err)
	}
	return r, nil
}

// convergedTo tells whether the credential is what generating it with parameters would give.
func (r row) convergedTo(kind string, parameters []byte) bool {
	return r.Type == kind && r.Parameters.Valid && bytes.Equal([]byte(r.Parameters.String), parameters)
}

func (s *Store) value(ctx context.Context, name string, request Request) (any, error) {
	switch request.Type {
	case TypePassword:
		return password(request.Parameters)
	case TypeUser:
		return user(request.Parameters)
	case TypeRSA:
		return s.rsaKey(request.Parameters)
	case TypeSSH:
		return s.sshKey(request.Parameters)
	default:
		return s.certificate(ctx, name, request.Parameters)
	}
}

const (
	lower   = "abcdefghijklmnopqrstuvwxyz"
	upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits  = "0123456789"
	special = "$!#*+-_.~%&"

	passwordLength = 30
)

// password makes a text of 30 letters and digits: templates put it into CSV, YAML and shell without
// quoting (reference/cluster-manifest.md §18).
func password(parameters map[string]any) (string, error) {
	length, err := integer(parameters, "length", passwordLength)
	if err != nil {
		return "", err
	}
	if length < 4 || length > 200 {
		return "", badRequest("length must be between 4 and 200")
	}
	var alphabet strings.Builder
	for _, part := range []struct {
		excluded bool
		letters  string
	}{
		{boolean(parameters, "exclude_lower"), lower},
		{boolean(parameters, "exclude_upper"), upper},
		{boolean(parameters, "exclude_number"), digits},
		{!boolean(parameters, "include_special"), special},
	} {
		if !part.excluded {
			alphabet.WriteString(part.letters)
		}
	}
	letters := alphabet.String()
	if letters == "" {
		return "", badRequest("the parameters exclude every character")
	}
	text := make([]byte, length)
	for i := range text {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			return "", fmt.Errorf("make a password: %w", err)
		}
		text[i] = letters[n.Int64()]
	}
	return string(text), nil
}

func user(parameters map[string]any) (any, error) {
	secret, err := password(parameters)
	if err != nil {
		return nil, err
	}
	name, _ := parameters["username"].(string)
	if name == "" {
		if name, err = password(map[string]any{"length": 20, "exclude_number": true}); err != nil {
			return nil, err
		}
	}
	return map[string]any{"username": name, "password": secret}, nil
}

func (s *Store) rsaKey(parameters map[string]any) (any, error) {
	key, err := s.keyFor(parameters)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	return map[string]any{
		"private_key": encodePEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)),
		"public_key":  encodePEM("PUBLIC KEY", public),
	}, nil
}

func (s *Store) sshKey(parameters map[string]any) (any, error) {
	key, err := s.keyFor(parameters)
	if err != nil {
		return nil, err
	}
	public, err := ssh.NewPublicKey(&key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	line := strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(public)), "\n")
	if comment, _ := parameters["ssh_comment"].(string); comment != "" {
		line += " " + comment
	}
	fingerprint := md5.Sum(public.Marshal()) // the fingerprint's format, not a signature
	return map[string]any{
		"private_key":            encodePEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)),
		"public_key":             line,
		"public_key_fingerprint": hex.EncodeToString(fingerprint[:]),
	}, nil
}

// keyFor makes a key of the length that the parameters want.
func (s *Store) keyFor(parameters map[string]any) (*rsa.PrivateKey, error) {
	bits, err := keyBits(parameters)
	if err != nil {
		return nil, err
	}
	return s.newKey(bits)
}

func keyBits(parameters map[string]any) (int, error) {
	bits, err := integer(parameters, "key_length", defaultKeyBits)
	if err != nil {
		return 0, err
	}
	switch bits {
	case 2048, 3072, 4096:
		return bits, nil
	default:
		return 0, badRequest("key_length must be 2048, 3072 or 4096")
	}
}

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func boolean(parameters map[string]any, key string) bool {
	value, _ := parameters[key].(bool)
	return value
}

func integer(parameters map[string]any, key string, absent int) (int, error) {
	switch value := parameters[key].(type) {
	case nil:
		return absent, nil
	case int:
		return value, nil
	case int64:
		return int(value), nil
	case float64:
		if value == float64(int(value)) {
			return int(value), nil
		}
	}
	return 0, badRequest("%s must be a whole number", key)
}
