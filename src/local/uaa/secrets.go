package uaa

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"golang.org/x/crypto/bcrypt"
)

// hashCost is low: the state belongs to a laptop, and tests log in a lot.
const hashCost = bcrypt.MinCost

// hashSecret makes the stored form of a password. The text is digested first,
// since bcrypt looks at 72 bytes only.
func hashSecret(text string) (string, error) {
	hash, err := bcrypt.GenerateFromPassword(shorten(text), hashCost)
	if err != nil {
		return "", fmt.Errorf("hash secret: %w", err)
	}
	return string(hash), nil
}

func matches(hash, text string) bool {
	return bcrypt.CompareHashAndPassword([]byte(hash), shorten(text)) == nil
}

func shorten(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return []byte(base64.RawStdEncoding.EncodeToString(sum[:]))
}

// randomHex returns 2n hexadecimal digits that nobody can guess.
func randomHex(n int) string {
	bytes := make([]byte, n)
	_, _ = rand.Read(bytes) // never fails
	return hex.EncodeToString(bytes)
}
