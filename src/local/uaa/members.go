package uaa

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// readMember checks that the member exists; a group may not contain itself.
func readMember(m *model, group string, d memberDocument) (memberRow, error) {
	row := memberRow{Origin: d.Origin, Type: strings.ToUpper(d.Type), Value: d.Value}
	if row.Type == "" {
		row.Type = typeUser
	}
	if row.Origin == "" {
		row.Origin = originUAA
	}
	exists := false
	switch row.Type {
	case typeUser:
		_, exists = m.users.rows[row.Value]
	case typeGroup:
		_, exists = m.groups.rows[row.Value]
		if row.Value == group {
			exists = false
		}
	}
	if !exists {
		return memberRow{}, scimProblem(http.StatusBadRequest, "invalid_scim_resource", "Invalid group member: %s", clipText(d.Value))
	}
	return row, nil
}

func (s *Server) listMembers(w http.ResponseWriter, r *http.Request) error {
	var (
		members []memberDocument
		found   bool
	)
	entities := r.URL.Query().Get("returnEntities") == "true"
	s.read(func(m *model) {
		var row groupRow
		row, found = m.groups.rows[r.PathValue("id")]
		members = row.document().Members
		for i := range members {
			if entities {
				members[i].Entity = m.entity(members[i])
			}
		}
	})
	if !found {
		return noGroup(r.PathValue("id"))
	}
	return writeJSON(w, http.StatusOK, members)
}

func (m *model) entity(d memberDocument) json.RawMessage {
	var document any = m.userDocument(m.users.rows[d.Value])
	if d.Type == typeGroup {
		document = m.groups.rows[d.Value].document()
	}
	body, _ := json.Marshal(document)
	return body
}

func (s *Server) addMember(w http.ResponseWriter, r *http.Request) error {
	var d memberDocument
	if err := readJSON(r, &d); err != nil {
		return err
	}
	var added memberRow
	err := s.changeGroup(r, false, func(m *model, row *groupRow) error {
		var err error
		if added, err = readMember(m, row.ID, d); err != nil {
			return err
		}
		if slices.ContainsFunc(row.Members, func(x memberRow) bool { return x.Value == added.Value }) {
			return scimProblem(http.StatusConflict, "member_already_exists", "%s is already part of the group: %s", added.Value, row.ID)
		}
		row.Members = append(row.Members, added)
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, memberDocument{Origin: added.Origin, Type: added.Type, Value: added.Value})
}

func noMember(member, group string) *problem {
	return scimProblem(http.StatusNotFound, "member_not_found", "Member %s does not exist in group %s", clipText(member), clipText(group))
}

func (s *Server) getMember(w http.ResponseWriter, r *http.Request) error {
	group, member := r.PathValue("id"), r.PathValue("member")
	var (
		row   groupRow
		found bool
	)
	s.read(func(m *model) { row, found = m.groups.rows[group] })
	if !found {
		return noGroup(group)
	}
	for _, x := range row.document().Members {
		if x.Value == member {
			return writeJSON(w, http.StatusOK, x)
		}
	}
	return noMember(member, group)
}

func (s *Server) removeMember(w http.ResponseWriter, r *http.Request) error {
	member := r.PathValue("member")
	var removed memberRow
	err := s.changeGroup(r, false, func(_ *model, row *groupRow) error {
		i := slices.IndexFunc(row.Members, func(x memberRow) bool { return x.Value == member })
		if i < 0 {
			return noMember(member, row.ID)
		}
		removed = row.Members[i]
		row.Members = slices.Delete(row.Members, i, i+1)
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, memberDocument{Origin: removed.Origin, Type: removed.Type, Value: removed.Value})
}
