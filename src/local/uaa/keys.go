package uaa

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const keyBits = 2048

// keyMaterial is the parsed form of the key rows.
type keyMaterial struct {
	active  string
	signer  jose.Signer
	public  map[string]*rsa.PublicKey
	order   []string
	changed time.Time
}

func (s *Server) bootstrapKeys(first *rsa.PrivateKey) error {
	if len(s.model.keys.rows) == 0 {
		if err := s.addKey("key-1", first); err != nil {
			return err
		}
	}
	return s.parseKeys()
}

// RotateKey makes a new signing key and signs with it from now on. The key used
// until now goes on verifying; one before it, if any, stops. It returns the new
// key's id.
func (s *Server) RotateKey() (string, error) {
	var newest int
	s.read(func(m *model) {
		for id := range m.keys.rows {
			if n, err := strconv.Atoi(id[len("key-"):]); err == nil {
				newest = max(newest, n)
			}
		}
	})
	id := fmt.Sprintf("key-%d", newest+1)
	if err := s.addKey(id, nil); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return id, s.parseKeys()
}

// addKey stores a key, generated unless given, as the active one.
func (s *Server) addKey(id string, key *rsa.PrivateKey) error {
	if key == nil {
		var err error
		if key, err = rsa.GenerateKey(rand.Reader, keyBits); err != nil {
			return fmt.Errorf("generate signing key: %w", err)
		}
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode signing key: %w", err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return s.update(func(m *model, c *change) error {
		for old, row := range m.keys.rows {
			if row.Active {
				row.Active = false
				put(c, m.keys, old, row)
			} else {
				drop(c, m.keys, old)
			}
		}
		put(c, m.keys, id, keyRow{ID: id, PEM: text, Active: true, Made: s.now()})
		return nil
	})
}

// parseKeys is called with mu held, or before the server runs.
func (s *Server) parseKeys() error {
	material := &keyMaterial{public: map[string]*rsa.PublicKey{}}
	for _, row := range s.model.keys.sorted() {
		block, _ := pem.Decode([]byte(row.PEM))
		if block == nil {
			return fmt.Errorf("signing key %s is not PEM", row.ID)
		}
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return fmt.Errorf("signing key %s: %w", row.ID, err)
		}
		key, ok := parsed.(*rsa.PrivateKey)
		if !ok {
			return fmt.Errorf("signing key %s is not an RSA key", row.ID)
		}
		material.public[row.ID] = &key.PublicKey
		material.order = append(material.order, row.ID)
		if row.Made.After(material.changed) {
			material.changed = row.Made
		}
		if row.Active {
			options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("jku", s.base+"/token_keys")
			material.active = row.ID
			material.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256,
				Key: jose.JSONWebKey{Key: key, KeyID: row.ID}}, options)
			if err != nil {
				return fmt.Errorf("use signing key %s: %w", row.ID, err)
			}
		}
	}
	if material.signer == nil {
		return errors.New("no signing key is active")
	}
	s.signer = material
	return nil
}

func (s *Server) keyring() *keyMaterial {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.signer
}

type jsonKey struct {
	Type      string `json:"kty"`
	Exponent  string `json:"e"`
	Use       string `json:"use"`
	ID        string `json:"kid"`
	Algorithm string `json:"alg"`
	Value     string `json:"value"`
	Modulus   string `json:"n"`
}

func (k *keyMaterial) document(id string) (jsonKey, error) {
	key := k.public[id]
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return jsonKey{}, fmt.Errorf("encode public key: %w", err)
	}
	return jsonKey{
		Type: "RSA", Use: "sig", ID: id, Algorithm: "RS256",
		Value:    string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		Modulus:  base64url(key.N.Bytes()),
		Exponent: base64url(bigEndian(key.E)),
	}, nil
}

// tokenKeys answers GET /token_keys (reference/uaa.md §6.1).
func (s *Server) tokenKeys(w http.ResponseWriter, r *http.Request) error {
	keys := s.keyring()
	tag := strconv.Quote(strconv.FormatInt(keys.changed.UnixMilli(), 10))
	w.Header().Set("ETag", tag)
	if slices.Contains(r.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	documents := make([]jsonKey, 0, len(keys.order))
	for _, id := range keys.order {
		document, err := keys.document(id)
		if err != nil {
			return err
		}
		documents = append(documents, document)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"keys": documents})
}

// tokenKey answers GET /token_key: the active key.
func (s *Server) tokenKey(w http.ResponseWriter, _ *http.Request) error {
	keys := s.keyring()
	document, err := keys.document(keys.active)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, document)
}
