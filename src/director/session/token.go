package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/sync/singleflight"
)

const (
	// renewBefore is how long before its end a token is replaced, so that it does
	// not run out on the way or by a difference between the clocks.
	renewBefore  = 30 * time.Second
	tokenTimeout = 30 * time.Second
)

// tokenSource holds one token for everybody. Whoever finds it stale starts one
// grant, and all who come meanwhile wait for that one, each as long as its own
// context lasts.
type tokenSource struct {
	client Client
	http   *http.Client
	grants singleflight.Group

	mu    sync.Mutex
	uaa   string
	token *oauth2.Token
}

func newTokenSource(c Client, h *http.Client) *tokenSource {
	return &tokenSource{client: c, http: h}
}

func (t *tokenSource) header(ctx context.Context) (string, error) {
	if h, ok := t.current(); ok {
		return h, nil
	}
	grant := t.grants.DoChan("grant", func() (any, error) {
		if h, ok := t.current(); ok {
			return h, nil
		}
		// Not the caller's context: others wait for this grant as well.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenTimeout)
		defer cancel()
		return t.grant(ctx)
	})
	select {
	case <-ctx.Done():
		return "", fmt.Errorf("fetch a token from UAA: %w", ctx.Err())
	case r := <-grant:
		if r.Err != nil {
			return "", fmt.Errorf("fetch a token from UAA: %w", r.Err)
		}
		return r.Val.(string), nil
	}
}

func (t *tokenSource) current() (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == nil || (!t.token.Expiry.IsZero() && time.Until(t.token.Expiry) < renewBefore) {
		return "", false
	}
	return headerOf(t.token), true
}

func (t *tokenSource) grant(ctx context.Context) (string, error) {
	uaa, err := t.uaaURL(ctx)
	if err != nil {
		return "", err
	}
	config := clientcredentials.Config{
		ClientID:     t.client.ID,
		ClientSecret: t.client.Secret.Reveal(),
		TokenURL:     uaa + "/oauth/token",
		// In the form, since UAA decodes the parts of a Basic header by version
		// and setting (reference/uaa.md §2).
		AuthStyle: oauth2.AuthStyleInParams,
	}
	token, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, t.http))
	if err != nil {
		return "", withoutBody(err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.token = token
	return headerOf(token), nil
}

func (t *tokenSource) uaaURL(ctx context.Context) (string, error) {
	t.mu.Lock()
	known := t.uaa
	t.mu.Unlock()
	if known != "" {
		return known, nil
	}
	found, err := t.client.UAA(ctx)
	if err != nil {
		return "", err
	}
	found = strings.TrimSuffix(found, "/")
	t.mu.Lock()
	defer t.mu.Unlock()
	t.uaa = found
	return found, nil
}

// discard forgets the token of header, unless it was replaced in the meantime.
func (t *tokenSource) discard(header string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token != nil && headerOf(t.token) == header {
		t.token = nil
	}
	return true
}

func headerOf(t *oauth2.Token) string { return "Bearer " + t.AccessToken }

// withoutBody keeps what UAA says of the refusal and drops the raw answer.
func withoutBody(err error) error {
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return err
	}
	if refused.ErrorCode == "" {
		return fmt.Errorf("UAA answered %s", refused.Response.Status)
	}
	return fmt.Errorf("UAA answered %s: %s: %s", refused.Response.Status, refused.ErrorCode, refused.ErrorDescription)
}
