package api

import (
	"context"
	"time"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

// operationDocument is an operation as clients read it.
func operationDocument(op pks.Operation) v1.Operation {
	document := v1.Operation{
		ID:              op.ID,
		Action:          string(op.Action),
		State:           string(op.State),
		Description:     op.Description,
		Percent:         op.Percent,
		BOSHTask:        op.BOSHTask,
		CancelRequested: !op.CancelRequestedAt.IsZero(),
		Landed:          string(op.Landed),
		RequestedBy: v1.RequestedBy{
			Name: op.RequestedBy.Name, Kind: string(op.RequestedBy.Kind), Origin: op.RequestedBy.Origin,
		},
		RequestedAt: timestamp(op.CreatedAt),
		SettledAt:   timestamp(op.SettledAt),
	}
	if f := op.Failure; f != nil {
		document.Failure = &v1.Failure{Code: string(f.Code), Body: f.Message(), Remedy: f.Remedy}
	}
	return document
}

// expectedDocument is an operation with its expected end. Not knowing that is no
// reason to say nothing.
func (s *Server) expectedDocument(ctx context.Context, op pks.Operation) v1.Operation {
	document := operationDocument(op)
	end, err := s.config.Engine.ExpectedEnd(ctx, op)
	if err != nil {
		s.config.Logger.DebugContext(ctx, "expected end not known", "operation", op.ID, "error", err)
	}
	document.ExpectedEnd = timestamp(end)
	return document
}

// lastOperation is what a cluster document shows of the last operation; nil when
// it succeeded, since there is no more to say then.
func (s *Server) lastOperation(ctx context.Context, c pks.Cluster) (*v1.Operation, error) {
	if c.LastActionState == pks.ActionSucceeded || c.OperationID == "" {
		return nil, nil
	}
	op, err := s.config.Clusters.Operation(ctx, c.OperationID)
	if err != nil {
		return nil, err
	}
	document := s.expectedDocument(ctx, op)
	return &document, nil
}

// timestamp is RFC 3339 in UTC; empty for the zero time.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
