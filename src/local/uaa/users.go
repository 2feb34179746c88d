package uaa

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

func (s *Server) listUsers(w http.ResponseWriter, r *http.Request) error {
	p, err := readPage(r, userAttributes(), "created")
	if err != nil {
		return err
	}
	var entries []entry
	s.read(func(m *model) {
		for _, u := range m.users.sorted() {
			entries = append(entries, entry{m.userDocument(u), u.attributes()})
		}
	})
	return p.write(w, entries)
}

// listUserIDs answers GET /ids/Users: names and ids only, and no listing of all.
func (s *Server) listUserIDs(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Query().Get("filter") == "" {
		return scimProblem(http.StatusBadRequest, "scim", "Required request parameter 'filter' is not present")
	}
	p, err := readPage(r, []string{"id", "username", "origin"}, "username")
	if err != nil {
		return err
	}
	p.attributes = []string{"id", "userName", "origin"}
	var entries []entry
	s.read(func(m *model) {
		for _, u := range m.users.sorted() {
			if u.Active {
				entries = append(entries, entry{m.userDocument(u), u.attributes()})
			}
		}
	})
	return p.write(w, entries)
}

func noUser(id string) *problem {
	return scimProblem(http.StatusNotFound, "scim_resource_not_found", "User %s does not exist", clipText(id))
}

func (s *Server) writeUser(w http.ResponseWriter, status int, id string) error {
	var (
		document userDocument
		found    bool
	)
	s.read(func(m *model) {
		var row userRow
		if row, found = m.users.rows[id]; found {
			document = m.userDocument(row)
		}
	})
	if !found {
		return noUser(id)
	}
	w.Header().Set("ETag", strconv.Quote(strconv.Itoa(document.Meta.Version)))
	return writeJSON(w, status, document)
}

func (s *Server) getUser(w http.ResponseWriter, r *http.Request) error {
	return s.writeUser(w, http.StatusOK, r.PathValue("id"))
}

func (s *Server) createUser(w http.ResponseWriter, r *http.Request) error {
	var d userDocument
	if err := readJSON(r, &d); err != nil {
		return err
	}
	row := userRow{ID: uuid.NewString(), Salt: randomHex(8), Active: true, Verified: true, Origin: originUAA}
	if err := row.take(d); err != nil {
		return err
	}
	if row.Origin == originUAA {
		if err := checkPassword(d.Password); err != nil {
			return err
		}
		hash, err := hashSecret(d.Password)
		if err != nil {
			return err
		}
		row.Hash = hash
	} else if d.Password != "" {
		return scimProblem(http.StatusBadRequest, "invalid_scim_resource", "Users of origin %s cannot have a password", clipText(row.Origin))
	}
	now := s.now()
	row.Created, row.Modified, row.PasswordModified = now, now, now
	err := s.update(func(m *model, c *change) error {
		if other, taken := m.userNamed(row.Name, row.Origin); taken {
			return userTaken(other, row)
		}
		put(c, m.users, row.ID, row)
		return nil
	})
	if err != nil {
		return err
	}
	return s.writeUser(w, http.StatusCreated, row.ID)
}

func userTaken(other, row userRow) *problem {
	p := scimProblem(http.StatusConflict, "scim_resource_already_exists", "Username already in use: %s", row.Name)
	p.extra = map[string]any{"origin": other.Origin, "user_id": other.ID, "active": other.Active, "verified": other.Verified}
	return p
}

// take fills the row from what a caller may set.
func (u *userRow) take(d userDocument) error {
	if strings.TrimSpace(d.UserName) == "" || len(d.UserName) > 255 {
		return scimProblem(http.StatusBadRequest, "invalid_scim_resource", "A username must be provided.")
	}
	if len(d.Emails) == 0 {
		return scimProblem(http.StatusBadRequest, "invalid_scim_resource", "Exactly one email must be provided.")
	}
	u.Emails = nil
	for i, e := range d.Emails {
		at := strings.IndexByte(e.Value, '@')
		if at <= 0 || at == len(e.Value)-1 || strings.ContainsAny(e.Value, " \t\r\n") {
			return scimProblem(http.StatusBadRequest, "invalid_scim_resource", "Invalid email value: %s", clipText(e.Value))
		}
		u.Emails = append(u.Emails, emailRow{e.Value, e.Primary || (i == 0 && len(d.Emails) == 1)})
	}
	u.Phones = nil
	for _, p := range d.PhoneNumbers {
		u.Phones = append(u.Phones, p.Value)
	}
	u.Name, u.ExternalID = d.UserName, d.ExternalID
	if d.Origin != "" {
		u.Origin = d.Origin
	}
	if d.Name != nil {
		u.Given, u.Family = d.Name.Given, d.Name.Family
	}
	if d.Active != nil {
		u.Active = *d.Active
	}
	if d.Verified != nil {
		u.Verified = *d.Verified
	}
	return nil
}

func checkPassword(password string) error {
	if password == "" {
		return scimProblem(http.StatusBadRequest, "invalid_password", "Password cannot be empty")
	}
	if len(password) > 255 {
		return scimProblem(http.StatusUnprocessableEntity, "invalid_password", "Password must be no more than 255 characters in length.")
	}
	return nil
}
