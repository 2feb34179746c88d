package uaa

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// maxTokenBytes bounds what is looked at; UAA's tokens are about 1 KiB.
const maxTokenBytes = 16 << 10

const maxKeyID = 256

// header holds the members of a JWS header that decide. The members jku, jwk,
// x5u and x5c are ignored: a token never says where its own key is.
type header struct {
	Algorithm string           `json:"alg"`
	KeyID     *string          `json:"kid"`
	Critical  *json.RawMessage `json:"crit"`
}

// openJWT applies rules 2 to 6 of reference/uaa.md §16.1 and returns the claims
// and the version of the key set that vouches for them.
func (v *Verifier) openJWT(ctx context.Context, raw string) ([]byte, uint64, error) {
	head, err := parseHeader(raw)
	if err != nil {
		return nil, 0, refuse("token is malformed: %w", err)
	}
	if head.Algorithm != string(jose.RS256) {
		return nil, 0, refuse("algorithm %q is not RS256", clip(head.Algorithm))
	}
	if head.Critical != nil {
		return nil, 0, refuse("header crit is not supported")
	}
	if head.KeyID == nil || *head.KeyID == "" || len(*head.KeyID) > maxKeyID {
		return nil, 0, refuse("header kid is missing or too long")
	}
	signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, 0, refuse("token is malformed: not a compact JWS")
	}
	key, version, err := v.keys.find(ctx, *head.KeyID)
	if err != nil {
		return nil, 0, err
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return nil, 0, refuse("signature does not match key %q", clip(*head.KeyID))
	}
	return payload, version, nil
}

func parseHeader(raw string) (header, error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return header{}, fmt.Errorf("it has %d parts", len(parts))
	}
	encoding := base64.RawURLEncoding.Strict()
	for _, part := range parts {
		if part == "" {
			return header{}, fmt.Errorf("a part is empty")
		}
		if strings.ContainsAny(part, "\r\n") {
			return header{}, fmt.Errorf("a part is not base64url without padding")
		}
		if _, err := encoding.DecodeString(part); err != nil {
			return header{}, fmt.Errorf("a part is not base64url without padding")
		}
	}
	decoded, err := encoding.DecodeString(parts[0])
	if err != nil {
		return header{}, fmt.Errorf("a part is not base64url without padding")
	}
	var head header
	if err := json.Unmarshal(decoded, &head); err != nil {
		return header{}, fmt.Errorf("header: %w", cleanJSONError(err))
	}
	return head, nil
}
