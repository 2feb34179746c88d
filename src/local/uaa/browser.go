package uaa

import (
	"crypto/subtle"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	sessionCookie = "UAASESSION"
	csrfCookie    = "X-Uaa-Csrf"
	sessionPeriod = 30 * time.Minute
	codeValidity  = 5 * time.Minute
)

//go:embed pages/*.html
var pageFiles embed.FS

// session is a person in a browser. Sessions end with the process.
type session struct {
	userID  string
	since   time.Time
	expires time.Time
}

// login answers GET /login: prompts for programs, a form for people.
func (s *Server) login(w http.ResponseWriter, r *http.Request) error {
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return writeJSON(w, http.StatusOK, s.infoDocument())
	}
	return s.showLogin(w, r, http.StatusOK, r.URL.Query().Get("next"), "")
}

func (s *Server) showLogin(w http.ResponseWriter, r *http.Request, status int, next, complaint string) error {
	return s.page(w, status, "login.html", map[string]string{
		"CSRF": s.csrf(w, r), "Next": localPath(next), "Complaint": complaint,
	})
}

// csrf is the text that a form must send back along with the cookie.
func (s *Server) csrf(w http.ResponseWriter, r *http.Request) string {
	if cookie, err := r.Cookie(csrfCookie); err == nil && len(cookie.Value) == 32 {
		return cookie.Value
	}
	value := randomHex(16)
	http.SetCookie(w, s.cookie(csrfCookie, value))
	return value
}

func (s *Server) cookie(name, value string) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true,
		Secure: strings.HasPrefix(s.base, "https:"), SameSite: http.SameSiteLaxMode}
}

func checkCSRF(r *http.Request, form url.Values) error {
	cookie, err := r.Cookie(csrfCookie)
	if err != nil || subtle.ConstantTimeCompare([]byte(cookie.Value), []byte(form.Get(csrfCookie))) != 1 {
		return oauthProblem(http.StatusForbidden, "access_denied", "The form is too old; load the page again")
	}
	return nil
}

// loginDo answers the log-in form.
func (s *Server) loginDo(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	if err := checkCSRF(r, form); err != nil {
		return err
	}
	user, err := s.authenticateUser(form.Get("username"), form.Get("password"), originUAA)
	if err != nil {
		if p, ok := err.(*problem); ok {
			return s.showLogin(w, r, http.StatusUnauthorized, form.Get("next"), p.text)
		}
		return err
	}
	id := randomHex(16)
	s.mu.Lock()
	s.sessions[id] = session{userID: user.ID, since: s.now(), expires: s.now().Add(sessionPeriod)}
	s.mu.Unlock()
	http.SetCookie(w, s.cookie(sessionCookie, id))
	http.Redirect(w, r, localPath(form.Get("next")), http.StatusFound)
	return nil
}

// localPath keeps a redirect on this server.
func localPath(next string) string {
	parsed, err := url.Parse(next)
	if err != nil || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.Contains(next, `\`) ||
		parsed.Host != "" || parsed.Scheme != "" {
		return "/passcode"
	}
	return next
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		s.mu.Lock()
		delete(s.sessions, cookie.Value)
		s.mu.Unlock()
	}
	http.Redirect(w, r, "/login", http.StatusFound)
	return nil
}

// browserUser is who is logged in, in this browser.
func (s *Server) browserUser(r *http.Request) (user userRow, since time.Time, ok bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return userRow{}, time.Time{}, false
	}
	s.read(func(m *model) {
		current, there := s.sessions[cookie.Value]
		if !there || !s.now().Before(current.expires) {
			return
		}
		user, ok = m.users.rows[current.userID]
		ok = ok && user.Active
		since = current.since
	})
	return user, since, ok
}

func (s *Server) askLogin(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusFound)
	return nil
}

// passcode answers GET /passcode with a new code, the only one of the user.
func (s *Server) passcode(w http.ResponseWriter, r *http.Request) error {
	user, since, ok := s.browserUser(r)
	if !ok {
		return s.askLogin(w, r)
	}
	code := randomHex(16)
	err := s.update(func(m *model, c *change) error {
		for id, row := range m.tokens.rows {
			if row.Use == usePasscode && row.UserID == user.ID {
				drop(c, m.tokens, id)
			}
		}
		put(c, m.tokens, code, tokenRow{Use: usePasscode, UserID: user.ID, Expires: s.now().Add(codeValidity), Code: &codeRow{AuthTime: since}})
		return nil
	})
	if err != nil {
		return err
	}
	return s.page(w, http.StatusOK, "passcode.html", map[string]string{"Code": code})
}

func (s *Server) page(w http.ResponseWriter, status int, name string, data any) error {
	pages, err := template.ParseFS(pageFiles, "pages/*.html")
	if err != nil {
		return fmt.Errorf("read pages: %w", err)
	}
	w.Header().Set("Content-Type", "text/html;charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.WriteHeader(status)
	if err := pages.ExecuteTemplate(w, name, data); err != nil {
		s.log.Error("page failed", "page", name, "error", err)
	}
	return nil
}
