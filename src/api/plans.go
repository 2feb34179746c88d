package api

import (
	"context"
	"net/http"
	"strings"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

// plans are those that the operator offers, in the configured order.
type plans []pks.Plan

// listPlans answers GET /v1/plans.
func (s *Server) listPlans(context.Context, *exchange) (answer, error) {
	documents := make([]v1.Plan, 0, len(s.plans))
	for _, p := range s.plans {
		documents = append(documents, v1.Plan{
			ID:                        p.ID,
			Name:                      p.Name,
			Description:               p.Description,
			WorkerInstances:           p.WorkerInstances,
			MasterInstances:           p.MasterInstances,
			AllowPrivilegedContainers: p.AllowPrivilegedContainers,
		})
	}
	return answer{http.StatusOK, documents}, nil
}

// choose finds the plan that a request names. The refusal says which there are.
func (p plans) choose(name string) (pks.Plan, error) {
	if name == "" {
		return pks.Plan{}, missing("plan_name", "Choose one of: "+p.names()+".")
	}
	for _, plan := range p {
		if plan.Name == name {
			return plan, nil
		}
	}
	return pks.Plan{}, pks.Failf(pks.CodePlanNotFound, "Plan %q not found.", pks.Shorten(name)).
		WithRemedy("Choose one of: %s.", p.names())
}

func (p plans) byID(id string) (pks.Plan, bool) {
	for _, plan := range p {
		if plan.ID == id {
			return plan, true
		}
	}
	return pks.Plan{}, false
}

func (p plans) names() string {
	names := make([]string, 0, len(p))
	for _, plan := range p {
		names = append(names, plan.Name)
	}
	return strings.Join(names, ", ")
}
