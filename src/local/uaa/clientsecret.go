package uaa

import (
	"net/http"
	"slices"
	"strings"
)

// changeSecret answers PUT /oauth/clients/{id}/secret: at most two secrets at
// once, so that they can be rotated.
func (s *Server) changeSecret(w http.ResponseWriter, r *http.Request) error {
	var d struct {
		Old  string `json:"oldSecret"`
		New  string `json:"secret"`
		Mode string `json:"changeMode"`
	}
	if err := readJSON(r, &d); err != nil {
		return clientBody(err)
	}
	id, claims := r.PathValue("id"), caller(r)
	admin := hasAny(claims, "clients.admin", "uaa.admin")
	if !admin && (claims.ClientID != id || claims.UserID != "") {
		return oauthProblem(http.StatusForbidden, "access_denied", "Bad request. Not permitted to change another client's secret")
	}
	hash, err := hashSecret(d.New)
	if err != nil {
		return err
	}
	err = s.update(func(m *model, c *change) error {
		row, ok := m.clients.rows[id]
		if !ok {
			return &problem{status: http.StatusNotFound}
		}
		if !admin && !slices.ContainsFunc(row.Hashes, func(h string) bool { return matches(h, d.Old) }) {
			return invalidClient("Previous secret is required and must be valid")
		}
		if err := row.changeSecret(d.Mode, d.New, hash); err != nil {
			return err
		}
		row.Modified = s.now()
		put(c, m.clients, id, row)
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]string{"status": "ok", "message": "secret updated"})
}

func (c *clientRow) changeSecret(mode, secret, hash string) error {
	switch strings.ToUpper(mode) {
	case "DELETE":
		if len(c.Hashes) < 2 {
			return invalidClient("client secret is either empty or client has only one secret.")
		}
		c.Hashes = []string{c.Hashes[len(c.Hashes)-1]}
		return nil
	case "ADD":
		if len(c.Hashes) >= 2 {
			return invalidClient("client secret is either empty or client already has two secrets.")
		}
		if err := checkSecret(*c, secret); err != nil {
			return err
		}
		c.Hashes = append(slices.Clone(c.Hashes), hash)
		return nil
	case "", "UPDATE":
		if err := checkSecret(*c, secret); err != nil {
			return err
		}
		c.Hashes = []string{hash}
		return nil
	}
	return invalidClient("Unknown changeMode %s", clipText(mode))
}
