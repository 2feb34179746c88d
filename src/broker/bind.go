package broker

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"code.cloudfoundry.org/brokerapi/v13/domain"
	"code.cloudfoundry.org/brokerapi/v13/domain/apiresponses"
	"golang.org/x/sync/errgroup"

	"github.com/pks-community/pks-release/src/broker/config"
	"github.com/pks-community/pks-release/src/broker/runner"
	"github.com/pks-community/pks-release/src/director"
)

// Bind makes credentials for an instance, synchronously (§1.11).
func (b *Broker) Bind(ctx context.Context, instanceID, bindingID string, details domain.BindDetails, _ bool) (domain.Binding, error) {
	ctx, cancel := shielded(ctx)
	defer cancel()
	binding, err := b.bind(ctx, instanceID, bindingID, details)
	if errors.Is(err, apiresponses.ErrInstanceDoesNotExist) {
		return binding, apiresponses.ErrInstanceDoesNotExist // answered with 404
	}
	return binding, b.answer(ctx, instanceID, "bind", err)
}

func (b *Broker) bind(ctx context.Context, instanceID, bindingID string, details domain.BindDetails) (domain.Binding, error) {
	none := domain.Binding{}
	if details.BindResource != nil && details.BindResource.BackupAgent && !b.config.Broker.SupportBackupAgentBinding {
		return none, refuse(http.StatusUnprocessableEntity, "", "service does not support backup agent binding")
	}
	if err := b.checkService(details.ServiceID); err != nil {
		return none, err
	}
	p, err := b.planOf(details.PlanID)
	if err != nil {
		return none, err
	}
	parameters, err := parametersOf(details.RawParameters)
	if err != nil {
		return none, err
	}
	params, err := bindParams(details, parameters)
	if err != nil {
		return none, err
	}
	reader := ""
	if b.handedOut != nil {
		if reader, err = readerOf(details); err != nil {
			return none, err
		}
	}
	release, err := b.bindings.acquire(ctx, instanceID+" "+bindingID)
	if err != nil {
		return none, err
	}
	defer release()

	request, err := b.bindingRequest(ctx, instanceID, bindingID, p)
	if err != nil {
		return none, err
	}
	err = b.checkParameters(ctx, p.ID, parameters, func(s *domain.ServiceSchemas) domain.Schema { return s.Binding.Create })
	if err != nil {
		return none, err
	}
	request.RequestParameters = params
	made, err := b.createBinding(ctx, request)
	if err != nil {
		return none, err
	}
	if b.handedOut != nil {
		if made.Credentials, err = b.handOut(ctx, b.credentialsName(instanceID, bindingID), reader, made.Credentials); err != nil {
			b.undoBinding(ctx, instanceID, details, request)
			return none, err
		}
	}
	return domain.Binding{
		Credentials: made.Credentials, SyslogDrainURL: made.SyslogDrainURL,
		RouteServiceURL: made.RouteServiceURL, BackupAgentURL: made.BackupAgentURL,
	}, nil
}

func (b *Broker) createBinding(ctx context.Context, request runner.BindingRequest) (runner.Binding, error) {
	made, err := b.adapter.CreateBinding(ctx, request)
	switch {
	case errors.Is(err, runner.ErrBindingAlreadyExists):
		return made, apiresponses.ErrBindingAlreadyExists
	case errors.Is(err, runner.ErrAppGUIDNotProvided):
		return made, apiresponses.ErrAppGuidNotProvided
	case err != nil:
		return made, fmt.Errorf("create binding: %w", err)
	}
	return made, nil
}

// bindingRequest gathers what the adapter needs to know of the instance, all at
// once.
func (b *Broker) bindingRequest(ctx context.Context, instanceID, bindingID string, p config.Plan) (runner.BindingRequest, error) {
	name := deploymentName(instanceID)
	request := runner.BindingRequest{BindingID: bindingID, Secrets: map[string]string{}, DNSAddresses: map[string]string{}}
	if _, ok := b.view.unsettled(instanceID); ok {
		return request, busy()
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		tasks, err := b.underWay(ctx, name)
		if err == nil && len(tasks) > 0 {
			return busy()
		}
		return err
	})
	group.Go(func() error {
		vms, err := b.director.VMs(ctx, name)
		request.VMs = addressesByGroup(vms)
		return err
	})
	group.Go(func() error {
		d, err := b.director.Deployment(ctx, name)
		if err != nil {
			return err
		}
		if d.Manifest == nil {
			return refuse(http.StatusUnprocessableEntity, "", "service instance was never deployed successfully: delete it, or repeat its creation")
		}
		request.Manifest = *d.Manifest
		request.Secrets = b.secretsOf(ctx, name, *d.Manifest)
		return nil
	})
	group.Go(func() error {
		addresses, err := b.dnsAddresses(ctx, name, p)
		request.DNSAddresses = addresses
		return err
	})
	err := group.Wait()
	if errors.Is(err, director.ErrNotFound) {
		return request, apiresponses.ErrInstanceDoesNotExist
	}
	return request, err
}

// secretsOf resolves the manifest's variables as far as they can be: which of them
// are needed is for the adapter to say.
func (b *Broker) secretsOf(ctx context.Context, deployment, manifest string) map[string]string {
	if b.secrets == nil {
		return nil
	}
	secrets, err := b.resolveSecrets(ctx, deployment, manifest)
	if err != nil {
		b.logger.WarnContext(ctx, "secrets of the manifest could not be resolved", "cluster", deployment, "error", err)
	}
	return secrets
}
