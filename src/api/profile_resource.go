package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/pks-community/pks-release/src/api/jsonbody"
	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

// ProfileEngine makes and removes profiles (lifecycle.Engine).
type ProfileEngine interface {
	CreateProfile(context.Context, pks.NamedProfile) (pks.NamedProfile, error)
	DeleteProfile(context.Context, pks.NamedProfile) error
}

// findProfile finds the profile that the route works on. Kubernetes profiles have
// owners; the others are everybody's to use.
func (s *Server) findProfile(ctx context.Context, x *exchange, kind pks.ProfileKind) error {
	profile, err := s.config.Clusters.Profile(ctx, kind, pathValue(x.request, "profile"))
	if err != nil {
		return err
	}
	if kind == pks.KubernetesProfiles && !x.mayReach(profile.Owner) {
		return notEnoughPrivileges()
	}
	x.profile = profile
	return nil
}

// listProfiles answers GET /v1/{kind}-profiles.
func (s *Server) listProfiles(kind pks.ProfileKind) handler {
	return func(ctx context.Context, x *exchange) (answer, error) {
		var owner *pks.Principal
		if kind == pks.KubernetesProfiles && x.extent == own {
			owner = &x.caller
		}
		profiles, err := s.config.Clusters.Profiles(ctx, kind, owner)
		if err != nil {
			return answer{}, err
		}
		documents := make([]any, 0, len(profiles))
		for _, p := range profiles {
			document, err := profileDocument(p)
			if err != nil {
				return answer{}, err
			}
			documents = append(documents, document)
		}
		return answer{http.StatusOK, documents}, nil
	}
}

// getProfile answers GET /v1/{kind}-profiles/{profile}.
func (s *Server) getProfile(_ context.Context, x *exchange) (answer, error) {
	document, err := profileDocument(x.profile)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, document}, nil
}

// createProfile answers POST /v1/{kind}-profiles.
func (s *Server) createProfile(kind pks.ProfileKind) handler {
	return func(ctx context.Context, x *exchange) (answer, error) {
		profile, err := readProfile(kind, x.body)
		if err != nil {
			return answer{}, err
		}
		if err := pks.ValidateProfile(profile); err != nil {
			return answer{}, err
		}
		profile.Owner = x.caller
		if profile, err = s.config.Engine.CreateProfile(ctx, profile); err != nil {
			return answer{}, err
		}
		x.profile = profile
		document, err := profileDocument(profile)
		if err != nil {
			return answer{}, err
		}
		return answer{http.StatusCreated, document}, nil
	}
}

// deleteProfile answers DELETE /v1/{kind}-profiles/{profile}.
func (s *Server) deleteProfile(ctx context.Context, x *exchange) (answer, error) {
	if err := s.config.Engine.DeleteProfile(ctx, x.profile); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}

// readProfile reads the body of a create. The lists of a Kubernetes profile stand
// beside its name, the parameters of the others in a member of their own.
func readProfile(kind pks.ProfileKind, body []byte) (pks.NamedProfile, error) {
	request, err := jsonbody.Parse(body)
	if err != nil {
		return pks.NamedProfile{}, err
	}
	profile := pks.NamedProfile{
		Kind: kind, Name: valueOr(request.Text("name"), ""), Description: valueOr(request.Text("description"), ""),
	}
	var parameters map[string]any
	if kind == pks.KubernetesProfiles {
		parameters = map[string]any{}
		for _, name := range []string{"customizations", "experimental_customizations"} {
			if request.Has(name) {
				parameters[name] = request.Value(name)
			}
		}
	} else {
		parameters = request.Document("parameters")
	}
	if err := request.Err(); err != nil {
		return pks.NamedProfile{}, err
	}
	if parameters == nil {
		return pks.NamedProfile{}, missing("parameters", "Add it: an object with what is to differ from the plan.")
	}
	if profile.Parameters, err = json.Marshal(parameters); err != nil {
		return pks.NamedProfile{}, fmt.Errorf("write profile %s: %w", profile.Name, err)
	}
	return profile, nil
}

// profileDocument is a profile as clients read it.
func profileDocument(p pks.NamedProfile) (any, error) {
	if p.Kind != pks.KubernetesProfiles {
		return v1.Profile{Name: p.Name, UUID: p.ID, Description: p.Description, Parameters: p.Parameters}, nil
	}
	document := v1.KubernetesProfile{
		Name: p.Name, UUID: p.ID, Owner: p.Owner.Name, Description: p.Description, CreatedAt: p.CreatedAt.Unix(),
		Customizations: []v1.Customization{}, Experimental: []v1.Customization{},
	}
	if err := json.Unmarshal(p.Parameters, &document); err != nil {
		return nil, fmt.Errorf("read Kubernetes profile %s: %w", p.Name, err)
	}
	return document, nil
}
