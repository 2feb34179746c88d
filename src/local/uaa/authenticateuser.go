package uaa

import (
	"net/http"
	"time"
)

// Lockout of internal users (reference/uaa.md §5.2).
const (
	lockoutFailures = 5
	lockoutCounted  = 1200 * time.Second
	lockoutPeriod   = 300 * time.Second
)

// authenticateUser checks a name and password, counts failures, and notes the
// log-in.
func (s *Server) authenticateUser(name, password, origin string) (userRow, error) {
	if name == "" || password == "" {
		return userRow{}, s.badCredentials()
	}
	var (
		user  userRow
		known bool
	)
	s.read(func(m *model) { user, known = m.userNamed(name, origin) })
	if !known || user.Hash == "" {
		return userRow{}, s.badCredentials()
	}
	now := s.now()
	if now.Before(user.LockedUntil) {
		return userRow{}, oauthProblem(http.StatusUnauthorized, "unauthorized",
			"Your account has been locked because of too many failed attempts to login.")
	}
	if !matches(user.Hash, password) {
		if err := s.countFailure(user.ID, now); err != nil {
			return userRow{}, err
		}
		return userRow{}, s.badCredentials()
	}
	switch {
	case !user.Active:
		return userRow{}, s.badCredentials()
	case !user.Verified:
		return userRow{}, oauthProblem(http.StatusForbidden, "access_denied", "Account not verified")
	case user.MustChangePassword:
		return userRow{}, oauthProblem(http.StatusUnauthorized, "unauthorized", "Your current password has expired. Please reset your password.")
	}
	err := s.update(func(m *model, c *change) error {
		current, ok := m.users.rows[user.ID]
		if !ok {
			return s.badCredentials()
		}
		current.Failures, current.LockedUntil = nil, time.Time{}
		current.PreviousLogon, current.LastLogon = current.LastLogon, now
		put(c, m.users, current.ID, current)
		user = current
		return nil
	})
	return user, err
}

func (s *Server) countFailure(id string, now time.Time) error {
	return s.update(func(m *model, c *change) error {
		user, ok := m.users.rows[id]
		if !ok {
			return nil
		}
		failures := []time.Time{now}
		for _, at := range user.Failures {
			if now.Sub(at) < lockoutCounted {
				failures = append(failures, at)
			}
		}
		user.Failures = failures
		if len(failures) >= lockoutFailures {
			user.Failures, user.LockedUntil = nil, now.Add(lockoutPeriod)
		}
		put(c, m.users, id, user)
		return nil
	})
}
