package pks

import (
	"crypto/sha256"
	"crypto/subtle"
)

// BasicCredentials are the user name and the password of one login by basic
// authentication (RFC 7617). The zero value lets nobody in.
type BasicCredentials struct {
	Username string
	Password Secret
}

// Set tells whether there are credentials at all.
func (c BasicCredentials) Set() bool { return c.Username != "" && c.Password != "" }

// Match tells whether a login is the right one, in time that depends neither on
// where texts differ nor on how long the right ones are: it compares digests, and
// always both.
func (c BasicCredentials) Match(username, password string) bool {
	names := subtle.ConstantTimeCompare(digest(username), digest(c.Username))
	passwords := subtle.ConstantTimeCompare(digest(password), digest(c.Password.Reveal()))
	return names&passwords == 1 && c.Set()
}

func digest(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}
