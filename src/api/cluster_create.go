package api

import (
	"context"
	"net/http"

	"github.com/pks-community/pks-release/src/api/jsonbody"
	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/pks"
)

// createCluster answers POST /v1/clusters. The answer already holds everything
// that will not change: uuid, versions, and parameters with the plan's values
// filled in (reference/pks-api.md §5.3).
func (s *Server) createCluster(ctx context.Context, x *exchange) (answer, error) {
	plan, spec, err := s.readCreate(x.body)
	if err != nil {
		return answer{}, err
	}
	cluster, err := s.config.Engine.Create(ctx, lifecycle.CreateRequest{
		Name:              spec.ClusterName,
		Owner:             x.caller,
		Plan:              plan,
		Spec:              spec,
		KubernetesVersion: s.config.KubernetesVersion,
		ProductVersion:    s.config.Build.Version,
		RequestID:         x.requestID,
	})
	if err != nil {
		return answer{}, err
	}
	x.on = cluster
	return answer{http.StatusAccepted, document(cluster)}, nil
}

// readCreate turns the body of a create into a whole, valid spec.
func (s *Server) readCreate(body []byte) (pks.Plan, pks.ClusterSpec, error) {
	request, err := jsonbody.Parse(body)
	if err != nil {
		return pks.Plan{}, pks.ClusterSpec{}, err
	}
	name := request.Text("name")
	planName := request.Text("plan_name")
	profiles := readProfiles(request)
	parameters := request.Object("parameters")
	if err := request.Err(); err != nil {
		return pks.Plan{}, pks.ClusterSpec{}, err
	}
	if parameters == nil {
		return pks.Plan{}, pks.ClusterSpec{}, missing("parameters", `Add it: {"kubernetes_master_host":"demo.example.com"}.`)
	}
	host := parameters.Text("kubernetes_master_host")
	port := parameters.Whole("kubernetes_master_port")
	workers := parameters.Whole("kubernetes_worker_instances")
	settings := readSettings(parameters)
	if err := request.Err(); err != nil {
		return pks.Plan{}, pks.ClusterSpec{}, err
	}

	spec := pks.ClusterSpec{
		ClusterName: valueOr(name, ""),
		MasterHost:  valueOr(host, ""),
		MasterPort:  valueOr(port, pks.DefaultMasterPort),
	}
	if err := pks.ValidateClusterName(spec.ClusterName); err != nil {
		return pks.Plan{}, pks.ClusterSpec{}, err
	}
	plan, err := s.plans.choose(valueOr(planName, ""))
	if err != nil {
		return pks.Plan{}, pks.ClusterSpec{}, err
	}
	if err := profiles.refuse(); err != nil {
		return pks.Plan{}, pks.ClusterSpec{}, err
	}
	spec.WorkerInstances = valueOr(workers, plan.WorkerInstances)
	if spec, err = settings.applyTo(spec); err != nil {
		return pks.Plan{}, pks.ClusterSpec{}, err
	}
	return plan, spec, spec.Validate(plan)
}

func missing(field, remedy string) *pks.Failure {
	return pks.Failf(pks.CodeInvalidRequest, "%s is missing.", field).WithRemedy("%s", remedy)
}

func valueOr[T any](given *T, otherwise T) T {
	if given == nil {
		return otherwise
	}
	return *given
}
