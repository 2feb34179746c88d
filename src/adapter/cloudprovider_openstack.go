package adapter

import "github.com/pks-community/pks-release/src/pks"

// openstackProvider are the credentials of a project.
type openstackProvider struct {
	AuthURL  string     `json:"auth_url"`
	Domain   string     `json:"domain"`
	TenantID string     `json:"tenant_id"`
	Region   string     `json:"region"`
	Username string     `json:"username"`
	Password pks.Secret `json:"password"`
	CACert   string     `json:"ca_cert"` // PEM
}

type openstackTrust struct {
	CAFile string `yaml:"ca-file"`
}

func (*openstackProvider) jobType() string { return "openstack" }

func (o *openstackProvider) check(field string) error {
	return missing(field, [2]string{"auth_url", o.AuthURL}, [2]string{"domain", o.Domain}, [2]string{"tenant_id", o.TenantID},
		[2]string{"region", o.Region}, [2]string{"username", o.Username}, [2]string{"password", o.Password.Reveal()})
}

func (o *openstackProvider) properties(c *cluster, _ string) cloudProviderProperties {
	p := cloudProviderProperties{
		Provider: cloudProviderSettings{Type: o.jobType()},
		Config: map[string]any{"Global": map[string]any{
			"auth-url": o.AuthURL, "domain-name": o.Domain, "tenant-id": o.TenantID,
			"region": o.Region, "username": o.Username, "password": c.hide("openstack_password", o.Password.Reveal()),
		}},
	}
	if o.CACert != "" {
		p.Provider.OpenStack = &openstackTrust{CAFile: o.CACert}
	}
	return p
}

func (*openstackProvider) extensions(string) []string      { return nil }
func (*openstackProvider) tags(*cluster) map[string]string { return nil }
