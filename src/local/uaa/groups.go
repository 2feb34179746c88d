package uaa

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/pks-community/pks-release/src/local/uaa/scimfilter"
)

const (
	typeUser  = "USER"
	typeGroup = "GROUP"
)

// groupDocument is a group on the wire (reference/uaa.md §10.3).
type groupDocument struct {
	ID          string           `json:"id,omitempty"`
	Meta        *metaDocument    `json:"meta,omitempty"`
	DisplayName string           `json:"displayName"`
	ZoneID      string           `json:"zoneId,omitempty"`
	Description string           `json:"description,omitempty"`
	Members     []memberDocument `json:"members"`
	Schemas     []string         `json:"schemas,omitempty"`
}

type memberDocument struct {
	Origin    string `json:"origin,omitempty"`
	Type      string `json:"type,omitempty"`
	Value     string `json:"value"`
	Operation string `json:"operation,omitempty"` // of PATCH: delete
	Entity    any    `json:"entity,omitempty"`
}

func (g groupRow) document() groupDocument {
	d := groupDocument{
		ID: g.ID, DisplayName: g.Name, ZoneID: zoneUAA, Description: g.Description,
		Meta:    &metaDocument{g.Version, instantText(g.Created), instantText(g.Modified)},
		Members: []memberDocument{}, Schemas: []string{schemaCore},
	}
	for _, m := range g.Members {
		d.Members = append(d.Members, memberDocument{Origin: m.Origin, Type: m.Type, Value: m.Value})
	}
	return d
}

func groupAttributes() []string {
	return []string{"id", "displayname", "description", "created", "lastmodified", "meta.created", "meta.lastmodified", "meta.version"}
}

func (g groupRow) attributes() scimfilter.Row {
	return func(name string) []string {
		switch name {
		case "id":
			return []string{g.ID}
		case "displayname":
			return []string{g.Name}
		case "description":
			return present(g.Description)
		case "created", "meta.created":
			return []string{instantText(g.Created)}
		case "lastmodified", "meta.lastmodified":
			return []string{instantText(g.Modified)}
		case "meta.version":
			return []string{strconv.Itoa(g.Version)}
		}
		return nil
	}
}

func (s *Server) listGroups(w http.ResponseWriter, r *http.Request) error {
	p, err := readPage(r, groupAttributes(), "created")
	if err != nil {
		return err
	}
	var entries []entry
	s.read(func(m *model) {
		for _, g := range m.groups.sorted() {
			entries = append(entries, entry{g.document(), g.attributes()})
		}
	})
	return p.write(w, entries)
}

func noGroup(id string) *problem {
	return scimProblem(http.StatusNotFound, "scim_resource_not_found", "Group %s does not exist", clipText(id))
}

func (s *Server) writeGroup(w http.ResponseWriter, status int, id string) error {
	var (
		row   groupRow
		found bool
	)
	s.read(func(m *model) { row, found = m.groups.rows[id] })
	if !found {
		return noGroup(id)
	}
	w.Header().Set("ETag", strconv.Quote(strconv.Itoa(row.Version)))
	return writeJSON(w, status, row.document())
}

func (s *Server) getGroup(w http.ResponseWriter, r *http.Request) error {
	return s.writeGroup(w, http.StatusOK, r.PathValue("id"))
}

func (s *Server) createGroup(w http.ResponseWriter, r *http.Request) error {
	var d groupDocument
	if err := readJSON(r, &d); err != nil {
		return err
	}
	row := groupRow{ID: uuid.NewString(), Created: s.now(), Modified: s.now()}
	err := s.update(func(m *model, c *change) error {
		if err := row.take(m, d); err != nil {
			return err
		}
		put(c, m.groups, row.ID, row)
		return nil
	})
	if err != nil {
		return err
	}
	return s.writeGroup(w, http.StatusCreated, row.ID)
}

// take fills the row from what a caller may set.
func (g *groupRow) take(m *model, d groupDocument) error {
	if strings.TrimSpace(d.DisplayName) == "" || len(d.DisplayName) > 255 {
		return scimProblem(http.StatusBadRequest, "invalid_scim_resource", "A group must have a displayName.")
	}
	if other, taken := m.groupNamed(d.DisplayName); taken && other.ID != g.ID {
		return scimProblem(http.StatusConflict, "scim_resource_already_exists", "A group with displayName: %s already exists.", d.DisplayName)
	}
	g.Name, g.Description, g.Members = d.DisplayName, d.Description, nil
	for _, member := range d.Members {
		row, err := readMember(m, g.ID, member)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(g.Members, func(x memberRow) bool { return x.Value == row.Value }) {
			g.Members = append(g.Members, row)
		}
	}
	return nil
}

// changeGroup alters one group and its version.
func (s *Server) changeGroup(r *http.Request, required bool, alter func(*model, *groupRow) error) error {
	return s.update(func(m *model, c *change) error {
		row, ok := m.groups.rows[r.PathValue("id")]
		if !ok {
			return noGroup(r.PathValue("id"))
		}
		if err := matchVersion(r, row.Version, required); err != nil {
			return err
		}
		row.Members = slices.Clone(row.Members)
		if err := alter(m, &row); err != nil {
			return err
		}
		row.Version++
		row.Modified = s.now()
		put(c, m.groups, row.ID, row)
		return nil
	})
}

func (s *Server) replaceGroup(w http.ResponseWriter, r *http.Request) error {
	var d groupDocument
	if err := readJSON(r, &d); err != nil {
		return err
	}
	if err := s.changeGroup(r, true, func(m *model, row *groupRow) error { return row.take(m, d) }); err != nil {
		return err
	}
	return s.writeGroup(w, http.StatusOK, r.PathValue("id"))
}

// patchGroup changes names, and adds members or, with operation delete, takes
// them out.
func (s *Server) patchGroup(w http.ResponseWriter, r *http.Request) error {
	var patch struct {
		DisplayName *string          `json:"displayName"`
		Description *string          `json:"description"`
		Members     []memberDocument `json:"members"`
	}
	if err := readJSON(r, &patch); err != nil {
		return err
	}
	err := s.changeGroup(r, true, func(m *model, row *groupRow) error {
		d := row.document()
		if patch.DisplayName != nil {
			d.DisplayName = *patch.DisplayName
		}
		if patch.Description != nil {
			d.Description = *patch.Description
		}
		for _, member := range patch.Members {
			if strings.EqualFold(member.Operation, "delete") {
				d.Members = slices.DeleteFunc(d.Members, func(x memberDocument) bool { return x.Value == member.Value })
			} else {
				d.Members = append(d.Members, member)
			}
		}
		return row.take(m, d)
	})
	if err != nil {
		return err
	}
	return s.writeGroup(w, http.StatusOK, r.PathValue("id"))
}

func (s *Server) deleteGroup(w http.ResponseWriter, r *http.Request) error {
	var row groupRow
	err := s.update(func(m *model, c *change) error {
		var ok bool
		if row, ok = m.groups.rows[r.PathValue("id")]; !ok {
			return noGroup(r.PathValue("id"))
		}
		if err := matchVersion(r, row.Version, false); err != nil {
			return err
		}
		drop(c, m.groups, row.ID)
		dropMember(m, c, row.ID)
		for key, mapping := range m.mappings.rows {
			if mapping.GroupID == row.ID {
				drop(c, m.mappings, key)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, row.document())
}
