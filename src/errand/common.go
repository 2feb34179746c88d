package errand

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

// Common is the part of the configuration that all errands have. Its keys are the
// properties of the BOSH jobs.
type Common struct {
	API Endpoint `yaml:"api"`
	UAA UAA      `yaml:"uaa"`
	// PollingInterval is how often the API is asked how things are.
	PollingInterval time.Duration `yaml:"polling_interval"`
	// RequestTimeout bounds one request.
	RequestTimeout time.Duration `yaml:"request_timeout"`
	// OutageLimit is how long the API or UAA may be away.
	OutageLimit time.Duration `yaml:"outage_limit"`
}

// Endpoint is a server.
type Endpoint struct {
	URL string `yaml:"url"`
	// CA is PEM; it is trusted beside the system's authorities.
	CA string `yaml:"ca"`
}

// UAA says where tokens come from, and for whom. Without a URL the API is asked
// for it.
type UAA struct {
	Endpoint     `yaml:",inline"`
	ClientID     string     `yaml:"client_id"`
	ClientSecret pks.Secret `yaml:"client_secret"`
}

// Base is the common part itself: errands embed it.
func (c *Common) Base() *Common { return c }

func (c *Common) defaults() {
	c.PollingInterval, c.RequestTimeout, c.OutageLimit = 10*time.Second, 2*time.Minute, 10*time.Minute
}

func (c *Common) check() error {
	faults := []error{
		c.API.Check("api", true),
		c.UAA.Check("uaa", false),
		Between("polling_interval", c.PollingInterval, time.Millisecond, time.Hour),
		Between("request_timeout", c.RequestTimeout, time.Millisecond, time.Hour),
		Between("outage_limit", c.OutageLimit, 0, 24*time.Hour),
	}
	if c.UAA.ClientID == "" {
		faults = append(faults, errors.New("uaa.client_id is missing"))
	}
	if c.UAA.ClientSecret == "" {
		faults = append(faults, errors.New("uaa.client_secret is missing"))
	}
	return errors.Join(faults...)
}

// Check wants https: tokens travel there. The text of a bad URL is not repeated,
// since it might hold a password.
func (e Endpoint) Check(key string, needed bool) error {
	if e.URL == "" && needed {
		return fmt.Errorf("%s.url is missing", key)
	}
	if e.URL != "" {
		if parsed, err := url.Parse(e.URL); err != nil || parsed.Scheme != "https" || parsed.Host == "" || parsed.User != nil {
			return fmt.Errorf("%s.url must be a URL of the form https://HOST[:PORT], without a user name", key)
		}
	}
	if _, err := (apiclient.TLS{CA: []byte(e.CA)}).Config(); err != nil {
		return fmt.Errorf("%s.ca: %w", key, err)
	}
	return nil
}

// Between refuses a duration out of its range.
func Between(key string, value, least, most time.Duration) error {
	if value < least || value > most {
		return fmt.Errorf("%s is %s; it must be from %s to %s", key, value, least, most)
	}
	return nil
}

// Patience is how the errand waits for servers that are away.
func (c *Common) Patience(j *Journal) Patience {
	return Patience{Pause: c.PollingInterval, Limit: c.OutageLimit, Note: func(text string) { j.Say("%s", text) }}
}

// connect makes the client of the API. It asks for the address of UAA when the
// configuration does not tell.
func (c *Common) connect(ctx context.Context, journal *Journal, agent string) (*apiclient.Client, func(), error) {
	settings := apiclient.Config{
		URL: c.API.URL, TLS: apiclient.TLS{CA: []byte(c.API.CA)}, Timeout: c.RequestTimeout, UserAgent: agent,
	}
	address := c.UAA.URL
	if address == "" {
		open, err := apiclient.New(settings)
		if err != nil {
			return nil, nil, err
		}
		defer open.Close()
		info, err := Persist(ctx, c.Patience(journal), open.Info)
		if err != nil {
			return nil, nil, fmt.Errorf("ask the API where UAA is: %w", err)
		}
		address = info.UAA.URL
	}
	tls, err := apiclient.TLS{CA: []byte(c.UAA.CA)}.Transport()
	if err != nil {
		return nil, nil, err
	}
	client, err := uaa.NewClient(uaa.ClientConfig{
		Connection: uaa.Connection{URL: address, Transport: tls},
		ClientID:   c.UAA.ClientID, ClientSecret: c.UAA.ClientSecret,
	})
	if err != nil {
		return nil, nil, err
	}
	settings.Tokens = tokens{client.Source()}
	api, err := apiclient.New(settings)
	if err != nil {
		client.Close()
		return nil, nil, err
	}
	return api, func() { api.Close(); client.Close() }, nil
}

// tokens are those of the errand's own UAA client.
type tokens struct{ *uaa.Source }

// Renew gets another token in place of one that the API has refused.
func (t tokens) Renew(ctx context.Context, refused pks.Secret) (pks.Secret, error) {
	t.Invalidate(ctx, refused)
	return t.Token(ctx)
}
