package e2e

import (
	"crypto/rsa"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// forge makes tokens with the UAA's own key, so that only what a test changes is
// wrong with them.
type forge struct {
	t      *testing.T
	claims map[string]any // of a good token
	header map[string]any
	key    *rsa.PrivateKey
}

func newForge(s *stack) forge {
	s.t.Helper()
	f := forge{t: s.t, key: signingKey(s)}
	parts := strings.Split(s.token("admin"), ".")
	for i, into := range []*map[string]any{&f.header, &f.claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			s.t.Fatal(err)
		}
		if err := json.Unmarshal(raw, into); err != nil {
			s.t.Fatal(err)
		}
	}
	return f
}

// signingKey reads the key from the stack's own folder, where only its owner can.
func signingKey(s *stack) *rsa.PrivateKey {
	s.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(s.dir, "uaa", "uaa.db"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	var body string
	if err := db.QueryRowContext(s.t.Context(), `SELECT body FROM documents WHERE kind = 'key'`).Scan(&body); err != nil {
		s.t.Fatal(err)
	}
	var row struct{ PEM string }
	if err := json.Unmarshal([]byte(body), &row); err != nil {
		s.t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(row.PEM))
	if block == nil {
		s.t.Fatal("the signing key is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		s.t.Fatal(err)
	}
	return key.(*rsa.PrivateKey)
}

// rs256 is the good token with some claims changed.
func (f forge) rs256(changes map[string]any) string {
	f.t.Helper()
	return f.sign(jose.SigningKey{Algorithm: jose.RS256, Key: f.key}, changes)
}

// hs256 is signed with the public key as if that were a shared secret.
func (f forge) hs256() string {
	f.t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&f.key.PublicKey)
	if err != nil {
		f.t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return f.sign(jose.SigningKey{Algorithm: jose.HS256, Key: public}, nil)
}

// none claims to need no signature.
func (f forge) none() string {
	f.t.Helper()
	header := map[string]any{"alg": "none", "typ": "JWT", "kid": f.header["kid"]}
	return f.encode(header) + "." + f.encode(f.claims) + "."
}

func (f forge) expired() string {
	past := time.Now().Add(-time.Hour).Unix()
	return f.rs256(map[string]any{"iat": past - 600, "auth_time": past - 600, "exp": past})
}

func (f forge) sign(key jose.SigningKey, changes map[string]any) string {
	f.t.Helper()
	claims := map[string]any{}
	for k, v := range f.claims {
		claims[k] = v
	}
	for k, v := range changes {
		claims[k] = v
	}
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", f.header["kid"])
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		f.t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		f.t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		f.t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		f.t.Fatal(err)
	}
	return token
}

func (f forge) encode(v any) string {
	f.t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		f.t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}
