package uaa

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// bootstrap adds what is configured and absent. Of what is there it alters one
// thing: configured clients gain grants and redirect addresses that they lack, as
// a newer version of the product may want more of them.
func (s *Server) bootstrap(c Config) error {
	for _, name := range defaultUserGroups() {
		if err := s.ensureGroup(Group{Name: name}); err != nil {
			return err
		}
	}
	for _, g := range c.Groups {
		if err := s.ensureGroup(g); err != nil {
			return err
		}
	}
	for _, client := range c.Clients {
		if err := s.ensureClient(client); err != nil {
			return fmt.Errorf("client %s: %w", client.ID, err)
		}
	}
	for _, user := range c.Users {
		if err := s.ensureUser(user); err != nil {
			return fmt.Errorf("user %s: %w", user.Name, err)
		}
	}
	return nil
}

func (s *Server) ensureGroup(g Group) error {
	return s.update(func(m *model, c *change) error {
		if _, ok := m.groupNamed(g.Name); !ok {
			now := s.now()
			row := groupRow{ID: uuid.NewString(), Name: g.Name, Description: g.Description, Created: now, Modified: now}
			put(c, m.groups, row.ID, row)
		}
		return nil
	})
}

func (s *Server) ensureClient(client Client) error {
	hash, err := hashSecret(client.Secret.Reveal())
	if err != nil {
		return err
	}
	return s.update(func(m *model, c *change) error {
		if row, ok := m.clients.rows[client.ID]; ok {
			if row.gain(client) {
				row.Modified = s.now()
				put(c, m.clients, row.ID, row)
			}
			return nil
		}
		row := clientRow{
			ID: client.ID, Hashes: []string{hash}, Grants: client.GrantTypes, Scopes: client.Scopes,
			Authorities: client.Authorities, RedirectURIs: client.RedirectURIs,
			AutoApprove: client.AutoApprove, AllowPublic: client.AllowPublic,
			AccessSeconds:  int64(client.AccessTokenValidity.Seconds()),
			RefreshSeconds: int64(client.RefreshTokenValidity.Seconds()),
			Modified:       s.now(),
		}
		row.normalise()
		if slices.Contains(row.Grants, "client_credentials") && client.Secret == "" {
			return fmt.Errorf("client_credentials needs a secret")
		}
		put(c, m.clients, row.ID, row)
		return nil
	})
}

// gain adds what the client lacks, and tells whether that was anything.
func (c *clientRow) gain(client Client) (changed bool) {
	missing := func(have *[]string, wanted []string) {
		for _, one := range wanted {
			if !slices.Contains(*have, one) {
				*have, changed = append(slices.Clone(*have), one), true
			}
		}
	}
	missing(&c.Grants, client.GrantTypes)
	missing(&c.RedirectURIs, client.RedirectURIs)
	if changed {
		c.normalise()
	}
	return changed
}

func (s *Server) ensureUser(user User) error {
	var exists bool
	s.read(func(m *model) { _, exists = m.userNamed(user.Name, originUAA) })
	if exists {
		return nil
	}
	if user.Password == "" {
		return fmt.Errorf("password is not set")
	}
	hash, err := hashSecret(user.Password.Reveal())
	if err != nil {
		return err
	}
	for _, name := range user.Groups {
		if err := s.ensureGroup(Group{Name: name}); err != nil {
			return err
		}
	}
	email := user.Email
	if email == "" {
		email = user.Name
		if !strings.Contains(email, "@") {
			email += "@localhost"
		}
	}
	return s.update(func(m *model, c *change) error {
		now := s.now()
		row := userRow{
			ID: uuid.NewString(), Name: user.Name, Origin: originUAA, Hash: hash, Salt: randomHex(8),
			Given: user.GivenName, Family: user.FamilyName, Emails: []emailRow{{email, true}},
			Active: true, Verified: true, Created: now, Modified: now, PasswordModified: now,
		}
		put(c, m.users, row.ID, row)
		for _, name := range slices.Compact(slices.Sorted(slices.Values(user.Groups))) {
			if slices.Contains(defaultUserGroups(), name) {
				continue
			}
			group, _ := m.groupNamed(name)
			group.Members = append(slices.Clone(group.Members), memberRow{originUAA, typeUser, row.ID})
			group.Version++
			put(c, m.groups, group.ID, group)
		}
		return nil
	})
}
