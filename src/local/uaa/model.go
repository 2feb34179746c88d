package uaa

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Rows are values: a change copies a row, changes the copy and puts it back.

type userRow struct {
	ID, Name, Origin, Hash, Salt string
	Given, Family, ExternalID    string
	Emails                       []emailRow
	Phones                       []string
	Active, Verified             bool
	MustChangePassword           bool
	Version                      int
	Created, Modified            time.Time
	PasswordModified             time.Time
	LastLogon, PreviousLogon     time.Time
	Failures                     []time.Time
	LockedUntil                  time.Time
}

type emailRow struct {
	Value   string
	Primary bool
}

func (u userRow) email() string {
	for _, e := range u.Emails {
		if e.Primary {
			return e.Value
		}
	}
	if len(u.Emails) > 0 {
		return u.Emails[0].Value
	}
	return ""
}

type groupRow struct {
	ID, Name, Description string
	Members               []memberRow
	Version               int
	Created, Modified     time.Time
}

type memberRow struct{ Origin, Type, Value string }

type mappingRow struct{ GroupID, External, Origin string }

func (m mappingRow) key() string {
	key, _ := json.Marshal([]string{m.GroupID, m.Origin, m.External})
	return string(key)
}

type clientRow struct {
	ID                              string
	Hashes                          []string // of one or two secrets, the newer last
	Grants, Scopes, Authorities     []string
	RedirectURIs, AutoApproveScopes []string
	AllowedProviders, RequiredGroup []string
	AutoApprove, AllowPublic        bool
	AccessSeconds, RefreshSeconds   int64
	Name, Salt, CreatedWith         string
	Modified                        time.Time
}

func (c clientRow) accessValidity() time.Duration {
	if c.AccessSeconds > 0 {
		return time.Duration(c.AccessSeconds) * time.Second
	}
	return defaultAccessValidity
}

func (c clientRow) refreshValidity() time.Duration {
	if c.RefreshSeconds > 0 {
		return time.Duration(c.RefreshSeconds) * time.Second
	}
	return defaultRefreshValidity
}

// tokenRow is everything that is good for a while: opaque tokens, codes, and
// the ids of tokens that are good no more.
type tokenRow struct {
	Use      string // see the constants
	UserID   string
	ClientID string
	Expires  time.Time
	Claims   json.RawMessage `json:",omitempty"` // of an opaque token
	Code     *codeRow        `json:",omitempty"`
	Salt     string          `json:",omitempty"`
}

func saltID(user, client string) string { return "salt:" + user + ":" + client }

const (
	useOpaque   = "opaque"
	useCode     = "code"
	usePasscode = "passcode"
	useRevoked  = "revoked"
	useSalt     = "salt" // of a user and a client together; stays
)

type codeRow struct {
	RedirectURI, Challenge, Method, Nonce string
	RedirectGiven                         bool
	Scopes                                []string
	AuthTime                              time.Time
}

type keyRow struct {
	ID     string
	PEM    string
	Active bool
	Made   time.Time
}

// table is one kind of rows by id.
type table[R any] struct {
	kind string
	rows map[string]R
}

func newTable[R any](kind string) *table[R] { return &table[R]{kind: kind, rows: map[string]R{}} }

func (t *table[R]) load(id string, body []byte) error {
	var row R
	if err := json.Unmarshal(body, &row); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	t.rows[id] = row
	return nil
}

// sorted lists the rows by id, so that nothing depends on the order of a map.
func (t *table[R]) sorted() []R {
	rows := make([]R, 0, len(t.rows))
	for _, id := range slices.Sorted(maps.Keys(t.rows)) {
		rows = append(rows, t.rows[id])
	}
	return rows
}

// model is the whole state. It is guarded by Server.mu.
type model struct {
	users    *table[userRow]
	groups   *table[groupRow]
	mappings *table[mappingRow]
	clients  *table[clientRow]
	tokens   *table[tokenRow]
	keys     *table[keyRow]
}

func newModel() *model {
	return &model{
		users: newTable[userRow](kindUser), groups: newTable[groupRow](kindGroup),
		mappings: newTable[mappingRow](kindMapping), clients: newTable[clientRow](kindClient),
		tokens: newTable[tokenRow](kindToken), keys: newTable[keyRow](kindKey),
	}
}

func (m *model) load(kind, id string, body []byte) error {
	switch kind {
	case kindUser:
		return m.users.load(id, body)
	case kindGroup:
		return m.groups.load(id, body)
	case kindMapping:
		return m.mappings.load(id, body)
	case kindClient:
		return m.clients.load(id, body)
	case kindToken:
		return m.tokens.load(id, body)
	case kindKey:
		return m.keys.load(id, body)
	}
	return nil
}

// userNamed finds a user; names compare without case (reference/uaa.md §10.2).
func (m *model) userNamed(name, origin string) (userRow, bool) {
	for _, u := range m.users.rows {
		if strings.EqualFold(u.Name, name) && u.Origin == origin {
			return u, true
		}
	}
	return userRow{}, false
}

func (m *model) groupNamed(name string) (groupRow, bool) {
	for _, g := range m.groups.rows {
		if strings.EqualFold(g.Name, name) {
			return g, true
		}
	}
	return groupRow{}, false
}

// groupsOf lists the groups of a user or group: id → whether it is a direct
// member.
func (m *model) groupsOf(member string) map[string]bool {
	found := map[string]bool{}
	open := []string{member}
	for len(open) > 0 {
		current := open[0]
		open = open[1:]
		for id, g := range m.groups.rows {
			_, seen := found[id]
			if seen || !slices.ContainsFunc(g.Members, func(x memberRow) bool { return x.Value == current }) {
				continue
			}
			found[id] = current == member
			open = append(open, id)
		}
	}
	return found
}

// scopesOf lists the names of the user's groups, the default ones included.
func (m *model) scopesOf(user string) []string {
	names := defaultUserGroups()
	for id := range m.groupsOf(user) {
		names = append(names, m.groups.rows[id].Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// change collects what one request alters. Nothing is visible, in memory or on
// disk, until all of it is stored.
type change struct {
	writes []write
	apply  []func()
	err    error
}

func put[R any](c *change, t *table[R], id string, row R) {
	body, err := encode(row)
	if err != nil {
		c.err = err
		return
	}
	c.writes = append(c.writes, write{t.kind, id, body})
	c.apply = append(c.apply, func() { t.rows[id] = row })
}

func drop[R any](c *change, t *table[R], id string) {
	c.writes = append(c.writes, write{t.kind, id, nil})
	c.apply = append(c.apply, func() { delete(t.rows, id) })
}
