package oauthclient

import (
	"crypto/rand"
	"slices"
	"strings"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/pks"
)

const (
	// spacePlaceholder in a definition stands for the space of the instance.
	spacePlaceholder = "ODB_SPACE_GUID"
	// placeholderURI is where grants that redirect go until the dashboard is known.
	placeholderURI = "https://placeholder.example.com"
	// publicSecret is what UAA wants of a client that may be used without a secret.
	publicSecret = "-"
	secretLength = 32
	// placeholderSecret is that of a client which is not made.
	placeholderSecret = "made-together-with-the-instance"
)

// Client is an instance's client in the form that service adapters are given:
// lists are joined by commas.
type Client struct {
	ID          string     `json:"client_id"`
	Secret      pks.Secret `json:"client_secret"` // empty but for who made the client
	Name        string     `json:"name"`
	Scopes      string     `json:"scopes"`
	ResourceIDs string     `json:"resource_ids"`
	Authorities string     `json:"authorities"`
	GrantTypes  string     `json:"authorized_grant_types"`
	RedirectURI string     `json:"redirect_uri"`
	AllowPublic string     `json:"allowpublic"`
}

// Instance is whose client it is.
type Instance struct {
	ID        string
	SpaceGUID string // of the platform's context; may be empty
	Name      string // likewise
}

// of makes the client that the definition describes, without a secret.
func of(d config.ClientDefinition, i Instance) Client {
	fill := strings.NewReplacer(spacePlaceholder, i.SpaceGUID)
	c := Client{
		ID: i.ID, Name: d.Name,
		Scopes: fill.Replace(d.Scopes), ResourceIDs: fill.Replace(d.ResourceIDs), Authorities: fill.Replace(d.Authorities),
		GrantTypes: d.GrantTypes, AllowPublic: d.AllowPublic,
	}
	if c.Name == "" {
		c.Name = i.Name
	}
	if c.has("implicit") || c.has("authorization_code") {
		c.RedirectURI = placeholderURI
	}
	return c
}

func (c Client) has(grant string) bool { return slices.Contains(split(c.GrantTypes), grant) }

func (c Client) newSecret() pks.Secret {
	return c.secret(pks.Secret((rand.Text() + rand.Text())[:secretLength]))
}

// secret is made, where the grant types want one that nobody can guess.
func (c Client) secret(made pks.Secret) pks.Secret {
	switch {
	case c.has("implicit"):
		return ""
	case c.AllowPublic == "true":
		return publicSecret
	}
	return made
}

// wire is a client as UAA reads and writes it (reference/uaa.md §11).
type wire struct {
	ID          string   `json:"client_id"`
	Secret      string   `json:"client_secret,omitempty"`
	Name        string   `json:"name,omitempty"`
	Scopes      []string `json:"scope,omitempty"`
	ResourceIDs []string `json:"resource_ids,omitempty"`
	Authorities []string `json:"authorities,omitempty"`
	GrantTypes  []string `json:"authorized_grant_types"`
	RedirectURI []string `json:"redirect_uri,omitempty"`
	AllowPublic bool     `json:"allowpublic,omitempty"`
}

func (c Client) wire() wire {
	return wire{
		ID: c.ID, Secret: c.Secret.Reveal(), Name: c.Name,
		Scopes: split(c.Scopes), ResourceIDs: split(c.ResourceIDs), Authorities: split(c.Authorities),
		GrantTypes: split(c.GrantTypes), RedirectURI: split(c.RedirectURI), AllowPublic: c.AllowPublic == "true",
	}
}

func (w wire) client() Client {
	c := Client{
		ID: w.ID, Name: w.Name, Scopes: join(w.Scopes), ResourceIDs: join(w.ResourceIDs), Authorities: join(w.Authorities),
		GrantTypes: join(w.GrantTypes), RedirectURI: join(w.RedirectURI),
	}
	if w.AllowPublic {
		c.AllowPublic = "true"
	}
	return c
}

func join(list []string) string { return strings.Join(list, ",") }

func split(list string) []string {
	var all []string
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one != "" {
			all = append(all, one)
		}
	}
	return all
}
