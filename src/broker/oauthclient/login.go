package oauthclient

import (
	"context"
	"fmt"
	"time"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/uaa"
)

const (
	// personsClient is the UAA client by which a person's name and password are
	// taken; it has no secret (reference/on-demand-broker.md §4.2).
	personsClient = "cf"
	// renewBefore is how long before its end a token is replaced.
	renewBefore = 30 * time.Second
)

// login gets tokens with a person's name and password and keeps the last one.
// Whoever finds it stale renews it, and those who come meanwhile wait, each as
// long as its own context lasts.
type login struct {
	client *uaa.Client
	person config.UserCredentials
	turn   chan struct{} // holds one element: the right to touch tokens
	tokens uaa.Tokens
}

func newLogin(c config.CF) (*login, error) {
	client, err := uaa.NewClient(uaa.ClientConfig{
		Connection: uaa.Connection{URL: c.UAA.URL, CA: []byte(c.RootCACert), SkipTLSVerification: c.DisableSSLCertVerification},
		ClientID:   personsClient,
	})
	if err != nil {
		return nil, err
	}
	return &login{client: client, person: c.UAA.Authentication.UserCredentials, turn: make(chan struct{}, 1)}, nil
}

func (l *login) token(ctx context.Context) (pks.Secret, error) {
	if err := l.take(ctx); err != nil {
		return "", err
	}
	defer l.give()
	if l.tokens.Access != "" && time.Until(l.tokens.ExpiresAt) > renewBefore {
		return l.tokens.Access, nil
	}
	tokens, err := l.client.Password(ctx, l.person.Username, l.person.Password)
	if err != nil {
		return "", fmt.Errorf("log in at UAA as %s: %w", l.person.Username, err)
	}
	l.tokens = tokens
	return tokens.Access, nil
}

// forget drops a token that was refused, unless it has been replaced meanwhile.
func (l *login) forget(ctx context.Context, token pks.Secret) {
	if l.take(ctx) != nil {
		return
	}
	defer l.give()
	if l.tokens.Access.Equal(token) {
		l.tokens = uaa.Tokens{}
	}
}

func (l *login) take(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a token of UAA: %w", ctx.Err())
	}
}

func (l *login) give() { <-l.turn }
