package api

import (
	"context"
	"net/http"
	"regexp"
	"strconv"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/pks"
)

// bindingPath hands out credentials by GET, so its reads are audited like
// changes.
const bindingPath = "/v1/clusters/{cluster}/binds/{user}"

// userForm is what a name in a kubeconfig and in a broker's request may be.
var userForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9@._+-]{0,252}$`)

// createBinding answers POST /v1/clusters/{name}/binds with fresh credentials,
// whatever the body holds (reference/pks-api.md §6.1).
func (s *Server) createBinding(ctx context.Context, x *exchange) (answer, error) {
	kubeconfig, err := s.bind(ctx, x, "", false)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, kubeconfig}, nil
}

// getBinding answers GET /v1/clusters/{name}/binds/{user} with credentials under
// that name (reference/pks-api.md §6.2): as powerful as those of POST, or with
// suppressClusterRoleBinding without any cluster role. The same rights are
// needed for both.
func (s *Server) getBinding(ctx context.Context, x *exchange) (answer, error) {
	suppress := false
	if text := x.request.URL.Query().Get("suppressClusterRoleBinding"); text != "" {
		var err error
		if suppress, err = strconv.ParseBool(text); err != nil {
			return answer{}, pks.Failf(pks.CodeInvalidRequest, "suppressClusterRoleBinding is %q; it must be true or false.", pks.Shorten(text))
		}
	}
	user := pathValue(x.request, "user")
	if !userForm.MatchString(user) {
		return answer{}, pks.Failf(pks.CodeInvalidRequest, "The user name %q cannot be used.", user).
			WithRemedy("Use up to 253 letters, digits and '@', '.', '_', '+', '-'.")
	}
	kubeconfig, err := s.bind(ctx, x, user, suppress)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, kubeconfig}, nil
}

func (s *Server) bind(ctx context.Context, x *exchange, user string, withoutRights bool) (v1.Kubeconfig, error) {
	return s.config.Engine.Bind(ctx, lifecycle.BindRequest{ClusterID: x.on.ID, User: user, WithoutRights: withoutRights, By: x.caller, RequestID: x.requestID})
}
