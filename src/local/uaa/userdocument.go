package uaa

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pks-community/pks-release/src/local/uaa/scimfilter"
)

// userDocument is a user on the wire (reference/uaa.md §10.2).
type userDocument struct {
	ID               string          `json:"id,omitempty"`
	ExternalID       string          `json:"externalId,omitempty"`
	Meta             *metaDocument   `json:"meta,omitempty"`
	UserName         string          `json:"userName"`
	Name             *nameDocument   `json:"name,omitempty"`
	Emails           []emailDocument `json:"emails,omitempty"`
	PhoneNumbers     []valueDocument `json:"phoneNumbers,omitempty"`
	Groups           []userGroup     `json:"groups,omitempty"`
	Approvals        []any           `json:"approvals,omitempty"`
	Password         string          `json:"password,omitempty"`
	Active           *bool           `json:"active,omitempty"`
	Verified         *bool           `json:"verified,omitempty"`
	Origin           string          `json:"origin,omitempty"`
	ZoneID           string          `json:"zoneId,omitempty"`
	PasswordModified string          `json:"passwordLastModified,omitempty"`
	LastLogon        int64           `json:"lastLogonTime,omitempty"`
	PreviousLogon    int64           `json:"previousLogonTime,omitempty"`
	Schemas          []string        `json:"schemas,omitempty"`
}

type metaDocument struct {
	Version      int    `json:"version"`
	Created      string `json:"created,omitempty"`
	LastModified string `json:"lastModified,omitempty"`
}

type nameDocument struct {
	Family string `json:"familyName,omitempty"`
	Given  string `json:"givenName,omitempty"`
}

type emailDocument struct {
	Value   string `json:"value"`
	Primary bool   `json:"primary"`
}

type valueDocument struct {
	Value string `json:"value"`
}

type userGroup struct {
	Value   string `json:"value"`
	Display string `json:"display"`
	Type    string `json:"type"`
}

func (m *model) userDocument(u userRow) userDocument {
	d := userDocument{
		ID: u.ID, ExternalID: u.ExternalID, UserName: u.Name, Origin: u.Origin, ZoneID: zoneUAA,
		Meta:   &metaDocument{u.Version, instantText(u.Created), instantText(u.Modified)},
		Name:   &nameDocument{u.Family, u.Given},
		Active: &u.Active, Verified: &u.Verified, PasswordModified: instantText(u.PasswordModified),
		Schemas: []string{schemaCore},
	}
	for _, e := range u.Emails {
		d.Emails = append(d.Emails, emailDocument(e))
	}
	for _, p := range u.Phones {
		d.PhoneNumbers = append(d.PhoneNumbers, valueDocument{p})
	}
	if !u.LastLogon.IsZero() {
		d.LastLogon = u.LastLogon.UnixMilli()
	}
	if !u.PreviousLogon.IsZero() {
		d.PreviousLogon = u.PreviousLogon.UnixMilli()
	}
	memberships := m.groupsOf(u.ID)
	for _, g := range m.groups.rows {
		direct, in := memberships[g.ID]
		byDefault := slices.Contains(defaultUserGroups(), g.Name)
		switch {
		case direct || byDefault:
			d.Groups = append(d.Groups, userGroup{g.ID, g.Name, "DIRECT"})
		case in:
			d.Groups = append(d.Groups, userGroup{g.ID, g.Name, "INDIRECT"})
		}
	}
	slices.SortFunc(d.Groups, func(a, b userGroup) int { return strings.Compare(a.Display, b.Display) })
	return d
}

// userAttributes are the names filters and orders may use.
func userAttributes() []string {
	return []string{"id", "username", "email", "emails.value", "givenname", "familyname", "name.givenname",
		"name.familyname", "active", "verified", "origin", "external_id", "externalid", "phonenumber",
		"phonenumbers.value", "created", "lastmodified", "meta.created", "meta.lastmodified", "meta.version",
		"previous_logon_success_time", "last_logon_success_time"}
}

func (u userRow) attributes() scimfilter.Row {
	return func(name string) []string {
		switch name {
		case "id":
			return []string{u.ID}
		case "username":
			return []string{u.Name}
		case "email", "emails.value":
			var values []string
			for _, e := range u.Emails {
				values = append(values, e.Value)
			}
			return values
		case "givenname", "name.givenname":
			return present(u.Given)
		case "familyname", "name.familyname":
			return present(u.Family)
		case "active":
			return []string{strconv.FormatBool(u.Active)}
		case "verified":
			return []string{strconv.FormatBool(u.Verified)}
		case "origin":
			return []string{u.Origin}
		case "external_id", "externalid":
			return present(u.ExternalID)
		case "phonenumber", "phonenumbers.value":
			return u.Phones
		case "created", "meta.created":
			return []string{instantText(u.Created)}
		case "lastmodified", "meta.lastmodified":
			return []string{instantText(u.Modified)}
		case "meta.version":
			return []string{strconv.Itoa(u.Version)}
		case "last_logon_success_time":
			if !u.LastLogon.IsZero() {
				return []string{strconv.FormatInt(u.LastLogon.UnixMilli(), 10)}
			}
		case "previous_logon_success_time":
			if !u.PreviousLogon.IsZero() {
				return []string{strconv.FormatInt(u.PreviousLogon.UnixMilli(), 10)}
			}
		}
		return nil
	}
}

func present(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}
