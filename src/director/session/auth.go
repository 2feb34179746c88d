package session

import (
	"context"
	"encoding/base64"

	"github.com/pks-community/pks-release/src/pks"
)

// authenticator gives the value of the Authorization header.
type authenticator interface {
	header(ctx context.Context) (string, error)
	// discard is told that a header was refused, and tells whether another can be had.
	discard(header string) bool
}

type basic struct {
	username string
	password pks.Secret
}

func (b basic) header(context.Context) (string, error) {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(b.username+":"+b.password.Reveal())), nil
}

func (basic) discard(string) bool { return false }

type nobody struct{}

func (nobody) header(context.Context) (string, error) { return "", nil }
func (nobody) discard(string) bool                    { return false }
