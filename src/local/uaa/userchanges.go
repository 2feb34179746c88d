package uaa

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// matchVersion applies If-Match; required says that it must be there
// (reference/uaa.md §5.3, §10.1).
func matchVersion(r *http.Request, version int, required bool) error {
	header := r.Header.Get("If-Match")
	if header == "" {
		if required {
			return scimProblem(http.StatusBadRequest, "scim", "Missing If-Match for %s", r.Method)
		}
		return nil
	}
	text := strings.Trim(header, `"`)
	if text == "*" {
		return nil
	}
	wanted, err := strconv.Atoi(text)
	if err != nil {
		return scimProblem(http.StatusBadRequest, "scim", "Invalid version match header: %s", clipText(header))
	}
	if wanted != version {
		return scimProblem(http.StatusPreconditionFailed, "scim_resource_constraint_failed",
			"Missing or incorrect version: expected %d, found %d", wanted, version)
	}
	return nil
}

// changeUser alters one user and its version.
func (s *Server) changeUser(r *http.Request, required bool, alter func(*model, *userRow) error) error {
	return s.update(func(m *model, c *change) error {
		row, ok := m.users.rows[r.PathValue("id")]
		if !ok {
			return noUser(r.PathValue("id"))
		}
		if err := matchVersion(r, row.Version, required); err != nil {
			return err
		}
		if err := alter(m, &row); err != nil {
			return err
		}
		row.Version++
		row.Modified = s.now()
		put(c, m.users, row.ID, row)
		if !row.Active {
			dropTokens(m, c, func(t tokenRow) bool { return t.UserID == row.ID })
		}
		return nil
	})
}

func (s *Server) replaceUser(w http.ResponseWriter, r *http.Request) error {
	var d userDocument
	if err := readJSON(r, &d); err != nil {
		return err
	}
	if err := s.changeUser(r, true, func(m *model, row *userRow) error { return renamedUser(m, row, d) }); err != nil {
		return err
	}
	return s.writeUser(w, http.StatusOK, r.PathValue("id"))
}

// patchUser changes the members that the body names.
func (s *Server) patchUser(w http.ResponseWriter, r *http.Request) error {
	var patch map[string]json.RawMessage
	if err := readJSON(r, &patch); err != nil {
		return err
	}
	err := s.changeUser(r, true, func(m *model, row *userRow) error {
		d := m.userDocument(*row)
		if _, replaced := patch["emails"]; replaced {
			d.Emails = nil
		}
		if _, replaced := patch["phoneNumbers"]; replaced {
			d.PhoneNumbers = nil
		}
		body, err := json.Marshal(patch)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(body, &d); err != nil {
			return scimProblem(http.StatusBadRequest, "scim", "The body is not JSON of the expected form")
		}
		return renamedUser(m, row, d)
	})
	if err != nil {
		return err
	}
	return s.writeUser(w, http.StatusOK, r.PathValue("id"))
}

func renamedUser(m *model, row *userRow, d userDocument) error {
	if d.Origin != "" && d.Origin != row.Origin {
		return scimProblem(http.StatusBadRequest, "invalid_scim_resource", "The origin of a user cannot be changed")
	}
	if err := row.take(d); err != nil {
		return err
	}
	if other, taken := m.userNamed(row.Name, row.Origin); taken && other.ID != row.ID {
		return userTaken(other, *row)
	}
	return nil
}

func (s *Server) deleteUser(w http.ResponseWriter, r *http.Request) error {
	var document userDocument
	err := s.update(func(m *model, c *change) error {
		row, ok := m.users.rows[r.PathValue("id")]
		if !ok {
			return noUser(r.PathValue("id"))
		}
		if err := matchVersion(r, row.Version, false); err != nil {
			return err
		}
		document = m.userDocument(row)
		drop(c, m.users, row.ID)
		dropMember(m, c, row.ID)
		dropTokens(m, c, func(t tokenRow) bool { return t.UserID == row.ID })
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, document)
}

// dropMember takes a deleted user or group out of every group.
func dropMember(m *model, c *change, id string) {
	for _, g := range m.groups.rows {
		left := slices.DeleteFunc(slices.Clone(g.Members), func(x memberRow) bool { return x.Value == id })
		if len(left) != len(g.Members) {
			g.Members = left
			g.Version++
			put(c, m.groups, g.ID, g)
		}
	}
}

// patchUserStatus unlocks a user or makes it choose a new password.
func (s *Server) patchUserStatus(w http.ResponseWriter, r *http.Request) error {
	var status struct {
		Locked         *bool `json:"locked,omitempty"`
		ChangePassword *bool `json:"passwordChangeRequired,omitempty"`
	}
	if err := readJSON(r, &status); err != nil {
		return err
	}
	if status.Locked != nil && *status.Locked {
		return scimProblem(http.StatusBadRequest, "scim", "Cannot set user account to locked. User accounts only become locked through exceeding the allowed failed login attempts.")
	}
	if status.ChangePassword != nil && !*status.ChangePassword {
		return scimProblem(http.StatusBadRequest, "scim", "The requirement that this user change their password cannot be removed via API.")
	}
	err := s.changeUser(r, false, func(_ *model, row *userRow) error {
		if status.Locked != nil {
			row.Failures, row.LockedUntil = nil, time.Time{}
		}
		if status.ChangePassword != nil {
			row.MustChangePassword = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, status)
}

// changePassword lets users change their own with the old one, and clients set
// anybody's (reference/uaa.md §10.1).
func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) error {
	var d struct {
		Old string `json:"oldPassword"`
		New string `json:"password"`
	}
	if err := readJSON(r, &d); err != nil {
		return err
	}
	claims := caller(r)
	if claims.UserID != "" && claims.UserID != r.PathValue("id") && !hasAny(claims, "uaa.admin") {
		return denied()
	}
	if err := checkPassword(d.New); err != nil {
		return err
	}
	hash, err := hashSecret(d.New)
	if err != nil {
		return err
	}
	err = s.changeUser(r, false, func(_ *model, row *userRow) error {
		if row.Origin != originUAA {
			return scimProblem(http.StatusBadRequest, "invalid_password", "Password change not supported for users of origin %s", row.Origin)
		}
		if claims.UserID == row.ID && !matches(row.Hash, d.Old) {
			return scimProblem(http.StatusUnauthorized, "invalid_password", "Old password is incorrect")
		}
		if matches(row.Hash, d.New) {
			return scimProblem(http.StatusUnprocessableEntity, "invalid_password", "Your new password cannot be the same as the old password.")
		}
		row.Hash, row.PasswordModified, row.MustChangePassword = hash, s.now(), false
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]string{"status": "ok", "message": "password updated"})
}
