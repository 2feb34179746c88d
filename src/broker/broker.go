package broker

import (
	"context"
	"log/slog"

	"code.cloudfoundry.org/brokerapi/v13/domain"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/broker/credhub"
	"github.com/pks-community/pks-release/src/broker/runner"
	"github.com/pks-community/pks-release/src/director"
	"github.com/pks-community/pks-release/src/pks"
)

var _ domain.ServiceBroker = (*Broker)(nil)

// Broker serves one offering. It is safe for concurrent use: requests for
// different instances never wait for each other here.
type Broker struct {
	config    config.Config
	director  *director.Client
	adapter   *runner.Runner
	secrets   *credhub.Client // nil unless secure manifests are on
	instances *instanceList   // nil unless the platform offers its list
	logger    *slog.Logger

	changes  keyedLock // by instance: whatever changes its deployment
	bindings keyedLock // by instance and binding
	catalog  catalogCache
	view     *taskView
}

// Parts are what a broker works with.
type Parts struct {
	Config   config.Config
	Director *director.Client
	Adapter  *runner.Runner
	Secrets  *credhub.Client // nil: no secure manifests
	Logger   *slog.Logger
}

// New puts a broker together. Its operations advance only while Watch runs.
func New(p Parts) (*Broker, error) {
	b := &Broker{
		config:   p.Config,
		director: p.Director,
		adapter:  p.Adapter,
		secrets:  p.Secrets,
		logger:   p.Logger,
	}
	if p.Config.ServiceInstances.URL != "" {
		list, err := newInstanceList(p.Config.ServiceInstances)
		if err != nil {
			return nil, err
		}
		b.instances = list
	}
	b.view = newTaskView(b, p.Config.Broker.TaskPollInterval())
	return b, nil
}

// Watch advances the operations that were accepted, until ctx ends: it notices
// the end of tasks, starts the errands that follow, and cleans up after deletions.
func (b *Broker) Watch(ctx context.Context) { b.view.run(ctx) }

func deploymentName(instanceID string) string { return pks.DeploymentPrefix + instanceID }
