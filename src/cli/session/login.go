package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/pks"
	"github.com/pks-community/pks-release/src/uaa"
)

// Login is what somebody logs in with: a user and a password, or a client and
// its secret.
type Login struct {
	Target    Target
	Name      string // of the target; its host when empty
	TLS       apiclient.TLS
	Timeout   time.Duration // of a request; 0 for the default
	UserAgent string
	UAA       string // its address; the API is asked for it when empty

	Username string
	Password pks.Secret

	Passcode pks.Secret // one-time code of a person; wins over Username
	Code     Code       // what a browser brought back; wins over Passcode

	ClientName   string // wins over all
	ClientSecret pks.Secret
}

// Code is an authorization code, and what proves that it was asked for here.
type Code struct {
	Code, Verifier pks.Secret
	Redirect       string
}

// Login gets tokens and stores them with the address they are for.
func (s *Store) Login(ctx context.Context, login Login) error {
	address, err := findUAA(ctx, login)
	if err != nil {
		return err
	}
	tokens, name, err := login.grant(ctx, address)
	if err != nil {
		return err
	}
	return s.Settle(ctx, Credentials{
		API:      login.Target.API,
		Target:   login.Name,
		CACert:   string(login.TLS.CA),
		Username: name,
		SkipTLS:  login.TLS.SkipVerify,
		Access:   tokens.Access,
		Refresh:  tokens.Refresh,
		UAA:      address,
		Timeout:  int(login.Timeout / time.Second),
	})
}

// Logout forgets the tokens, and nothing else, so that the next login knows the
// address and its CA. It tells whether there were any.
func (s *Store) Logout(ctx context.Context) (was bool, err error) {
	c, err := s.Load()
	if err != nil {
		return false, err
	}
	if !c.LoggedIn() {
		return false, nil
	}
	err = s.Change(ctx, func(_ context.Context, c *Credentials) error {
		c.Access, c.Refresh = "", ""
		return nil
	})
	return true, err
}

// findUAA asks the API where its UAA is. Servers of other makes do not tell; for
// them it is on the same host.
func findUAA(ctx context.Context, login Login) (string, error) {
	if login.UAA != "" {
		return login.UAA, nil
	}
	client, err := apiclient.New(apiclient.Config{URL: login.Target.API, TLS: login.TLS, Timeout: login.Timeout, UserAgent: login.UserAgent})
	if err != nil {
		return "", err
	}
	defer client.Close()
	info, err := client.Info(ctx)
	if err != nil {
		_, refused := errors.AsType[*apiclient.Error](err)
		_, other := errors.AsType[*apiclient.NotAPIError](err)
		if refused || other {
			return login.Target.UAA, nil
		}
		return "", err
	}
	if info.UAA.URL == "" {
		return login.Target.UAA, nil
	}
	if parsed, err := url.Parse(info.UAA.URL); err != nil || parsed.Scheme != "https" || parsed.Host == "" {
		return "", fmt.Errorf("the API names %q as its UAA, which is no https address", info.UAA.URL)
	}
	return info.UAA.URL, nil
}

// PasscodeURL is the page on which a person gets a one-time code.
func PasscodeURL(ctx context.Context, login Login) (string, error) {
	address, err := findUAA(ctx, login)
	if err != nil {
		return "", err
	}
	client, err := newUAA(address, login.TLS, cliClient, "")
	if err != nil {
		return "", err
	}
	defer client.Close()
	info, err := client.Info(ctx)
	if err != nil || info.PasscodeURL == "" {
		return address + "/passcode", err
	}
	return info.PasscodeURL, nil
}

// AuthorizeURL is the page on which a person logs in with a browser. The client is
// the one that the tokens are for; empty: that of this program.
func AuthorizeURL(ctx context.Context, login Login, id, redirect, state string, verifier pks.Secret) (string, error) {
	address, err := findUAA(ctx, login)
	if err != nil {
		return "", err
	}
	client, err := newUAA(address, login.TLS, cmp.Or(id, cliClient), "")
	if err != nil {
		return "", err
	}
	defer client.Close()
	return client.AuthorizeURL(redirect, state, verifier), nil
}

func (l Login) grant(ctx context.Context, address string) (tokens uaa.Tokens, name string, err error) {
	if l.ClientName == "" {
		return l.person(ctx, address, cliClient)
	}
	client, err := newUAA(address, l.TLS, l.ClientName, l.ClientSecret)
	if err != nil {
		return uaa.Tokens{}, "", err
	}
	defer client.Close()
	ctx, cancel := l.bound(ctx)
	defer cancel()
	tokens, err = client.ClientCredentials(ctx)
	return tokens, l.ClientName, err
}

// person gets a person's tokens for a client that has no secret.
func (l Login) person(ctx context.Context, address, id string) (tokens uaa.Tokens, name string, err error) {
	client, err := newUAA(address, l.TLS, id, "")
	if err != nil {
		return uaa.Tokens{}, "", err
	}
	defer client.Close()
	ctx, cancel := l.bound(ctx)
	defer cancel()
	switch {
	case l.Code.Code != "":
		tokens, err = client.AuthorizationCode(ctx, l.Code.Code, l.Code.Verifier, l.Code.Redirect)
	case l.Passcode != "":
		tokens, err = client.Passcode(ctx, l.Passcode)
	default:
		tokens, err = client.Password(ctx, l.Username, l.Password)
		return tokens, l.Username, err
	}
	return tokens, userName(tokens.Access), err
}

func (l Login) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if l.Timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, l.Timeout)
}

func newUAA(address string, check apiclient.TLS, id string, secret pks.Secret) (*uaa.Client, error) {
	transport, err := check.Transport()
	if err != nil {
		return nil, err
	}
	return uaa.NewClient(uaa.ClientConfig{
		Connection:   uaa.Connection{URL: address, Transport: transport},
		ClientID:     id,
		ClientSecret: secret,
	})
}
