package session

import (
	"fmt"
	"time"

	yaml "gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/pks"
)

// Credentials is what creds.yml holds. The first six keys are the original's, and
// scripts read access_token; the others are additions. Keys of other makes are
// kept.
type Credentials struct {
	API      string     `yaml:"api"`
	CACert   string     `yaml:"ca_cert"` // PEM
	Username string     `yaml:"username"`
	SkipTLS  bool       `yaml:"skip_ssl_verification"`
	Access   pks.Secret `yaml:"access_token"`
	Refresh  pks.Secret `yaml:"refresh_token"`

	Target  string `yaml:"target,omitempty"` // name of the place; its host when empty
	UAA     string `yaml:"uaa_url,omitempty"`
	Timeout int    `yaml:"timeout,omitempty"` // seconds; 0 for the default

	Other map[string]any `yaml:",inline"`
}

// LoggedIn tells whether there is a token to try.
func (c Credentials) LoggedIn() bool { return c.Access != "" || c.Refresh != "" }

// TLS says how certificates of the API and of UAA are checked.
func (c Credentials) TLS() apiclient.TLS {
	return apiclient.TLS{CA: []byte(c.CACert), SkipVerify: c.SkipTLS}
}

// RequestTimeout bounds one request to the API.
func (c Credentials) RequestTimeout() time.Duration {
	if c.Timeout <= 0 {
		return apiclient.DefaultTimeout
	}
	return time.Duration(c.Timeout) * time.Second
}

func parseCredentials(content []byte) (Credentials, error) {
	var c Credentials
	if err := yaml.Unmarshal(content, &c); err != nil {
		return Credentials{}, fmt.Errorf("it is not the YAML that was expected: %w", hideContent(err))
	}
	return c, nil
}

// hideContent keeps the YAML library from quoting what may be a token.
func hideContent(err error) error {
	if _, ok := err.(*yaml.TypeError); ok { // returned as is by yaml.Unmarshal
		return errWrongTypes
	}
	return err
}

func (c Credentials) encode() ([]byte, error) {
	content, err := yaml.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("write the credentials as YAML: %w", err)
	}
	return content, nil
}
