package adapter

import (
	"net/url"
)

// oidcProperties is the plan's "oidc" object: who the API server lets in by ID
// token, such as the platform's UAA (reference/pks-product.md §3.3).
type oidcProperties struct {
	IssuerURL      string `json:"issuer_url"`
	ClientID       string `json:"client_id"`
	CACert         string `json:"ca_cert"` // PEM
	UsernameClaim  string `json:"username_claim"`
	UsernamePrefix string `json:"username_prefix"`
	GroupsClaim    string `json:"groups_claim"`
	GroupsPrefix   string `json:"groups_prefix"`
}

func (o *oidcProperties) check() error {
	const field = "plan.properties.oidc"
	if o == nil {
		return nil
	}
	u, err := url.Parse(o.IssuerURL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return refuse("%s.issuer_url %q is not an https:// address.", field, o.IssuerURL).
			WithRemedy("Give the issuer exactly as it stands in the tokens, such as https://uaa.example.com:8443/oauth/token.")
	}
	if o.ClientID == "" {
		return refuse("%s.client_id is missing.", field).WithRemedy("Give the UAA client that users log in with, such as pks_cluster_client.")
	}
	return nil
}

type oidcCA struct {
	CA string `yaml:"ca"`
}

// oidc adds the flags and the CA file (reference/cluster-manifest.md §8).
func (c *cluster) oidc(p *apiServerProperties) {
	o := c.plan.OIDC
	if o == nil {
		return
	}
	set := func(flag, value string) {
		if value != "" {
			p.Arguments[flag] = value
		}
	}
	set("oidc-issuer-url", o.IssuerURL)
	set("oidc-client-id", o.ClientID)
	set("oidc-username-claim", or(o.UsernameClaim, "user_name"))
	set("oidc-username-prefix", or(o.UsernamePrefix, "oidc:"))
	set("oidc-groups-claim", or(o.GroupsClaim, "roles"))
	set("oidc-groups-prefix", or(o.GroupsPrefix, "oidc:"))
	if o.CACert != "" {
		p.OIDC = &oidcCA{CA: o.CACert}
		set("oidc-ca-file", apiServerFiles+"oidc-ca.pem")
	}
}
