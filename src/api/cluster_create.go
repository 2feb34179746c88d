package api

import (
	"context"
	"net/http"
	"time"

	"github.com/pks-community/pks-release/src/api/jsonbody"
	"github.com/pks-community/pks-release/src/lifecycle"
	"github.com/pks-community/pks-release/src/pks"
)

// createCluster answers POST /v1/clusters. The answer already holds everything
// that will not change: uuid, versions, and parameters with the plan's values
// filled in (reference/pks-api.md §5.3).
func (s *Server) createCluster(ctx context.Context, x *exchange) (answer, error) {
	plan, spec, err := s.readCreate(ctx, x)
	if err != nil {
		return answer{}, err
	}
	cluster, err := s.config.Engine.Create(ctx, lifecycle.CreateRequest{
		Name:              spec.ClusterName,
		Owner:             x.caller,
		QuotaExempt:       x.extent == all,
		Plan:              plan,
		Spec:              spec,
		KubernetesVersion: s.config.KubernetesVersion,
		ProductVersion:    s.config.Build.Version,
		RequestID:         x.requestID,
		Keyed:             x.keyed(http.StatusAccepted, func(c pks.Cluster) any { return s.document(c) }),
		DryRun:            x.dryRun,
	})
	if err != nil {
		return answer{}, err
	}
	if x.dryRun {
		return s.preview(ctx, x, nil, cluster)
	}
	x.on = cluster
	s.showTag(x, cluster)
	return answer{http.StatusAccepted, s.document(cluster)}, nil
}

// readCreate turns the body of a create into a whole, valid spec.
func (s *Server) readCreate(ctx context.Context, x *exchange) (pks.Plan, pks.ClusterSpec, error) {
	request, err := jsonbody.Parse(x.body)
	if err != nil {
		return pks.Plan{}, pks.ClusterSpec{}, err
	}
	name := request.Text("name")
	planName := request.Text("plan_name")
	names := readProfiles(request)
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
	pools := readPools(parameters)
	platform, err := readPlatformSettings(parameters)
	if err != nil {
		return pks.Plan{}, pks.ClusterSpec{}, err
	}
	customCA := readCustomCA(parameters)
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
	profiles, err := s.findProfiles(ctx, x, names)
	if err != nil {
		return pks.Plan{}, pks.ClusterSpec{}, err
	}
	profiles.compute.Instances, profiles.compute.Field = pools.Instances, pools.Field
	if customCA != nil {
		if err := customCA.Validate(parameters.Path("custom_ca"), time.Now()); err != nil {
			return pks.Plan{}, pks.ClusterSpec{}, err
		}
		spec.CustomCA = customCA
	}
	spec.WorkerInstances = valueOr(workers, plan.WorkerInstances)
	if spec, err = profiles.applyTo(spec, plan); err != nil {
		return pks.Plan{}, pks.ClusterSpec{}, err
	}
	if spec, err = settings.applyTo(spec); err != nil {
		return pks.Plan{}, pks.ClusterSpec{}, err
	}
	if spec, err = platform.applyTo(spec, plan); err != nil {
		return pks.Plan{}, pks.ClusterSpec{}, err
	}
	return plan, spec, spec.Validate(plan)
}

// readCustomCA reads the authority that is to sign the certificate of the
// cluster's Kubernetes API (reference/pks-cli.md §16.3). An empty object stands
// for none.
func readCustomCA(parameters *jsonbody.Object) *pks.CustomCA {
	o := parameters.Object("custom_ca")
	if o == nil {
		return nil
	}
	ca := pks.CustomCA{Certificate: valueOr(o.Text("certificate"), ""), PrivateKey: pks.Secret(valueOr(o.Text("private_key"), ""))}
	if ca == (pks.CustomCA{}) {
		return nil
	}
	return &ca
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
