// Package deleteall is the errand delete-all-clusters, for the end of a PKS: no
// cluster may outlive the control plane that could delete it.
package deleteall

import (
	"context"
	"errors"
	"fmt"
	"time"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/errand"
	"github.com/pks-community/pks-release/src/pks"
)

// Errand is the configuration.
type Errand struct {
	errand.Common `yaml:",inline"`

	// Broker is asked for deployments that belong to no cluster; without a URL
	// nobody is.
	Broker Broker `yaml:"broker"`
	// MaxInFlight is how many clusters are deleted at the same time.
	MaxInFlight int `yaml:"max_in_flight"`
	// Retries is how often the deletion of a cluster is tried again when it failed.
	Retries int `yaml:"retries"`
	// TimeLimit is how long the errand may take; 0 is for ever. Deletions that have
	// begun go on.
	TimeLimit time.Duration `yaml:"time_limit"`
}

// Broker is the service broker's management API.
type Broker struct {
	errand.Endpoint `yaml:",inline"`
	Username        string     `yaml:"username"`
	Password        pks.Secret `yaml:"password"`
}

// New is the configuration with its defaults.
func New() *Errand { return &Errand{MaxInFlight: 4, Retries: 1} }

// Name is that of the BOSH job.
func (*Errand) Name() string { return "delete-all-clusters" }

// most is more than any Director has workers for.
const most = 1000

// Check refuses what could not work.
func (e *Errand) Check() error {
	faults := []error{
		e.Broker.Check("broker", false),
		errand.Between("time_limit", e.TimeLimit, 0, 30*24*time.Hour),
	}
	if e.MaxInFlight < 1 || e.MaxInFlight > most {
		faults = append(faults, fmt.Errorf("max_in_flight is %d; it must be from 1 to %d", e.MaxInFlight, most))
	}
	if e.Retries < 0 || e.Retries > most {
		faults = append(faults, fmt.Errorf("retries is %d; it must be from 0 to %d", e.Retries, most))
	}
	if e.Broker.URL != "" && e.Broker.Username == "" {
		faults = append(faults, errors.New("broker.username is missing"))
	}
	if e.Broker.URL != "" && e.Broker.Password == "" {
		faults = append(faults, errors.New("broker.password is missing"))
	}
	return errors.Join(faults...)
}

// API is what the errand asks; *apiclient.Client is one.
type API interface {
	Clusters(ctx context.Context) (apiclient.Answer[[]v1.Cluster], error)
	Cluster(ctx context.Context, name string) (apiclient.Answer[v1.Cluster], error)
	DeleteCluster(ctx context.Context, name string) error
}

// Orphans lists the deployments that belong to no cluster.
type Orphans func(ctx context.Context) ([]string, error)

// Run deletes all clusters.
func (e *Errand) Run(ctx context.Context, site errand.Site) error {
	var orphans Orphans
	if e.Broker.URL != "" {
		client, err := newBrokerClient(e.Broker)
		if err != nil {
			return err
		}
		defer client.close()
		orphans = client.orphans
	}
	return e.Delete(ctx, site.API, orphans, site.Journal)
}
