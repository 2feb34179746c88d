// Package smoketests is the errand smoke-tests: it creates a small cluster, checks
// it, resizes it, checks it again and deletes it. Whatever happens, it leaves no
// cluster behind; what a killed run has left, the next one removes.
package smoketests

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/errand"
)

// Errand is the configuration.
type Errand struct {
	errand.Common `yaml:",inline"`

	// Plan is the name of the plan; empty: the first that is offered.
	Plan string `yaml:"plan"`
	// NetworkProfile and ComputeProfile are names; empty: none.
	NetworkProfile string `yaml:"network_profile"`
	ComputeProfile string `yaml:"compute_profile"`
	// NamePrefix begins the names of the clusters, which nobody else's may have.
	NamePrefix string `yaml:"name_prefix"`
	// Domain ends the host names of their Kubernetes APIs. They need not resolve.
	Domain string `yaml:"domain"`
	// CheckKubernetes has the clusters' own API asked, which the machine of the errand
	// must reach.
	CheckKubernetes bool `yaml:"check_kubernetes"`
	// StepTimeLimit is how long each of creating, checking, resizing and deleting may
	// take.
	StepTimeLimit time.Duration `yaml:"step_time_limit"`
}

// New is the configuration with its defaults.
func New() *Errand {
	return &Errand{NamePrefix: "pks-smoke-test", Domain: "smoke-tests.pks.internal", CheckKubernetes: true, StepTimeLimit: time.Hour}
}

// Name is that of the BOSH job.
func (*Errand) Name() string { return "smoke-tests" }

var (
	prefixPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{2,30}[a-z0-9]$`)
	domainPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
)

// Check refuses what could not work.
func (e *Errand) Check() error {
	var faults []error
	if !prefixPattern.MatchString(e.NamePrefix) {
		faults = append(faults, fmt.Errorf("name_prefix is %q; it must be 4 to 32 small letters, digits and dashes, and begin with a letter", e.NamePrefix))
	}
	if !domainPattern.MatchString(e.Domain) || len(e.Domain) > 200 {
		faults = append(faults, fmt.Errorf("domain is %q; it must be a DNS name", e.Domain))
	}
	return errors.Join(append(faults, errand.Between("step_time_limit", e.StepTimeLimit, time.Minute, 24*time.Hour))...)
}

// API is what the errand asks; *apiclient.Client is one.
type API interface {
	Plans(ctx context.Context) (apiclient.Answer[[]v1.Plan], error)
	Clusters(ctx context.Context) (apiclient.Answer[[]v1.Cluster], error)
	Cluster(ctx context.Context, name string) (apiclient.Answer[v1.Cluster], error)
	CreateCluster(ctx context.Context, cluster v1.ClusterRequest) (apiclient.Answer[v1.Cluster], error)
	UpdateCluster(ctx context.Context, name string, parameters v1.UpdateClusterParameters) (apiclient.Answer[v1.Cluster], error)
	CancelOperation(ctx context.Context, cluster string) (apiclient.Answer[v1.Operation], error)
	DeleteCluster(ctx context.Context, name string) error
	Bind(ctx context.Context, name string) (v1.Kubeconfig, error)
}

// Probe asks a cluster's Kubernetes API, with the credentials of a kubeconfig,
// whether it is well and has so many nodes that are ready.
type Probe func(ctx context.Context, kubeconfig v1.Kubeconfig, masters []string, nodes int) error

// Run tests the platform.
func (e *Errand) Run(ctx context.Context, site errand.Site) error {
	return e.Test(ctx, site.API, Kubernetes, site.Journal)
}
