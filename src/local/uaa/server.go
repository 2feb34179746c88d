package uaa

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Server is a UAA. Its state is in memory, and on disk before an answer is sent.
type Server struct {
	base    string
	issuer  string
	host    string
	legacy  bool
	clock   func() time.Time
	log     *slog.Logger
	db      *database
	handler http.Handler

	mu       sync.RWMutex
	model    *model
	signer   *keyMaterial
	sessions map[string]session
	swept    time.Time
}

// New opens the state in the folder and adds what the configuration lists and
// the state lacks.
func New(c Config) (*Server, error) {
	base, err := url.Parse(c.BaseURL)
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") {
		return nil, fmt.Errorf("base URL %q of UAA is not of the form https://HOST:PORT", c.BaseURL)
	}
	s := &Server{
		base: strings.TrimRight(c.BaseURL, "/"), issuer: c.Issuer, host: base.Host,
		legacy: c.LegacyErrorCodes, clock: c.Clock, log: c.Logger,
		model: newModel(), sessions: map[string]session{},
	}
	if s.issuer == "" {
		s.issuer = s.base + "/oauth/token"
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.db, err = openDatabase(c.Dir)
	if err != nil {
		return nil, err
	}
	if err := s.start(c); err != nil {
		return nil, errors.Join(err, s.db.close())
	}
	return s, nil
}

func (s *Server) start(c Config) error {
	if err := s.db.load(s.model.load); err != nil {
		return err
	}
	if err := s.bootstrapKeys(c.SigningKey); err != nil {
		return err
	}
	if err := s.bootstrap(c); err != nil {
		return err
	}
	s.handler = s.routes()
	return nil
}

// Handler serves every endpoint below /.
func (s *Server) Handler() http.Handler { return s.handler }

// Issuer is claim iss of the tokens.
func (s *Server) Issuer() string { return s.issuer }

// Close ends the use of the state. Requests must have ended before.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.db.close()
}

func (s *Server) now() time.Time { return s.clock() }

// read runs f while nothing changes.
func (s *Server) read(f func(*model)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f(s.model)
}

// update runs f alone. What f collects is stored and then put in force, unless
// f returns an error.
func (s *Server) update(f func(*model, *change) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var c change
	if err := f(s.model, &c); err != nil {
		return err
	}
	s.sweep(&c)
	if c.err != nil {
		return c.err
	}
	if len(c.writes) == 0 {
		return nil
	}
	if err := s.db.save(c.writes); err != nil {
		return err
	}
	for _, apply := range c.apply {
		apply()
	}
	return nil
}

// sweep lets expired tokens and sessions go, at most once a minute.
func (s *Server) sweep(c *change) {
	now := s.now()
	if now.Sub(s.swept) < time.Minute {
		return
	}
	s.swept = now
	for id, t := range s.model.tokens.rows {
		if now.After(t.Expires) {
			drop(c, s.model.tokens, id)
		}
	}
	for id, session := range s.sessions {
		if now.After(session.expires) {
			delete(s.sessions, id)
		}
	}
}
