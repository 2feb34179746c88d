// Package upgradeall is the errand upgrade-all-clusters. The API does the work: the
// errand starts a rollout, or joins the one that does what is asked already, watches
// it, and turns its end into an exit code. Killing it loses nothing.
package upgradeall

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	v1 "github.com/pks-community/pks-release/src/api/v1"
	"github.com/pks-community/pks-release/src/apiclient"
	"github.com/pks-community/pks-release/src/errand"
)

// Errand is the configuration.
type Errand struct {
	errand.Common `yaml:",inline"`

	// MaxInFlight is how many clusters are upgraded at the same time.
	MaxInFlight int `yaml:"max_in_flight"`
	// Canaries is how many clusters are upgraded before the others, one by one. With
	// a selection, 0 means all that are selected.
	Canaries        int       `yaml:"canaries"`
	CanarySelection Selection `yaml:"canary_selection"`
	// Redeploy says what becomes of clusters whose versions are the target's already.
	Redeploy Redeploy `yaml:"redeploy"`
	// Retries is how often the clusters that failed are tried again, RetryInterval
	// the pause before.
	Retries       int           `yaml:"retries"`
	RetryInterval time.Duration `yaml:"retry_interval"`
	// TimeLimit is how long the errand may take; 0 is for ever. What is at work goes
	// on; with CancelOnTimeLimit, what has not begun is left out.
	TimeLimit         time.Duration `yaml:"time_limit"`
	CancelOnTimeLimit bool          `yaml:"cancel_on_time_limit"`
}

// Selection says which clusters may be canaries; all that is given must fit.
type Selection struct {
	Names []string          `yaml:"names"`
	Plan  string            `yaml:"plan"`
	Tags  map[string]string `yaml:"tags"`
}

func (s Selection) empty() bool { return len(s.Names) == 0 && s.Plan == "" && len(s.Tags) == 0 }

// Redeploy is which of the clusters at the target's versions are redeployed: versions
// do not tell of a new stemcell or of changed settings of a plan.
type Redeploy string

const (
	RedeployNone    Redeploy = "none"
	RedeployChanged Redeploy = "changed" // those whose BOSH manifest would become another
	RedeployAll     Redeploy = "all"
)

// New is the configuration with its defaults.
func New() *Errand {
	return &Errand{MaxInFlight: 1, RetryInterval: time.Minute, Redeploy: RedeployChanged}
}

// Name is that of the BOSH job.
func (*Errand) Name() string { return "upgrade-all-clusters" }

// most is more than any Director has workers for.
const most = 1000

// Check refuses what could not work.
func (e *Errand) Check() error {
	var faults []error
	number := func(key string, value, least int) {
		if value < least || value > most {
			faults = append(faults, fmt.Errorf("%s is %d; it must be from %d to %d", key, value, least, most))
		}
	}
	number("max_in_flight", e.MaxInFlight, 1)
	number("canaries", e.Canaries, 0)
	number("retries", e.Retries, 0)
	faults = append(faults,
		errand.Between("retry_interval", e.RetryInterval, 0, 24*time.Hour),
		errand.Between("time_limit", e.TimeLimit, 0, 30*24*time.Hour))
	if !slices.Contains([]Redeploy{RedeployNone, RedeployChanged, RedeployAll}, e.Redeploy) {
		faults = append(faults, fmt.Errorf("redeploy is %q; it must be none, changed or all", e.Redeploy))
	}
	if e.CancelOnTimeLimit && e.TimeLimit == 0 {
		faults = append(faults, errors.New("cancel_on_time_limit has no meaning without time_limit"))
	}
	return errors.Join(faults...)
}

// API is what the errand asks; *apiclient.Client is one.
type API interface {
	Clusters(ctx context.Context) (apiclient.Answer[[]v1.Cluster], error)
	Cluster(ctx context.Context, name string) (apiclient.Answer[v1.Cluster], error)
	UpgradeClusters(ctx context.Context, upgrade v1.UpgradeClustersRequest) (apiclient.Answer[v1.TaskInfo], error)
	PreviewUpgrades(ctx context.Context, upgrade v1.UpgradeClustersRequest) (apiclient.Answer[[]v1.Preview], error)
	Task(ctx context.Context, id string) (apiclient.Answer[v1.TaskInfo], error)
	Tasks(ctx context.Context, limit int) (apiclient.Answer[[]v1.TaskInfo], error)
	CancelTask(ctx context.Context, id string) (apiclient.Answer[v1.TaskInfo], error)
}

// Run upgrades all clusters.
func (e *Errand) Run(ctx context.Context, site errand.Site) error {
	return e.Upgrade(ctx, site.API, site.Journal)
}
