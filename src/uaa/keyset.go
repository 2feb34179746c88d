package uaa

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

const minModulusBits = 2048

// parseKeys reads the document of GET /token_keys. Keys that cannot be read, are
// not RSA signing keys for RS256, or are weak, are passed over: they must not
// make the good ones unusable (reference/uaa.md §16.2). A document without one
// usable key is an error.
func parseKeys(document []byte) (map[string]*rsa.PublicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, errors.New("key set is not a JSON object with an array keys")
	}
	keys := make(map[string]*rsa.PublicKey, len(set.Keys))
	for _, raw := range set.Keys {
		id, key, err := parseKey(raw)
		if err != nil {
			continue
		}
		if _, taken := keys[id]; !taken {
			keys[id] = key
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("none of the %d keys of the key set is usable", len(set.Keys))
	}
	return keys, nil
}

// parseKey looks at the members of RFC 7517 that describe the key itself;
// certificates and vendor members beside them are left out.
func parseKey(raw []byte) (string, *rsa.PublicKey, error) {
	var bare struct {
		Type      string `json:"kty"`
		Use       string `json:"use,omitempty"`
		Algorithm string `json:"alg,omitempty"`
		ID        string `json:"kid"`
		Modulus   string `json:"n"`
		Exponent  string `json:"e"`
	}
	if err := json.Unmarshal(raw, &bare); err != nil {
		return "", nil, fmt.Errorf("key cannot be read: %w", err)
	}
	switch {
	case bare.Type != "RSA":
		return "", nil, fmt.Errorf("key %q is not an RSA key", bare.ID)
	case bare.Use != "" && bare.Use != "sig":
		return "", nil, fmt.Errorf("key %q is not for signatures", bare.ID)
	case bare.Algorithm != "" && bare.Algorithm != string(jose.RS256):
		return "", nil, fmt.Errorf("key %q is not for RS256", bare.ID)
	case bare.ID == "" || len(bare.ID) > maxKeyID:
		return "", nil, errors.New("key has no usable kid")
	}
	plain, err := json.Marshal(bare)
	if err != nil {
		return "", nil, fmt.Errorf("key %q: %w", bare.ID, err)
	}
	var jwk jose.JSONWebKey
	if err := json.Unmarshal(plain, &jwk); err != nil {
		return "", nil, fmt.Errorf("key %q: %w", bare.ID, err)
	}
	key, ok := jwk.Key.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < minModulusBits || key.E < 3 || key.E%2 == 0 {
		return "", nil, fmt.Errorf("key %q is weak", bare.ID)
	}
	return bare.ID, key, nil
}
