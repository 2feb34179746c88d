package uaa

import (
	"net/http"

	"github.com/pks-community/pks-release/src/local/uaa/scimfilter"
)

// mappingDocument ties a group of an external provider to one here. There is no
// external provider in this UAA: mappings are kept for the tools that manage them.
type mappingDocument struct {
	GroupID     string   `json:"groupId,omitempty"`
	DisplayName string   `json:"displayName,omitempty"`
	External    string   `json:"externalGroup"`
	Origin      string   `json:"origin"`
	Schemas     []string `json:"schemas,omitempty"`
}

func (m *model) mappingDocument(row mappingRow) mappingDocument {
	return mappingDocument{row.GroupID, m.groups.rows[row.GroupID].Name, row.External, row.Origin, []string{schemaCore}}
}

func (s *Server) listMappings(w http.ResponseWriter, r *http.Request) error {
	p, err := readPage(r, []string{"externalgroup", "displayname", "groupid", "origin"}, "externalgroup")
	if err != nil {
		return err
	}
	origin, external := r.URL.Query().Get("origin"), r.URL.Query().Get("externalGroup")
	var entries []entry
	s.read(func(m *model) {
		for _, row := range m.mappings.sorted() {
			if (origin != "" && row.Origin != origin) || (external != "" && row.External != external) {
				continue
			}
			d := m.mappingDocument(row)
			entries = append(entries, entry{d, d.attributes()})
		}
	})
	return p.write(w, entries)
}

func (d mappingDocument) attributes() scimfilter.Row {
	return func(name string) []string {
		switch name {
		case "externalgroup":
			return []string{d.External}
		case "displayname":
			return []string{d.DisplayName}
		case "groupid":
			return []string{d.GroupID}
		case "origin":
			return []string{d.Origin}
		}
		return nil
	}
}

func (s *Server) createMapping(w http.ResponseWriter, r *http.Request) error {
	var d mappingDocument
	if err := readJSON(r, &d); err != nil {
		return err
	}
	if d.External == "" || (d.GroupID == "" && d.DisplayName == "") {
		return scimProblem(http.StatusBadRequest, "invalid_scim_resource", "An external group and a group must be provided")
	}
	if d.Origin == "" {
		d.Origin = "ldap"
	}
	var stored mappingDocument
	err := s.update(func(m *model, c *change) error {
		group, ok := m.groups.rows[d.GroupID]
		if d.GroupID == "" {
			group, ok = m.groupNamed(d.DisplayName)
		}
		if !ok {
			return noGroup(d.GroupID + d.DisplayName)
		}
		row := mappingRow{group.ID, d.External, d.Origin}
		if _, there := m.mappings.rows[row.key()]; there {
			return scimProblem(http.StatusConflict, "member_already_exists", "The mapping exists already")
		}
		put(c, m.mappings, row.key(), row)
		stored = m.mappingDocument(row)
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, stored)
}

func (s *Server) deleteMappingByID(w http.ResponseWriter, r *http.Request) error {
	return s.deleteMapping(w, r, func(m *model) (groupRow, bool) {
		group, ok := m.groups.rows[r.PathValue("group")]
		return group, ok
	})
}

func (s *Server) deleteMappingByName(w http.ResponseWriter, r *http.Request) error {
	return s.deleteMapping(w, r, func(m *model) (groupRow, bool) { return m.groupNamed(r.PathValue("name")) })
}

func (s *Server) deleteMapping(w http.ResponseWriter, r *http.Request, find func(*model) (groupRow, bool)) error {
	var removed mappingDocument
	err := s.update(func(m *model, c *change) error {
		group, ok := find(m)
		row := mappingRow{group.ID, r.PathValue("external"), r.PathValue("origin")}
		if _, there := m.mappings.rows[row.key()]; !ok || !there {
			return scimProblem(http.StatusNotFound, "scim_resource_not_found", "The mapping does not exist")
		}
		removed = m.mappingDocument(row)
		drop(c, m.mappings, row.key())
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, removed)
}
