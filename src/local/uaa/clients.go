package uaa

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

func (s *Server) listClients(w http.ResponseWriter, r *http.Request) error {
	p, err := readPage(r, clientAttributes(), "client_id")
	if err != nil {
		return err
	}
	var entries []entry
	s.read(func(m *model) {
		for _, c := range m.clients.sorted() {
			entries = append(entries, entry{c.document(), c.attributes()})
		}
	})
	return p.write(w, entries)
}

func (s *Server) getClient(w http.ResponseWriter, r *http.Request) error {
	var (
		row   clientRow
		found bool
	)
	s.read(func(m *model) { row, found = m.clients.rows[r.PathValue("id")] })
	if !found {
		return &problem{status: http.StatusNotFound}
	}
	return writeJSON(w, http.StatusOK, row.document())
}

// readClient decodes a client; lists may be written as one text with commas.
func readClient(r *http.Request) (clientDocument, error) {
	var raw map[string]json.RawMessage
	if err := readJSON(r, &raw); err != nil {
		return clientDocument{}, clientBody(err)
	}
	for _, name := range []string{"authorized_grant_types", "scope", "authorities", "redirect_uri", "resource_ids", "allowedproviders", "required_user_groups"} {
		var text string
		if json.Unmarshal(raw[name], &text) == nil {
			list, err := json.Marshal(strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }))
			if err != nil {
				return clientDocument{}, err
			}
			raw[name] = list
		}
	}
	body, err := json.Marshal(raw)
	if err != nil {
		return clientDocument{}, err
	}
	var d clientDocument
	if err := json.Unmarshal(body, &d); err != nil {
		return clientDocument{}, invalidClient("The body is not a client")
	}
	return d, nil
}

func clientBody(err error) error {
	if p, ok := errors.AsType[*problem](err); ok && p.status == http.StatusBadRequest {
		return invalidClient("The body is not a client")
	}
	return err
}

func (s *Server) createClient(w http.ResponseWriter, r *http.Request) error {
	d, err := readClient(r)
	if err != nil {
		return err
	}
	if d.ID == "" || len(d.ID) > 255 || strings.Contains(d.ID, "/") {
		return invalidClient("A client id must be provided")
	}
	claims := caller(r)
	row := clientRow{ID: d.ID, CreatedWith: strings.Join(claims.Scope, ","), Modified: s.now()}
	if err := row.take(d); err != nil {
		return err
	}
	if err := limited(claims, row); err != nil {
		return err
	}
	secret := ""
	if d.Secret != nil {
		secret = *d.Secret
	} else if !row.AllowPublic {
		return invalidClient("Client secret is required")
	}
	if err := checkSecret(row, secret); err != nil {
		return err
	}
	if d.Secret != nil {
		hash, err := hashSecret(secret)
		if err != nil {
			return err
		}
		row.Hashes = []string{hash}
	}
	err = s.update(func(m *model, c *change) error {
		if _, taken := m.clients.rows[row.ID]; taken {
			return oauthProblem(http.StatusConflict, "invalid_client", "Client already exists: %s", row.ID)
		}
		put(c, m.clients, row.ID, row)
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, row.document())
}

func (s *Server) replaceClient(w http.ResponseWriter, r *http.Request) error {
	d, err := readClient(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	if d.ID != "" && d.ID != id {
		return invalidClient("The client id cannot be changed")
	}
	var row clientRow
	err = s.update(func(m *model, c *change) error {
		var ok bool
		if row, ok = m.clients.rows[id]; !ok {
			return &problem{status: http.StatusNotFound}
		}
		if err := row.take(d); err != nil {
			return err
		}
		if err := limited(caller(r), row); err != nil {
			return err
		}
		row.Modified = s.now()
		put(c, m.clients, id, row)
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, row.document())
}

func (s *Server) deleteClient(w http.ResponseWriter, r *http.Request) error {
	var row clientRow
	err := s.update(func(m *model, c *change) error {
		var ok bool
		if row, ok = m.clients.rows[r.PathValue("id")]; !ok {
			return &problem{status: http.StatusNotFound}
		}
		drop(c, m.clients, row.ID)
		dropTokens(m, c, func(t tokenRow) bool { return t.ClientID == row.ID })
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, row.document())
}
