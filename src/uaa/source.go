package uaa

import (
	"context"
	"fmt"
	"time"

	"github.com/pks-community/pks-release/src/pks"
)

// renewBefore is how long before its expiry a token is replaced.
const renewBefore = 30 * time.Second

// Source hands out the client's own access token and renews it 30 seconds before
// it expires. It is safe for concurrent use; one caller renews, the others wait.
type Source struct {
	client *Client
	turn   chan struct{} // holds one element: the right to touch tokens
	tokens Tokens
}

// Source makes a token source for the client credentials grant.
func (c *Client) Source() *Source {
	return &Source{client: c, turn: make(chan struct{}, 1)}
}

// Token returns an access token that is good for at least 30 seconds, or until
// its expiry when UAA cannot renew it now. The error is that of
// Client.ClientCredentials, or the context's.
func (s *Source) Token(ctx context.Context) (pks.Secret, error) {
	if err := s.take(ctx); err != nil {
		return "", err
	}
	defer s.give()
	now := s.client.now()
	if s.tokens.Access != "" && now.Before(s.tokens.ExpiresAt.Add(-renewBefore)) {
		return s.tokens.Access, nil
	}
	tokens, err := s.client.ClientCredentials(ctx)
	if err != nil {
		if s.tokens.Access != "" && now.Before(s.tokens.ExpiresAt) {
			return s.tokens.Access, nil
		}
		return "", err
	}
	s.tokens = tokens
	return tokens.Access, nil
}

// Invalidate forgets the token if it is still the one handed out: call it when a
// server refuses the token, then ask for another.
func (s *Source) Invalidate(ctx context.Context, token pks.Secret) {
	if s.take(ctx) != nil {
		return
	}
	defer s.give()
	if s.tokens.Access.Equal(token) {
		s.tokens = Tokens{}
	}
}

func (s *Source) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a token: %w", context.Cause(ctx))
	}
}

func (s *Source) give() { <-s.turn }
