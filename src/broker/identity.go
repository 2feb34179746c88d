package broker

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// contextPrefix is the part of a BOSH context id that every request for the same
// has in common: the kind of operation and a digest of what is asked. By it a
// repeated request finds the operation that it already began, without a database.
func contextPrefix(kind operationType, parts ...any) string {
	h := sha256.New()
	for _, part := range parts {
		text := canonical(part)
		sum := sha256.Sum256(text) // each of one length, so that none runs into the next
		h.Write(sum[:])
	}
	return string(kind) + "-" + hex.EncodeToString(h.Sum(nil))[:24] + "-"
}

// newContextID makes the id of one attempt, so that a lost answer is found again
// and never mistaken for an earlier attempt. At most 64 characters.
func newContextID(prefix string) string {
	var nonce [4]byte
	_, _ = rand.Read(nonce[:]) // never fails (crypto/rand)
	return prefix + hex.EncodeToString(nonce[:])
}

func inContext(contextID, prefix string) bool { return strings.HasPrefix(contextID, prefix) }

// canonical is JSON with sorted keys and no blanks; what is not JSON stays as it is.
func canonical(v any) []byte {
	text, err := json.Marshal(v)
	if raw, ok := v.(json.RawMessage); ok {
		text, err = raw, nil
	}
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return text
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return text
	}
	sorted, err := json.Marshal(value)
	if err != nil {
		return text
	}
	return sorted
}
