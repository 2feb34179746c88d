package api

import (
	"context"
	"net/http"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/pks"
)

// listHistory answers GET /v1/clusters/{name}/history: every revision of the
// cluster's settings, newest first, with who, when, how it went and the
// difference to the one before.
func (s *Server) listHistory(ctx context.Context, x *exchange) (answer, error) {
	limit, err := number(x.request.URL.Query(), "limit", defaultEvents, 1, mostEvents)
	if err != nil {
		return answer{}, err
	}
	operations, err := s.config.Clusters.Operations(ctx, x.on.ID, 0)
	if err != nil {
		return answer{}, err
	}
	documents := make([]v1.Revision, 0, min(len(operations), int(limit)))
	for i, op := range operations[:min(len(operations), int(limit))] {
		changes, err := changesOf(op)
		if err != nil {
			return answer{}, err
		}
		documents = append(documents, v1.Revision{
			Revision: len(operations) - i, Operation: operationDocument(op), Changes: changes,
		})
	}
	return answer{http.StatusOK, documents}, nil
}

// changesOf is what an operation asked to be different.
func changesOf(op pks.Operation) ([]v1.Change, error) {
	changes := []v1.Change{}
	if op.Action != pks.ActionDelete {
		found, err := pks.SpecChanges(op.Previous, op.Spec)
		if err != nil {
			return nil, err
		}
		changes = changeDocuments(found)
	}
	if lock := op.DeletionLock; lock != nil {
		changes = append(changes, v1.Change{Path: "deletion_lock", After: *lock})
	}
	return changes, nil
}

func changeDocuments(changes []pks.SpecChange) []v1.Change {
	documents := make([]v1.Change, 0, len(changes))
	for _, c := range changes {
		documents = append(documents, v1.Change(c))
	}
	return documents
}
