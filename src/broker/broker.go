package broker

import (
	"context"
	"log/slog"
	"sync"

	"code.cloudfoundry.org/brokerapi/v13/domain"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/broker/credhub"
	"github.com/pks-community/pks-release/src/broker/oauthclient"
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
	secrets   SecretStore         // nil unless secure manifests are on
	handedOut BindingStore        // nil unless applications read their credentials at a store
	clients   *oauthclient.Keeper // nil unless a UAA for instances' clients is known
	instances *instanceList       // nil unless the platform offers its list
	logger    *slog.Logger

	changes  keyedLock // by instance: whatever changes its deployment
	bindings keyedLock // by instance and binding
	places   places
	catalog  catalogCache

	missingPlans sync.Map // ids of plans that were warned of
	view         *taskView
}

// Parts are what a broker works with.
type Parts struct {
	Config   config.Config
	Director *director.Client
	Adapter  *runner.Runner
	Secrets  SecretStore         // nil: no secure manifests
	Bindings BindingStore        // nil: credentials of bindings go to the platform
	Clients  *oauthclient.Keeper // nil: instances have no UAA clients
	Logger   *slog.Logger
}

// SecretStore keeps secrets in the manner of CredHub: by absolute path, in
// versions. What is not there is credhub.ErrNotFound, but for Delete, which then
// has nothing to do.
type SecretStore interface {
	ByID(ctx context.Context, id string) (credhub.Credential, error)
	ByName(ctx context.Context, name string) (credhub.Credential, error)
	// Below lists the names under a path; names that merely begin alike may be among them.
	Below(ctx context.Context, path string) ([]string, error)
	Put(ctx context.Context, name string, value any) error
	Delete(ctx context.Context, name string) error
}

// BindingStore keeps the credentials of bindings, by absolute path, for those who
// may read them. To delete what is not there is no error.
type BindingStore interface {
	// PutDocument takes text or an object.
	PutDocument(ctx context.Context, name string, value any) error
	Grant(ctx context.Context, name, actor string) error
	Delete(ctx context.Context, name string) error
}

var (
	_ SecretStore  = (*credhub.Client)(nil)
	_ BindingStore = (*credhub.Client)(nil)
)

// New puts a broker together. Its operations advance only while Watch runs.
func New(p Parts) (*Broker, error) {
	b := &Broker{
		config:    p.Config,
		director:  p.Director,
		adapter:   p.Adapter,
		secrets:   p.Secrets,
		handedOut: p.Bindings,
		clients:   p.Clients,
		logger:    p.Logger,
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
