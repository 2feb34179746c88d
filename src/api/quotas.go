package api

import (
	"context"
	"net/http"

	"github.com/pks-community/pks-release/src/api/jsonbody"
	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

// QuotaEngine sets and lifts quotas (lifecycle.Engine).
type QuotaEngine interface {
	CreateQuota(context.Context, pks.Quota) error
	UpdateQuota(ctx context.Context, owner string, change pks.Limit) (pks.Quota, error)
	DeleteQuota(ctx context.Context, owner string) error
}

// checkOwner lets callers who reach only what is their own see their own quota and
// usage: an owner is known by name there.
func checkOwner(x *exchange) error {
	if x.extent == own && pathValue(x.request, "owner") != x.caller.Name {
		return notEnoughPrivileges()
	}
	return nil
}

// listQuotas answers GET /v1/quotas: all, or the caller's own.
func (s *Server) listQuotas(ctx context.Context, x *exchange) (answer, error) {
	quotas, err := s.config.Clusters.Quotas(ctx)
	if err != nil {
		return answer{}, err
	}
	documents := make([]v1.Quota, 0, len(quotas))
	for _, q := range quotas {
		if x.extent == all || q.Owner == x.caller.Name {
			documents = append(documents, quotaDocument(q))
		}
	}
	return answer{http.StatusOK, documents}, nil
}

// getQuota answers GET /v1/quotas/{owner}.
func (s *Server) getQuota(ctx context.Context, x *exchange) (answer, error) {
	quota, err := s.config.Clusters.Quota(ctx, pathValue(x.request, "owner"))
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, quotaDocument(quota)}, nil
}

// createQuota answers POST /v1/quotas.
func (s *Server) createQuota(ctx context.Context, x *exchange) (answer, error) {
	owner, limit, err := readQuota(x.body)
	if err != nil {
		return answer{}, err
	}
	quota := pks.Quota{Owner: valueOr(owner, ""), Limit: limit}
	if err := quota.Validate(); err != nil {
		return answer{}, err
	}
	if err := s.config.Engine.CreateQuota(ctx, quota); err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, quotaDocument(quota)}, nil
}

// updateQuota answers PATCH /v1/quotas/{owner}. Limits that the body does not name
// keep their values, so that clients older than one of them do not lift it.
func (s *Server) updateQuota(ctx context.Context, x *exchange) (answer, error) {
	owner, limit, err := readQuota(x.body)
	if err != nil {
		return answer{}, err
	}
	named := pathValue(x.request, "owner")
	if owner != nil && *owner != named {
		return answer{}, pks.Failf(pks.CodeInvalidRequest, "owner is %q, but the path names %q.", pks.Shorten(*owner), pks.Shorten(named)).
			WithRemedy("Leave owner out: a quota cannot be given to another.")
	}
	if err := (pks.Quota{Owner: named, Limit: limit}).Validate(); err != nil {
		return answer{}, err
	}
	quota, err := s.config.Engine.UpdateQuota(ctx, named, limit)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, quotaDocument(quota)}, nil
}

// deleteQuota answers DELETE /v1/quotas/{owner}.
func (s *Server) deleteQuota(ctx context.Context, x *exchange) (answer, error) {
	if err := s.config.Engine.DeleteQuota(ctx, pathValue(x.request, "owner")); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}

func readQuota(body []byte) (owner *string, limit pks.Limit, err error) {
	request, err := jsonbody.Parse(body)
	if err != nil {
		return nil, limit, err
	}
	owner = request.Text("owner")
	given := request.Object("limit")
	if given != nil {
		limit = pks.Limit{CPU: given.Whole("cpu"), MemoryGB: given.Number("memory"), Clusters: given.Whole("cluster")}
	}
	if err := request.Err(); err != nil {
		return nil, limit, err
	}
	if given == nil {
		return nil, limit, missing("limit", `Add it: {"cpu":4,"memory":5.0,"cluster":10}.`)
	}
	return owner, limit, nil
}

func quotaDocument(q pks.Quota) v1.Quota {
	return v1.Quota{Owner: q.Owner, Limit: v1.Limit{CPU: q.Limit.CPU, Memory: (*v1.Gigabytes)(q.Limit.MemoryGB), Cluster: q.Limit.Clusters}}
}
