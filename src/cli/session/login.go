package session

import (
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

	Username string
	Password pks.Secret

	Passcode pks.Secret // one-time code of a person; wins over Username

	ClientName   string // wins over both
	ClientSecret pks.Secret
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

func (l Login) grant(ctx context.Context, address string) (tokens uaa.Tokens, name string, err error) {
	id, secret := cliClient, pks.Secret("")
	if l.ClientName != "" {
		id, secret = l.ClientName, l.ClientSecret
	}
	client, err := newUAA(address, l.TLS, id, secret)
	if err != nil {
		return uaa.Tokens{}, "", err
	}
	defer client.Close()
	if l.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.Timeout)
		defer cancel()
	}
	if l.ClientName != "" {
		tokens, err = client.ClientCredentials(ctx)
		return tokens, l.ClientName, err
	}
	if l.Passcode != "" {
		tokens, err = client.Passcode(ctx, l.Passcode)
		return tokens, userName(tokens.Access), err
	}
	tokens, err = client.Password(ctx, l.Username, l.Password)
	return tokens, l.Username, err
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
