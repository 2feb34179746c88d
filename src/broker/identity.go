package broker

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
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

// newContextID makes the id of one attempt: the prefix, the mark of what the
// operation consists of, and a number of its own, so that a lost answer is found
// again and never mistaken for an earlier attempt. At most 64 characters.
func newContextID(prefix, mark string) string {
	var nonce [4]byte
	_, _ = rand.Read(nonce[:]) // never fails (crypto/rand)
	return prefix + mark + "-" + hex.EncodeToString(nonce[:])
}

// contextID is the id under which an operation of this broker begins.
func (b *Broker) contextID(prefix string, d operationData) string {
	return newContextID(prefix, operationMark(b.config.ServiceCatalog.ID, d.OperationType, d.Errands))
}

// operationMark is a digest of an operation's steps. From it a broker that was
// started anew tells which of the operations that it can make the tasks belong to;
// those of other offerings have other marks.
func operationMark(service string, kind operationType, errands []errand) string {
	own := []errand{}
	for _, e := range errands {
		own = append(own, errand{e.Name, append([]string{}, e.Instances...)})
	}
	sum := sha256.Sum256(canonical([]any{service, kind, own}))
	return hex.EncodeToString(sum[:4])
}

var contextForm = regexp.MustCompile(`^[a-z]+-.+-([0-9a-f]{8})-[0-9a-f]{8}$`)

// markOf is the mark in a context id of this broker's making.
func markOf(contextID string) (string, bool) {
	found := contextForm.FindStringSubmatch(contextID)
	if found == nil {
		return "", false
	}
	return found[1], true
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
