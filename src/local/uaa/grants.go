package uaa

import (
	"net/http"
	"net/url"
	"slices"
	"time"
)

func (s *Server) grantClient(g grant) (tokenAnswer, error) {
	if err := validateScopes(g.requested, g.client.Authorities); err != nil {
		return tokenAnswer{}, err
	}
	for _, authority := range g.client.Authorities {
		if len(g.requested) == 0 || slices.Contains(g.requested, authority) {
			g.scopes = append(g.scopes, authority)
		}
	}
	return s.give(g, nil)
}

// give issues the tokens; also stores what else the grant alters.
func (s *Server) give(g grant, also func(*model, *change) error) (answer tokenAnswer, err error) {
	err = s.update(func(m *model, c *change) error {
		if also != nil {
			if err := also(m, c); err != nil {
				return err
			}
		}
		answer, err = s.issue(g, m, c)
		return err
	})
	return answer, err
}

func (s *Server) grantPassword(g grant, form url.Values) (tokenAnswer, error) {
	if _, ok := form["passcode"]; ok {
		return s.grantPasscode(g, form.Get("passcode"))
	}
	origin, err := hintedOrigin(form.Get("login_hint"))
	if err != nil {
		return tokenAnswer{}, err
	}
	user, err := s.authenticateUser(form.Get("username"), form.Get("password"), origin)
	if err != nil {
		return tokenAnswer{}, err
	}
	return s.giveUser(g, user, s.now(), nil)
}

// giveUser issues tokens for a user who has just been recognised.
func (s *Server) giveUser(g grant, user userRow, authTime time.Time, also func(*model, *change) error) (answer tokenAnswer, err error) {
	err = s.update(func(m *model, c *change) error {
		current, ok := m.users.rows[user.ID]
		if !ok || !current.Active || current.Hash != user.Hash {
			return s.badCredentials()
		}
		if !allowsProvider(g.client, current.Origin) {
			return s.badCredentials()
		}
		has := m.scopesOf(current.ID)
		if !hasEvery(has, g.client.RequiredGroup) {
			return oauthProblem(http.StatusBadRequest, "invalid_scope", "User does not meet the client's required group criteria.")
		}
		g.scopes, err = grantUserScopes(has, g.client, g.requested)
		if err != nil {
			return err
		}
		if also != nil {
			if err := also(m, c); err != nil {
				return err
			}
		}
		g.user, g.authTime = &current, authTime
		answer, err = s.issue(g, m, c)
		return err
	})
	return answer, err
}

func allowsProvider(client clientRow, origin string) bool {
	return len(client.AllowedProviders) == 0 || slices.Contains(client.AllowedProviders, origin)
}

func hasEvery(has, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(group string) bool { return !slices.Contains(has, group) })
}

// grantPasscode takes the one-time code of the page /passcode.
func (s *Server) grantPasscode(g grant, code string) (tokenAnswer, error) {
	if code == "" {
		return tokenAnswer{}, oauthProblem(http.StatusUnauthorized, "unauthorized", "Passcode information is missing.")
	}
	invalid := oauthProblem(http.StatusUnauthorized, "unauthorized", "Invalid passcode")
	var (
		user userRow
		row  tokenRow
	)
	err := s.update(func(m *model, c *change) error {
		found, ok := m.tokens.rows[code]
		if !ok || found.Use != usePasscode || !s.now().Before(found.Expires) {
			return invalid
		}
		if user, ok = m.users.rows[found.UserID]; !ok {
			return invalid
		}
		row = found
		drop(c, m.tokens, code)
		return nil
	})
	if err != nil {
		return tokenAnswer{}, err
	}
	return s.giveUser(g, user, row.Code.AuthTime, nil)
}
