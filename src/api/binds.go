package api

import (
	"context"
	"net/http"
	"regexp"
	"strconv"

	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/pks"
)

// bindingPath hands out credentials by GET, so its reads are audited like
// changes.
const bindingPath = "/v1/clusters/{cluster}/binds/{user}"

// userForm is what a name in a kubeconfig and in a broker's request may be.
var userForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9@._+-]{0,252}$`)

// createBinding answers POST /v1/clusters/{name}/binds with fresh credentials,
// whatever the body holds (reference/pks-api.md §6.1): those of the person who
// asks, or of a new service account where people do not log in to the cluster, and
// for clients, who cannot.
func (s *Server) createBinding(ctx context.Context, x *exchange) (answer, error) {
	request := bindRequest(x)
	if x.caller.Kind == pks.PrincipalUser && userForm.MatchString(x.caller.Name) {
		request.User = x.caller.Name
	}
	kubeconfig, err := s.config.Engine.Bind(ctx, request)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, kubeconfig}, nil
}

// getBinding answers GET /v1/clusters/{name}/binds/{user} with credentials under
// that name (reference/pks-api.md §6.2): as powerful as those of POST, or with
// suppressClusterRoleBinding without any cluster role. For the latter no scope is
// needed: it says how to log in to the cluster, and holds no secret.
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
	request := bindRequest(x)
	request.User, request.WithoutRights = user, suppress
	if x.extent == themselves {
		if user != x.caller.Name || !suppress {
			return answer{}, notEnoughPrivileges()
		}
		request.LoginOnly = true
	}
	kubeconfig, err := s.config.Engine.Bind(ctx, request)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, kubeconfig}, nil
}

func bindRequest(x *exchange) lifecycle.BindRequest {
	return lifecycle.BindRequest{ClusterID: x.on.ID, By: x.caller, RequestID: x.requestID}
}
