package stack

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/google/renameio/v2"
	"gopkg.in/yaml.v3"

	"github.com/pks-community/pks-release/src/pks"
)

// Secrets are the passwords of one stack, drawn at first start. The file is
// readable by its owner alone, and people read it: 'pks-local status' names it.
type Secrets struct {
	AdminUser     pks.Secret `yaml:"admin_password"`     // user admin, scope pks.clusters.admin
	DeveloperUser pks.Secret `yaml:"developer_password"` // user developer, scope pks.clusters.manage
	ViewerUser    pks.Secret `yaml:"viewer_password"`    // user viewer, scope pks.clusters.admin.read
	UAAAdmin      pks.Secret `yaml:"uaa_admin_client_secret"`
	PKSClient     pks.Secret `yaml:"pks_client_secret"`
	BrokerClient  pks.Secret `yaml:"pks_broker_client_secret"`
	DirectorAdmin pks.Secret `yaml:"director_admin_client_secret"`
	ErrandsClient pks.Secret `yaml:"pks_errands_client_secret"`
	BrokerBasic   pks.Secret `yaml:"broker_password"`
	// InstancesBasic is the broker's, for the list of service instances of pks-api.
	InstancesBasic pks.Secret `yaml:"service_instances_password"`
}

const secretsHeader = `# Passwords of this embedded PKS, drawn at first start. Users of the pks CLI:
# admin, developer and viewer. The UAA client for the bosh CLI: bosh_admin.
`

// ensureSecrets reads the secrets, or draws and stores them.
func ensureSecrets(l Layout) (Secrets, error) {
	var s Secrets
	raw, err := os.ReadFile(l.Secrets())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("read the secrets: %w", err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	if len(raw) > 0 {
		if err := decoder.Decode(&s); err != nil {
			return s, fmt.Errorf("read %s: it is damaged; mend it, or begin anew with 'pks-local reset'", l.Secrets())
		}
	}
	changed := false
	for _, field := range []*pks.Secret{
		&s.AdminUser, &s.DeveloperUser, &s.ViewerUser, &s.UAAAdmin, &s.PKSClient, &s.BrokerClient, &s.DirectorAdmin, &s.BrokerBasic,
		&s.InstancesBasic, &s.ErrandsClient,
	} {
		if *field == "" {
			*field = pks.Secret(rand.Text())
			changed = true
		}
	}
	if !changed {
		return s, nil
	}
	out, err := yaml.Marshal(s)
	if err != nil {
		return s, fmt.Errorf("encode the secrets: %w", err)
	}
	if err := renameio.WriteFile(l.Secrets(), append([]byte(secretsHeader), out...), 0o600); err != nil {
		return s, fmt.Errorf("write the secrets: %w", err)
	}
	return s, nil
}

// ReadSecrets reads what a first start has stored.
func ReadSecrets(l Layout) (Secrets, error) {
	if _, err := os.Stat(l.Secrets()); err != nil {
		return Secrets{}, fmt.Errorf("no stack was started in %s yet: run 'pks-local up'", l.Dir)
	}
	return ensureSecrets(l)
}
