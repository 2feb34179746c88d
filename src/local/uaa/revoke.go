package uaa

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// revokeUser answers GET /oauth/token/revoke/user/{user}: every token of the
// user dies, since its salt changes (reference/uaa.md §9).
func (s *Server) revokeUser(w http.ResponseWriter, r *http.Request) error {
	claims, err := s.bearer(r)
	if err != nil {
		return err
	}
	if claims.UserID != r.PathValue("user") && !hasAny(claims, "uaa.admin", "tokens.revoke") {
		return insufficient("uaa.admin tokens.revoke")
	}
	return s.update(func(m *model, c *change) error {
		user, ok := m.users.rows[r.PathValue("user")]
		if !ok {
			return scimProblem(http.StatusNotFound, "scim_resource_not_found", "User %s does not exist", r.PathValue("user"))
		}
		user.Salt = randomHex(8)
		put(c, m.users, user.ID, user)
		dropTokens(m, c, func(t tokenRow) bool { return t.UserID == user.ID })
		return nil
	})
}

// revokeClient answers GET /oauth/token/revoke/client/{client}.
func (s *Server) revokeClient(w http.ResponseWriter, r *http.Request) error {
	claims, err := s.bearer(r)
	if err != nil {
		return err
	}
	if !hasAny(claims, "uaa.admin", "tokens.revoke") {
		return insufficient("uaa.admin tokens.revoke")
	}
	return s.update(func(m *model, c *change) error {
		client, ok := m.clients.rows[r.PathValue("client")]
		if !ok {
			return &problem{status: http.StatusNotFound}
		}
		client.Salt = randomHex(8)
		put(c, m.clients, client.ID, client)
		dropTokens(m, c, func(t tokenRow) bool { return t.ClientID == client.ID })
		return nil
	})
}

// revokeUserClient answers GET /oauth/token/revoke/user/{user}/client/{client}.
// Tokens that the user has by way of other clients go on.
func (s *Server) revokeUserClient(w http.ResponseWriter, r *http.Request) error {
	claims, err := s.bearer(r)
	if err != nil {
		return err
	}
	user, client := r.PathValue("user"), r.PathValue("client")
	if claims.UserID != user && !hasAny(claims, "uaa.admin", "tokens.revoke") {
		return insufficient("uaa.admin tokens.revoke")
	}
	return s.update(func(m *model, c *change) error {
		if _, ok := m.users.rows[user]; !ok {
			return noUser(user)
		}
		if _, ok := m.clients.rows[client]; !ok {
			return &problem{status: http.StatusNotFound}
		}
		dropTokens(m, c, func(t tokenRow) bool { return t.UserID == user && t.ClientID == client })
		put(c, m.tokens, saltID(user, client), tokenRow{Use: useSalt, UserID: user, ClientID: client,
			Expires: s.now().AddDate(1000, 0, 0), Salt: randomHex(8)})
		return nil
	})
}

// revokeToken answers DELETE /oauth/token/revoke/{token}: a stored token dies.
func (s *Server) revokeToken(w http.ResponseWriter, r *http.Request) error {
	claims, err := s.bearer(r)
	if err != nil {
		return err
	}
	return s.update(func(m *model, c *change) error {
		id := r.PathValue("token")
		row, ok := m.tokens.rows[id]
		if !ok || row.Use != useOpaque {
			return oauthProblem(http.StatusNotFound, "not_found", "The token does not exist")
		}
		owner := row.UserID != "" && row.UserID == claims.UserID || row.UserID == "" && claims.UserID == "" && row.ClientID == claims.ClientID
		if !owner && !hasAny(claims, "uaa.admin", "tokens.revoke") {
			return insufficient("uaa.admin tokens.revoke")
		}
		drop(c, m.tokens, id)
		return nil
	})
}

func dropTokens(m *model, c *change, which func(tokenRow) bool) {
	for id, row := range m.tokens.rows {
		if row.Use != useRevoked && row.Use != useSalt && which(row) {
			drop(c, m.tokens, id)
		}
	}
}

func (s *Server) listOwnTokens(w http.ResponseWriter, r *http.Request) error {
	claims, err := s.bearer(r)
	if err != nil {
		return err
	}
	if claims.UserID == "" {
		return s.writeTokens(w, func(t tokenRow) bool { return t.UserID == "" && t.ClientID == claims.ClientID })
	}
	return s.writeTokens(w, func(t tokenRow) bool { return t.UserID == claims.UserID && t.ClientID == claims.ClientID })
}

func (s *Server) listUserTokens(w http.ResponseWriter, r *http.Request) error {
	claims, err := s.bearer(r)
	if err != nil {
		return err
	}
	user := r.PathValue("user")
	if claims.UserID != user && !hasAny(claims, "tokens.list", "uaa.admin") {
		return insufficient("tokens.list")
	}
	return s.writeTokens(w, func(t tokenRow) bool { return t.UserID == user })
}

func (s *Server) listClientTokens(w http.ResponseWriter, r *http.Request) error {
	claims, err := s.bearer(r)
	if err != nil {
		return err
	}
	if !hasAny(claims, "tokens.list", "uaa.admin") {
		return insufficient("tokens.list")
	}
	client := r.PathValue("client")
	return s.writeTokens(w, func(t tokenRow) bool { return t.ClientID == client })
}

func (s *Server) writeTokens(w http.ResponseWriter, which func(tokenRow) bool) error {
	type listed struct {
		ID       string `json:"tokenId"`
		ClientID string `json:"clientId"`
		UserID   string `json:"userId"`
		Format   string `json:"format"`
		Expires  int64  `json:"expiresAt"`
		Response string `json:"responseType"`
		Zone     string `json:"zoneId"`
	}
	list := []listed{}
	now := s.now()
	s.read(func(m *model) {
		for _, id := range slices.Sorted(maps.Keys(m.tokens.rows)) {
			row := m.tokens.rows[id]
			if row.Use != useOpaque || !which(row) || !now.Before(row.Expires) {
				continue
			}
			kind := "ACCESS_TOKEN"
			if strings.HasSuffix(id, "-r") {
				kind = "REFRESH_TOKEN"
			}
			list = append(list, listed{id, row.ClientID, row.UserID, "OPAQUE", row.Expires.UnixMilli(), kind, zoneUAA})
		}
	})
	return writeJSON(w, http.StatusOK, list)
}

// instantText is the form of times in SCIM answers.
func instantText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
