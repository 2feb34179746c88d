package uaa

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

// authorization is a checked request for an authorization code
// (reference/uaa.md §3.4).
type authorization struct {
	client   clientRow
	redirect string
	given    bool // the request named the redirect
	state    string
	scopes   []string
	query    url.Values
}

// authorize answers GET /oauth/authorize. A wrong client or redirect is told to
// the person; anything else to the client, by redirect.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) error {
	a, err := s.readAuthorization(r.URL.Query())
	if err != nil {
		return err
	}
	if refusal := a.check(); refusal != nil {
		return a.sendBack(w, r, url.Values{"error": {refusal.code}, "error_description": {refusal.text}})
	}
	user, since, ok := s.browserUser(r)
	if !ok {
		return s.askLogin(w, r)
	}
	if !a.approved() {
		return s.page(w, http.StatusOK, "approve.html", map[string]any{
			"CSRF": s.csrf(w, r), "Client": a.client.ID, "Scopes": a.wanted(), "Request": r.URL.RawQuery,
		})
	}
	return s.sendCode(w, r, a, user, since)
}

// approve answers the form of the approval page.
func (s *Server) approve(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	if err := checkCSRF(r, form); err != nil {
		return err
	}
	query, err := url.ParseQuery(form.Get("request"))
	if err != nil {
		return oauthProblem(http.StatusBadRequest, "invalid_request", "The request cannot be read")
	}
	a, err := s.readAuthorization(query)
	if err != nil {
		return err
	}
	user, since, ok := s.browserUser(r)
	if !ok {
		return oauthProblem(http.StatusUnauthorized, "unauthorized", "Nobody is logged in")
	}
	if refusal := a.check(); refusal != nil {
		return a.sendBack(w, r, url.Values{"error": {refusal.code}, "error_description": {refusal.text}})
	}
	if form.Get("decision") != "approve" {
		return a.sendBack(w, r, url.Values{"error": {"access_denied"}, "error_description": {"User denied access"}})
	}
	return s.sendCode(w, r, a, user, since)
}

func (s *Server) readAuthorization(query url.Values) (authorization, error) {
	a := authorization{query: query, state: query.Get("state"), scopes: requestedScopes(query.Get("scope"))}
	var known bool
	s.read(func(m *model) { a.client, known = m.clients.rows[query.Get("client_id")] })
	if !known || !slices.Contains(a.client.Grants, "authorization_code") {
		return authorization{}, oauthProblem(http.StatusUnauthorized, "invalid_client", "No client with requested id, or it may not use an authorization code")
	}
	a.redirect, a.given = query.Get("redirect_uri"), query.Get("redirect_uri") != ""
	if !a.given && len(a.client.RedirectURIs) == 1 {
		a.redirect = a.client.RedirectURIs[0]
	}
	if !slices.ContainsFunc(a.client.RedirectURIs, func(registered string) bool { return redirectMatches(registered, a.redirect) }) {
		return authorization{}, oauthProblem(http.StatusBadRequest, "invalid_request", "The redirect_uri is not registered for the client")
	}
	return a, nil
}

// redirectMatches compares exactly, but for a wildcard in the path of the
// registered address.
func redirectMatches(registered, asked string) bool {
	if registered == asked {
		return true
	}
	wanted, errWanted := url.Parse(registered)
	given, errGiven := url.Parse(asked)
	if errWanted != nil || errGiven != nil || given.User != nil || given.Fragment != "" ||
		wanted.Scheme != given.Scheme || wanted.Host != given.Host {
		return false
	}
	matched, err := path.Match(wanted.Path, given.Path)
	return err == nil && matched && strings.Contains(wanted.Path, "*")
}

// check finds what the client, not the person, must hear about.
func (a authorization) check() *problem {
	challenge, method := a.query.Get("code_challenge"), a.query.Get("code_challenge_method")
	switch {
	case a.query.Get("response_type") != "code":
		return oauthProblem(http.StatusBadRequest, "unsupported_response_type", "Unsupported response type")
	case challenge != "" && !validVerifier(challenge):
		return oauthProblem(http.StatusBadRequest, "invalid_request", "Code challenge length must between 43 and 128 and use only [A-Z],[a-z],[0-9],_,.,-,~ characters.")
	case method != "" && method != "S256" && method != "plain":
		return oauthProblem(http.StatusBadRequest, "invalid_request", "Unsupported code challenge method.")
	case a.client.AllowPublic && len(a.client.Hashes) == 0 && (challenge == "" || method != "S256"):
		return oauthProblem(http.StatusBadRequest, "invalid_request", "Public clients must use PKCE with S256.")
	}
	for _, scope := range a.scopes {
		if !scopeAllowed(a.client.Scopes, scope) {
			return oauthProblem(http.StatusBadRequest, "invalid_scope", "%s is invalid. Please use a valid scope name in the request", scope)
		}
	}
	return nil
}

func (a authorization) wanted() []string {
	if len(a.scopes) > 0 {
		return a.scopes
	}
	return a.client.Scopes
}

func (a authorization) approved() bool {
	if a.client.AutoApprove {
		return true
	}
	return !slices.ContainsFunc(a.wanted(), func(scope string) bool { return !scopeAllowed(a.client.AutoApproveScopes, scope) })
}

func (a authorization) sendBack(w http.ResponseWriter, r *http.Request, answer url.Values) error {
	target, err := url.Parse(a.redirect)
	if err != nil {
		return oauthProblem(http.StatusBadRequest, "invalid_request", "The redirect_uri is not registered for the client")
	}
	query := target.Query()
	for name, values := range answer {
		query[name] = values
	}
	if a.state != "" {
		query.Set("state", a.state)
	}
	target.RawQuery = query.Encode()
	http.Redirect(w, r, target.String(), http.StatusFound)
	return nil
}

func (s *Server) sendCode(w http.ResponseWriter, r *http.Request, a authorization, user userRow, since time.Time) error {
	code := randomHex(16)
	row := tokenRow{Use: useCode, UserID: user.ID, ClientID: a.client.ID, Expires: s.now().Add(codeValidity), Code: &codeRow{
		RedirectURI: a.redirect, RedirectGiven: a.given, Challenge: a.query.Get("code_challenge"),
		Method: a.query.Get("code_challenge_method"), Nonce: a.query.Get("nonce"), Scopes: a.scopes, AuthTime: since,
	}}
	err := s.update(func(m *model, c *change) error {
		put(c, m.tokens, code, row)
		return nil
	})
	if err != nil {
		return err
	}
	return a.sendBack(w, r, url.Values{"code": {code}})
}
