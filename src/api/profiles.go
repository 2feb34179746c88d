package api

import (
	"github.com/pks-community/pks-release/src/api/jsonbody"
	"github.com/pks-community/pks-release/src/pks"
)

// profileNames are the profiles that a request names, member by member. Null and
// empty names are left out (reference/pks-api.md §17).
type profileNames []profileReference

type profileReference struct{ member, kind, name string }

func readProfiles(request *jsonbody.Object) profileNames {
	var named profileNames
	for _, reference := range []profileReference{
		{member: "network_profile_name", kind: "network profile"},
		{member: "compute_profile_name", kind: "compute profile"},
		{member: "kubernetes_profile_name", kind: "Kubernetes profile"},
	} {
		if name := request.Text(reference.member); name != nil && *name != "" {
			reference.name = *name
			named = append(named, reference)
		}
	}
	return named
}

// refuse turns down the first profile that does not exist. None does as long as
// there is no resource to make them with.
func (p profileNames) refuse() error {
	for _, reference := range p {
		return pks.Failf(pks.CodeInvalidRequest, "%s: %s %q not found.", reference.member, reference.kind, pks.Shorten(reference.name)).
			WithRemedy("Leave the member out, or name a profile that exists.")
	}
	return nil
}
